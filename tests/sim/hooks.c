/* LifeHooks: what they must be told, worked out from the feed and from what is registered
 * when a change is committed, against what they are told. */
#include "tests/sim/sim.h"

#include "core/outbox.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const keys[SIM_HOOKS] = {"LifeHook.h1.sim", "LifeHook.h2.sim"};

static unsigned hook_of(enum sim_plugin plugin) { return (unsigned)(plugin - SIM_H1); }

static size_t job_index(const struct sim *s, const struct sim_job *job)
{
	return (size_t)(job - s->job);
}

/* ---- what must be told ---- */

static bool listens(struct sim *s, unsigned hook, const struct sim_job *job,
		    const struct feed_entry *e)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(s->registry);
	const struct plugin *p = registry_plugin(now, bytes_str(keys[hook]));
	bool usual = e->state != JOB_PREPARING && e->state != JOB_SUSPENDED;
	return p && p->feature->enabled && (hook == 0 || (usual && job->gates));
}

static bool see_entry(void *user, const struct feed_entry *e)
{
	struct sim *s = user;
	struct sim_job *job = sim_find(s, e->job);
	if (e->number != s->feed + 1)
		sim_wrong(s, job, "feed entry %llu comes after %llu", (unsigned long long)e->number,
			  (unsigned long long)s->feed);
	s->feed = e->number;
	if (!job)
		sim_wrong(s, NULL, "a feed entry of a job that was not accepted");
	if (e->sequence != ++job->sequence)
		sim_wrong(s, job, "change %u comes after %u", e->sequence, job->sequence - 1);
	for (unsigned i = 0; i < SIM_HOOKS && e->sequence < SIM_CHANGES_MAX; i++)
		if (listens(s, i, job, e))
			s->hook[i].told[job_index(s, job)][e->sequence] = (struct sim_told){
				.wanted = true, .epoch = s->hook[i].epoch, .state = e->state};
	return true;
}

void hooks_read_feed(struct sim *s)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	if (store_begin(s->store, STORE_READ, &txn) || feed_read(txn, s->feed, see_entry, s))
		sim_wrong(s, NULL, "the feed cannot be read");
}

/* ---- what is told ---- */

struct said {
	struct sim_job *job;
	uint32_t sequence;
	enum job_state state;
};

static struct said read_call(struct sim *s, const struct fake_call *c)
{
	static const struct json_limits limits = {1 << 20, 64};
	struct json json = {0};
	struct uuid id;
	struct said said = {0};
	double sequence;
	if (json_parse(&json, bytes_of(c->body, c->body_len), &limits, NULL))
		sim_wrong(s, NULL, "a LifeHook is sent what is not JSON: %s", c->body);
	struct bytes text = json_raw(&json, json_get(&json, 0, BYTES("id")));
	struct bytes state = json_raw(&json, json_get(&json, 0, BYTES("current_state")));
	struct bytes number = json_raw(&json, json_get(&json, 0, BYTES("sequence")));
	sequence = strtod(number.at, NULL);
	if (uuid_parse(bytes_of((const char *)text.at + 1, text.len - 2), &id) ||
	    job_state_parse(bytes_of((const char *)state.at + 1, state.len - 2), &said.state))
		sim_wrong(s, NULL, "a LifeHook is sent %s", c->body);
	said.sequence = (uint32_t)sequence;
	said.job = sim_find(s, id);
	json_fini(&json);
	if (!said.job)
		sim_wrong(s, NULL, "a LifeHook is told of an unknown job: %s", c->body);
	return said;
}

struct earlier {
	struct sim *s;
	struct sim_job *job;
	uint32_t sequence;
	uint64_t subscriber;
	unsigned hook;
};

static bool is_later(void *user, const struct delivery *d)
{
	struct earlier *e = user;
	const struct sim_told *told =
		&e->s->hook[e->hook].told[job_index(e->s, e->job)][d->entry.sequence];
	bool heard = told->done && told->life == e->s->life; /* and it is not yet written */
	if (!d->dead && !heard && d->subscriber == e->subscriber && d->entry.sequence < e->sequence)
		sim_wrong(e->s, e->job, "change %u is sent while %u is not acknowledged",
			  e->sequence, d->entry.sequence);
	return true;
}

static void check_order(struct sim *s, unsigned hook, const struct said *said)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct outbox_filter f = {.job = said->job->id};
	struct outbox_place at = {0};
	struct subscriber sub;
	struct earlier e = {s, said->job, said->sequence, 0, hook};
	bool end;
	if (store_begin(s->store, STORE_READ, &txn) ||
	    outbox_find(txn, bytes_str(keys[hook]), &sub))
		sim_wrong(s, said->job, "%s is sent something and is no subscriber", keys[hook]);
	e.subscriber = sub.number;
	if (outbox_walk(txn, &f, &at, is_later, &e, &end) || !end)
		sim_wrong(s, said->job, "the deliveries of a job cannot be read");
}

static struct sim_told *told_of(struct sim *s, unsigned hook, const struct said *said)
{
	return &s->hook[hook].told[job_index(s, said->job)][said->sequence];
}

