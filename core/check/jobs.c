#include "core/check/internal.h"

#include "core/ledger/ledger.h"
#include "core/wire.h"

static struct bytes id_bytes(const struct uuid *id) { return bytes_of(id->at, sizeof(id->at)); }

/* ---- the entries of the index that it must have ---- */

static struct check_key *begin(struct check_keys *keys, char letter, struct bytes text, bool end)
{
	struct check_key *k = &keys->key[keys->n++];
	*k = (struct check_key){.at = {(uint8_t)letter}, .len = 1};
	check_add(k, text);
	if (end)
		k->at[k->len++] = 0;
	return k;
}

static void add_time(struct check_key *k, int64_t ms)
{
	wire_be64(k->at + k->len, (uint64_t)ms);
	k->len += 8;
}

void check_index_keys(const struct job *job, struct check_keys *ret)
{
	uint8_t state = (uint8_t)job->state;
	struct job_line line = job_line_of(job);
	bool final = job_final(job->state);
	ret->n = 0;
	begin(ret, 's', bytes_of(&state, 1), false);
	begin(ret, 'u', bytes_cut(job->user, JOB_NAME_MAX), true);
	begin(ret, 'k', bytes_cut(job->kind, JOB_NAME_MAX), true);
	begin(ret, 'j', bytes_cut(job->name, JOB_NAME_MAX), true);
	if (job_is_held(job))
		begin(ret, 'h', BYTES(""), false);
	if (!final && !uuid_is_nil(job->parent))
		begin(ret, 'p', id_bytes(&job->parent), false);
	if (final)
		add_time(begin(ret, 'f', BYTES(""), false), job->finished_ms);
	if (final) { /* until its stages are cut down */
		struct check_key *k = begin(ret, 'x', BYTES(""), false);
		add_time(k, job->finished_ms);
		k->optional = true;
	}
	if (line.which && line.plugin.len)
		add_time(begin(ret, line.which, bytes_cut(line.plugin, 300), true), line.since_ms);
	for (size_t i = 0; i < ret->n; i++)
		check_add(&ret->key[i], id_bytes(&job->id));
}

static const char *index_name(char letter)
{
	switch (letter) {
	case 's':
		return "by its state";
	case 'u':
		return "by its user";
	case 'k':
		return "by its kind";
	case 'j':
		return "by its name";
	case 'h':
		return "of the held";
	case 'p':
		return "as a child of its parent";
	case 'f':
		return "by its end";
	default:
		return "in the line of its plugin";
	}
}

static void check_indexed(struct checking *c, struct bytes key, const struct job *job)
{
	struct check_keys keys;
	bool names = check_names_indexed(c);
	check_index_keys(job, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!keys.key[i].optional && (keys.key[i].at[0] != 'j' || names) &&
		    (keys.key[i].at[0] != 'f' || !c->by_end_unknown) &&
		    !store_has(c->txn, STORE_INDEX, check_bytes(&keys.key[i])))
			wrong(c, key, "the index does not have it %s",
			      index_name((char)keys.key[i].at[0]));
}

/* ---- the record in itself ---- */

static void check_times(struct checking *c, struct bytes key, const struct job *job)
{
	bool final = job_final(job->state);
	bool open = job->state == JOB_PREPARING || job->state == JOB_SUSPENDED;
	if (final != (job->finished_ms != 0))
		wrong(c, key, "it is %s and has %s", job_state_name(job->state),
		      final ? "no end" : "an end");
	if ((job->state == JOB_RUNNING || job->state == JOB_SUCCEEDED) && !job->started_ms)
		wrong(c, key, "it is %s and has not started", job_state_name(job->state));
	if (open && job->started_ms)
		wrong(c, key, "it is %s and has started", job_state_name(job->state));
	if (final && (job->next != NEXT_NOTHING || job->next_ms))
		wrong(c, key, "it has ended, and something is to happen to it");
	if (job->next == NEXT_NOTHING && job->next_ms)
		wrong(c, key, "it has a time and nothing that happens then");
	if (job->created_ms <= 0 || job->since_ms <= 0)
		wrong(c, key, "it has no time of submission");
}

static void check_record(struct checking *c, struct bytes key, const struct job *job)
{
	if (!bytes_eq(id_bytes(&job->id), key))
		wrong(c, key, "its record has another id");
	if (!job->user.len || !job->name.len || !job->kind.len)
		wrong(c, key, "it lacks a user, name or kind");
	if (!job->moves || job->moves > job->events)
		wrong(c, key, "it has made %u moves with %u events", job->moves, job->events);
	if (job->log_from > EVENTS_FIRST && job->log_from >= job->events)
		wrong(c, key, "its log begins behind its end");
	if (!job->reason_code.len)
		wrong(c, key, "it has no reason code");
	check_times(c, key, job);
}

static void check_own_timer(struct checking *c, struct bytes key, const struct job *job)
{
	struct check_key k = {.len = 0};
	if (!job->next_ms)
		return;
	add_time(&k, job->next_ms);
	check_add(&k, id_bytes(&job->id));
	if (!store_has(c->txn, STORE_TIMERS, check_bytes(&k)))
		wrong(c, key, "its timer is missing");
}

int check_job_entry(struct checking *c, struct bytes key, struct bytes val)
{
	struct job job;
	if (key.len != 16) {
		wrong(c, key, "the key is not an id");
		return 0;
	}
	c->sum->jobs++;
	if (job_decode(val, &job)) {
		wrong(c, key, "its record cannot be read");
		return 0;
	}
	if (((const uint8_t *)key.at)[6] >> 4 != 7)
		wrong(c, key, "the id is no UUID of version 7");
	check_record(c, key, &job);
	check_indexed(c, key, &job);
	check_own_timer(c, key, &job);
	check_note_group(c, &job);
	check_moves(c, key, &job);
	return check_parts(c, key, &job);
}
