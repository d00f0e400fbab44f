/* A job's documents, log and replicas. */
#include "core/check/internal.h"

#include "core/json/index.h"
#include "core/ledger/docs.h"
#include "core/ledger/erase.h"
#include "core/ledger/kept.h"
#include "core/policy/replica.h"
#include "core/policy/taskset.h"
#include "core/progress.h"
#include "core/wire.h"

enum { DEPTH_MAX = 128, BODY_MAX = 256 << 20 };

/* ---- documents ---- */

static const char *part_name(uint8_t part)
{
	switch (part) {
	case PART_HEADER:
		return "the header";
	case PART_JOB:
		return "the submission";
	case PART_TASKSET:
		return "the TaskSet";
	case PART_FACTORS:
		return "the factors";
	case PART_PROVENANCE:
		return "who added what";
	case PART_PROGRESS:
		return "the progress";
	default:
		return part >= '0' && part < '0' + PLUGIN_STAGES ? "a stage" : NULL;
	}
}

/* Is it a whole JSON document of this type? `keep` gets the index. */
static int read_json(struct bytes text, enum json_type type, struct json *keep)
{
	static const struct json_limits limits = {1 << 30, DEPTH_MAX};
	int rc = json_parse(keep, text, &limits, NULL);
	if (rc)
		return rc == SL_E_NO_MEMORY ? rc : 1;
	return json_type(keep, 0) == type ? 0 : 1;
}

/* 1: it cannot be read. */
static int read_part(uint8_t part, struct bytes val)
{
	scoped(json_finip) struct json json = {0};
	struct progress progress = {0};
	switch (part) {
	case PART_PROGRESS:
		return progress_decode(val, &progress) ? 1 : 0;
	case PART_PROVENANCE:
		return read_json(val, JSON_ARRAY, &json);
	case PART_HEADER:
	case PART_JOB:
	case PART_TASKSET:
	case PART_FACTORS:
		return read_json(val, JSON_OBJECT, &json);
	default:
		return 0; /* a stage: with its job */
	}
}

static struct uuid id_of(struct bytes key)
{
	struct uuid id;
	memcpy(id.at, key.at, sizeof(id.at));
	return id;
}

/* Is the job of these bytes there, or is it being erased? */
static int check_owner(struct checking *c, struct bytes key, struct uuid id)
{
	uint8_t mark[17] = {'e'};
	if (store_has(c->txn, STORE_JOBS, bytes_of(id.at, 16)))
		return 0;
	memcpy(mark + 1, id.at, 16);
	if (store_has(c->txn, STORE_INDEX, bytes_of(mark, sizeof(mark))))
		return 0;
	wrong(c, key, "its job is not there");
	return 1;
}

int check_doc(struct checking *c, struct bytes key, struct bytes val SL_UNUSED)
{
	struct uuid id;
	enum job_part part;
	struct bytes text;
	if (!docs_key_read(key, &id, &part)) {
		wrong(c, key, "the key is not a part and an id");
		return 0;
	}
	if (check_owner(c, key, id))
		return 0;
	int rc = ledger_doc(c->txn, id, part, &text);
	if (!rc)
		rc = read_part((uint8_t)part, text);
	store_take_back(c->txn);
	if (rc == 1 || rc == SL_E_CORRUPT)
		wrong(c, key, "%s cannot be read", part_name((uint8_t)part));
	return rc == 1 || rc == SL_E_CORRUPT ? 0 : rc;
}

/* One that belongs to none would stay when its document goes. */
int check_piece(struct checking *c, struct bytes key, struct bytes val)
{
	if (!docs_has_piece(c->txn, c->table, key, val))
		wrong(c, key, "a piece that belongs to no document");
	return 0;
}

/* ---- stages as they were given ---- */