static void check_send(struct sim *s, unsigned hook, const struct fake_call *c)
{
	struct said said = read_call(s, c);
	scoped(registry_dropp) const struct registry_ref *now = registry_take(s->registry);
	const struct plugin *p = registry_plugin(now, bytes_str(keys[hook]));
	const char *webhook = fake_call_header(c, "webhook-id");
	if (said.sequence >= SIM_CHANGES_MAX)
		return;
	struct sim_told *told = told_of(s, hook, &said);
	if (!p || !p->feature->enabled)
		sim_wrong(s, said.job, "%s is off and is sent something", keys[hook]);
	if (s->hook[hook].gone)
		sim_wrong(s, said.job, "%s said it is gone and is sent something", keys[hook]);
	if (!told->wanted || told->state != said.state)
		sim_wrong(s, said.job, "%s is told of change %u (%s), which it is not to hear of",
			  keys[hook], said.sequence, job_state_name(said.state));
	if (told->epoch != s->hook[hook].epoch)
		sim_wrong(s, said.job, "%s is told what was for the one before it", keys[hook]);
	if (told->done && told->life == s->life)
		sim_wrong(s, said.job, "%s acknowledged change %u and is sent it again", keys[hook],
			  said.sequence);
	if (told->webhook[0] && strcmp(told->webhook, webhook) != 0)
		sim_wrong(s, said.job, "change %u is sent again under another webhook-id",
			  said.sequence);
	snprintf(told->webhook, sizeof(told->webhook), "%s", webhook);
	told->turns = s->hook[hook].turns;
	check_order(s, hook, &said);
}

/* ---- what it answers ---- */

void hooks_answer(struct sim *s, enum sim_plugin plugin, const struct fake_call *c,
		  struct fake_answer *ret)
{
	unsigned hook = hook_of(plugin);
	uint32_t dice = s->calm ? 0 : seeded_below(&s->random, 100);
	check_send(s, hook, c);
	ret->delay_ms = seeded_below(&s->random, 300);
	if (dice < 70)
		ret->body = "OK";
	else if (dice < 75)
		ret->status = 204;
	else if (dice < 92)
		ret->body = "RE";
	else if (dice < 98 || hook == 0)
		ret->body = "EX: not mine";
	else
		ret->status = 410;
}

/* It counts when it is heard. */
void hooks_telling(struct sim *s, enum sim_plugin plugin, const struct fake_call *c)
{
	unsigned hook = hook_of(plugin);
	struct said said = read_call(s, c);
	bool body = c->status == 200 && c->answer;
	if (c->rc || said.sequence >= SIM_CHANGES_MAX)
		return;
	struct sim_told *told = told_of(s, hook, &said);
	if (told->epoch != s->hook[hook].epoch)
		return;
	if (c->status == 410 || c->status == 204 ||
	    (body && (!strcmp(c->answer, "OK") || !strncmp(c->answer, "EX", 2)))) {
		told->done = true;
		told->life = s->life;
	}
	s->hook[hook].gone |= c->status == 410 && told->turns == s->hook[hook].turns;
}

/* ---- features come and go ---- */

/* What was committed so far was matched against what was registered so far. */
static void settle(struct sim *s)
{
	writer_turn(s->writer);
	hooks_read_feed(s);
}

void hooks_turn_feature(struct sim *s, bool on)
{
	settle(s);
	if (world_turn_feature(s, "h2", on) == 0 && on) {
		s->hook[1].gone = false;
		s->hook[1].turns++;
	}
}

void hooks_delete_feature(struct sim *s)
{
	settle(s);
	if (world_delete_feature(s, "h2") == 0) {
		s->hook[1].epoch++;
		s->hook[1].gone = false;
	}
	world_register_hook(s);
}

/* A 410 that was heard and not yet written is forgotten. */
void hooks_crashed(struct sim *s)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct subscriber sub;
	if (store_begin(s->store, STORE_READ, &txn))
		sim_wrong(s, NULL, "the store cannot be read");
	s->hook[1].gone = outbox_find(txn, bytes_str(keys[1]), &sub) == 0 && sub.gone_ms;
}

/* ---- in the end ---- */

size_t hooks_left(struct sim *s)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct subscriber sub;
	uint64_t at = 0;
	size_t n = 0;
	if (store_begin(s->store, STORE_READ, &txn))
		sim_wrong(s, NULL, "the store cannot be read");
	for (; outbox_next(txn, at, &sub) == 0; at = sub.number)
		n += sub.pending;
	return n;
}

void hooks_check_rest(struct sim *s)
{
	if (!hooks_idle(s->hooks))
		sim_wrong(s, NULL, "all is told and the hooks are still busy");
	for (unsigned i = 0; i < SIM_HOOKS; i++)
		for (size_t k = 0; k < s->jobs; k++)
			for (uint32_t n = 1; n < SIM_CHANGES_MAX; n++) {
				const struct sim_told *t = &s->hook[i].told[k][n];
				if (t->wanted && !t->done && t->epoch == s->hook[i].epoch)
					sim_wrong(s, &s->job[k], "%s was never told of change %u",
						  keys[i], n);
				s->told += t->done;
			}
}