static int check_stage(struct checking *c, struct bytes key, const struct job *job,
		       enum plugin_type stage)
{
	scoped(kept_finip) struct kept kept = {0};
	scoped(buf_finip) struct buf body = {0};
	struct kept_stage record;
	struct sl_error err = {0};
	int rc = kept_stage(c->txn, job->id, stage, &record);
	if (rc == SL_E_NOT_FOUND || (!rc && record.gone))
		return 0;
	if (!rc)
		rc = kept_read(c->txn, job->id, stage, &kept, &err);
	if (rc == SL_E_NO_MEMORY)
		return rc;
	if (rc) {
		wrong(c, key, "what the stage %s was given cannot be rebuilt",
		      plugin_type_name(stage));
		return 0;
	}
	buf_init(&body, BODY_MAX);
	kept_body(kept.factors, kept.header, kept.document, &body);
	if (body.rc)
		return body.rc == SL_E_NO_MEMORY ? body.rc : 0;
	if (!kept_matches(&kept, buf_bytes(&body)))
		wrong(c, key, "what the stage %s was given, rebuilt, is not what was sent",
		      plugin_type_name(stage));
	return 0;
}

/* Whether a stage still holds more than its digest. */
static bool holds_more(struct checking *c, const struct job *job)
{
	struct kept_stage record;
	struct bytes text;
	bool more = ledger_doc(c->txn, job->id, PART_FACTORS, &text) == 0;
	for (int s = 0; s < PLUGIN_STAGES; s++)
		more |= kept_stage(c->txn, job->id, (enum plugin_type)s, &record) == 0 &&
			!record.gone;
	return more;
}

static int check_stages(struct checking *c, struct bytes key, const struct job *job)
{
	uint8_t cut[25] = {'x'};
	int rc = 0;
	for (int s = 0; s < PLUGIN_STAGES && !rc; s++)
		rc = check_stage(c, key, job, (enum plugin_type)s);
	if (rc || !job_final(job->state) || c->by_end_unknown)
		return rc;
	wire_be64(cut + 1, (uint64_t)job->finished_ms);
	memcpy(cut + 9, job->id.at, 16);
	if (!store_has(c->txn, STORE_INDEX, bytes_of(cut, sizeof(cut))) && holds_more(c, job))
		wrong(c, key, "the index does not have it by its end, to cut down its stages");
	return 0;
}

/* Has it come behind its translation? */
static bool is_translated(struct checking *c, const struct job *job)
{
	struct progress progress = {0};
	struct bytes text;
	if (job->state == JOB_WAITING || job->state == JOB_RUNNING || job->state == JOB_SUCCEEDED)
		return true;
	return ledger_doc(c->txn, job->id, PART_PROGRESS, &text) == 0 &&
	       progress_decode(text, &progress) == 0 && progress.stage > PLUGIN_TRANSLATOR;
}

static int check_docs(struct checking *c, struct bytes key, const struct job *job)
{
	const enum job_part needed[] = {PART_HEADER, PART_JOB, PART_TASKSET};
	struct bytes text;
	for (size_t i = 0; i < (is_translated(c, job) ? 3 : 2); i++)
		if (ledger_doc(c->txn, job->id, needed[i], &text) == SL_E_NOT_FOUND)
			wrong(c, key, "%s is missing", part_name((uint8_t)needed[i]));
	return check_stages(c, key, job);
}

/* ---- the log ---- */

struct log {
	struct checking *c;
	struct bytes key;
	const struct job *job;
	uint32_t next, moves;
	uint64_t bytes;
	enum job_state state;
	bool chain; /* all of it was kept, so the moves can be followed */
	bool broken;
};

static void follow(struct log *l, const struct event *e)
{
	if (e->type != EVENT_STATE)
		return;
	bool fits = l->moves ? job_may_move(l->state, e->state) : e->state == JOB_PREPARING;
	if (l->chain && !fits)
		wrong(l->c, l->key, "by its log it moved from %s to %s",
		      l->moves ? job_state_name(l->state) : "nothing", job_state_name(e->state));
	l->moves++;
	l->state = e->state;
}

static int read_event(struct log *l, uint32_t number, struct bytes val)
{
	struct event e;
	if (l->next == EVENTS_FIRST && l->job->log_from > EVENTS_FIRST)
		l->next = l->job->log_from;
	if (number != l->next) {
		wrong(l->c, l->key, "event %u of its log is missing", l->next);
		l->broken = true;
	}
	l->next = number + 1;
	l->bytes += val.len;
	if (event_decode(val, &e))
		l->broken = true; /* told with the event itself */
	else
		follow(l, &e);
	return 0;
}

static void end_log(struct log *l)
{
	const struct job *job = l->job;
	if (l->broken)
		return;
	if (l->next != job->events)
		wrong(l->c, l->key, "its log ends with %u events, its record says %u", l->next,
		      job->events);
	else if (l->bytes != job->log_bytes)
		wrong(l->c, l->key, "its log has %llu bytes, its record says %u",
		      (unsigned long long)l->bytes, job->log_bytes);
	else if (l->chain && (l->moves != job->moves || l->state != job->state))
		wrong(l->c, l->key, "it is %s after %u moves, by its log %s after %u",
		      job_state_name(job->state), job->moves, job_state_name(l->state), l->moves);
}

static int check_log(struct checking *c, struct bytes key, const struct job *job)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct log l = {.c = c, .key = key, .job = job, .chain = job->log_from <= EVENTS_FIRST};
	struct bytes at, val;
	int rc = store_cursor_open(c->txn, STORE_EVENTS, &cursor);
	if (!rc)
		rc = store_seek(cursor, key, &at, &val);
	while (!rc && at.len >= 16 && memcmp(at.at, key.at, 16) == 0) {
		if (at.len == 20)
			rc = read_event(&l, (uint32_t)wire_from_be((const uint8_t *)at.at + 16, 4),
					val);
		if (!rc)
			rc = store_next(cursor, &at, &val);
	}
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	end_log(&l);
	return 0;
}

int check_event(struct checking *c, struct bytes key, struct bytes val)
{
	struct event e;
	if (key.len != 20)
		wrong(c, key, "the key is not an id and a number");
	else if (check_owner(c, key, id_of(key)) == 0 && event_decode(val, &e))
		wrong(c, key, "the event cannot be read");
	return 0;
}

/* ---- replicas ---- */

int check_replica(struct checking *c, struct bytes key, struct bytes val)
{
	struct replica r;
	if (key.len != 24)
		wrong(c, key, "the key is not an id, a role and a number");
	else if (check_owner(c, key, id_of(key)) == 0 && replica_decode(val, &r))
		wrong(c, key, "the replica's record cannot be read");
	return 0;
}

struct replicas {
	struct checking *c;
	struct bytes key;
	const struct job *job;
	const struct taskset *set;
};

static void see_replica(void *user, uint32_t role, uint32_t index, const struct replica *r)
{
	struct replicas *q = user;
	bool alive = r->state == REPLICA_STARTING || r->state == REPLICA_RUNNING;
	if (role >= q->set->roles || index >= q->set->role[role].replicas)
		wrong(q->c, q->key, "it has replica %u of role %u, which its TaskSet has not",
		      index, role);
	else if (job_final(q->job->state) && alive)
		wrong(q->c, q->key, "it has ended, and replica %u of role %u is %s", index, role,
		      replica_state_name(r->state));
}

/* Against the TaskSet that its engine was handed. */
static int check_replicas(struct checking *c, struct bytes key, const struct job *job)
{
	scoped(json_finip) struct json json = {0};
	scoped(taskset_freep) struct taskset *set = NULL;
	struct replicas q = {c, key, job, NULL};
	struct bytes text;
	int rc = ledger_doc(c->txn, job->id, PART_TASKSET, &text);
	if (rc || job->state == JOB_PREPARING || job->state == JOB_SUSPENDED)
		return rc == SL_E_NOT_FOUND || rc == SL_E_CORRUPT ? 0 : rc; /* told already */
	if (job->state == JOB_FAILED || job->state == JOB_STOPPED)
		if (!job->started_ms)
			return 0; /* it may never have been checked */
	rc = read_json(text, JSON_OBJECT, &json);
	if (rc)
		return rc < 0 ? rc : 0; /* told with the document */
	rc = taskset_read(&json, 0, &set, NULL);
	if (rc == SL_E_NO_MEMORY)
		return rc;
	if (rc) {
		wrong(c, key, "its TaskSet is not one that may run");
		return 0;
	}
	q.set = set;
	rc = ledger_replicas(c->txn, job->id, see_replica, &q);
	return rc == SL_E_CORRUPT ? 0 : rc; /* likewise */
}

int check_parts(struct checking *c, struct bytes key, const struct job *job)
{
	int rc = check_docs(c, key, job);
	if (!rc)
		rc = check_log(c, key, job);
	if (!rc)
		rc = check_replicas(c, key, job);
	store_take_back(c->txn);
	return rc;
}
