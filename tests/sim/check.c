/* What must hold after every step, read from what is committed. */
#include "tests/sim/sim.h"

#include "core/check.h"
#include "core/ledger/docs.h"
#include "core/ledger/erase.h"
#include "core/ledger/kept.h"
#include "core/ledger/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sim_wrong(const struct sim *s, const struct sim_job *job, const char *fmt, ...)
{
	char id[UUID_TEXT_SIZE] = "";
	va_list ap;
	fflush(stdout);
	fprintf(stderr, "seed %llu step %u: ", (unsigned long long)s->seed, s->step);
	if (job)
		fprintf(stderr, "job %s: ", uuid_format(job->id, id));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

struct sim_job *sim_find(struct sim *s, struct uuid id)
{
	for (size_t i = 0; i < s->jobs; i++)
		if (uuid_eq(s->job[i].id, id))
			return &s->job[i];
	return NULL;
}

/* The contract's moves, written down once more. */
static bool legal(enum job_state from, enum job_state to)
{
	switch (from) {
	case JOB_PREPARING:
		return to == JOB_SUSPENDED || to == JOB_WAITING || to == JOB_FAILED ||
		       to == JOB_STOPPED;
	case JOB_SUSPENDED:
		return to == JOB_PREPARING || to == JOB_STOPPED || to == JOB_FAILED;
	case JOB_WAITING:
		return to == JOB_RUNNING || to == JOB_FAILED || to == JOB_STOPPED;
	case JOB_RUNNING:
		return to == JOB_SUCCEEDED || to == JOB_FAILED || to == JOB_STOPPED;
	default:
		return false;
	}
}

/* ---- one job ---- */

struct reading {
	struct sim *s;
	struct sim_job *job;
};

/* A start is told once. */
static void read_replica(struct sim *s, struct sim_job *job, const struct event *e)
{
	unsigned role = e->role.len ? (unsigned)*(const char *)e->role.at - 'a' : 0;
	bool start = bytes_is(e->outcome, "started");
	bool *started = &job->started[role % 4][e->index % 8];
	if (start && *started)
		sim_wrong(s, job, "the start of %.*s %d is told twice", BYTES_FMT(e->role),
			  e->index);
	*started = start;
}

static bool read_event(void *user, uint32_t number, const struct event *e)
{
	struct reading *r = user;
	struct sim_job *job = r->job;
	if (number != job->events)
		sim_wrong(r->s, job, "event %u comes after %u", number, job->events);
	job->events++;
	if (r->s->talk)
		printf("   %u event %u of %02x%02x: type %d state %s %.*s %.*s %.*s\n", r->s->step,
		       number, job->id.at[14], job->id.at[15], e->type, job_state_name(e->state),
		       BYTES_FMT(e->reason_code), BYTES_FMT(e->outcome), BYTES_FMT(e->reason));
	/* a gate whose breaker is open fails open without a call */
	if (e->type == EVENT_NOTE && bytes_is(e->outcome, "failed_open"))
		job->gate[SIM_G3].excused = true;
	if (e->type == EVENT_REPLICA)
		read_replica(r->s, job, e);
	if (e->type != EVENT_STATE)
		return true;
	if (!job->begun ? e->state != JOB_PREPARING : !legal(job->chain, e->state))
		sim_wrong(r->s, job, "moved from %s to %s", job_state_name(job->chain),
			  job_state_name(e->state));
	job->begun = true;
	job->chain = e->state;
	return true;
}

/* Each stage that was asked can be read as it was given: the body made of it is the one
 * that was sent. */
static void check_kept(struct sim *s, struct sim_job *job, struct store_txn *txn)
{
	for (int stage = 0; stage < PLUGIN_STAGES; stage++) {
		scoped(kept_finip) struct kept kept = {0};
		scoped(buf_finip) struct buf body = {0};
		struct kept_stage record;
		struct sl_error err = {0};
		if (kept_stage(txn, job->id, (enum plugin_type)stage, &record) || record.gone)
			continue;
		buf_init(&body, 1 << 20);
		if (kept_read(txn, job->id, (enum plugin_type)stage, &kept, &err))
			sim_wrong(s, job, "stage %d cannot be read back: %s", stage, err.text);
		kept_body(kept.factors, kept.header, kept.document, &body);
		if (!kept_matches(&kept, buf_bytes(&body)))
			sim_wrong(s, job, "stage %d was given something else than %s", stage,
				  buf_str(&body));
	}
}

/* Nothing is handed over that a gate has not let go, or a person. */
static void check_handed_over(struct sim *s, struct sim_job *job, struct store_txn *txn)
{
	struct bytes text;
	job->was_waiting = true;
	if (job->shape == SIM_NEVER_FITS)
		sim_wrong(s, job, "handed over although its gang never fits");
	check_kept(s, job, txn);
	for (int i = 0; job->gates && i < SIM_G4; i++)
		if (!job->gate[i].passed && !job->gate[i].excused)
			sim_wrong(s, job, "handed over without %s", sim_plugin_path[i]);
	for (int i = 0; i < SIM_GATES; i++)
		if (job->gate[i].stopped && job->gate[i].life == s->life)
			sim_wrong(s, job, "handed over although %s stopped it", sim_plugin_path[i]);
	if (ledger_doc(txn, job->id, PART_TASKSET, &text))
		sim_wrong(s, job, "handed over without a TaskSet");
	if (job->decorated && !memmem(text.at, text.len, "\"x-d1\":1", 8))
		sim_wrong(s, job, "handed over without what d1 added");
}

static void check_outcome(struct sim *s, struct sim_job *job, const struct job *now,
			  struct store_txn *txn)
{
	size_t alive = sim_engine_alive(&s->engine, job->id);
	job->final = true;
	job->final_turn = s->turn;
	job->finished_ms = now->finished_ms;
	check_kept(s, job, txn);
	if (alive)
		sim_wrong(s, job, "%s while %zu replicas are alive", job_state_name(now->state),
			  alive);
	if (!now->finished_ms || now->next_ms || !now->reason_code.len || !now->reason.len)
		sim_wrong(s, job, "%s without finishedAt or reason, or with a timer",
			  job_state_name(now->state));
	if (now->state != JOB_SUCCEEDED)
		return;
	if (job->shape <= 1)
		for (uint32_t i = 0; i < (job->shape ? 2u : 1u); i++)
			if (!sim_engine_succeeded(&s->engine, job->id, 0, i))
				sim_wrong(s, job, "succeeded, but replica %u of role a did not", i);
	if (job->shape == 1 && !sim_engine_succeeded(&s->engine, job->id, 1, 0))
		sim_wrong(s, job, "succeeded, but role b did not");
}

static size_t not_gone(const struct sim *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->jobs; i++)
		n += !s->job[i].gone;
	return n;
}

/* How many there were when this one went, at most: what somebody erased in the same step
 * may have gone after it. */
static size_t there_were(const struct sim *s)
{
	size_t n = not_gone(s);
	for (size_t i = 0; i < s->jobs; i++)
		n += s->job[i].gone && s->job[i].erased && s->job[i].gone_step == s->step;
	return n;
}

/* Only a final job may go: because somebody said so, or it is old, or they are too many. */
static void check_gone(struct sim *s, struct sim_job *job)
{
	if (!job->final)
		sim_wrong(s, job, "was answered with its id and is gone");
	if (!job->erased && !job->gone && there_were(s) <= SIM_KEEP &&
	    job->finished_ms + SIM_KEEP_MS > clock_wall_ms(&s->clock.base))
		sim_wrong(s, job, "is gone before its time");
	if (!job->gone)
		job->gone_step = s->step;
	job->gone = true;
}

static void check_job(struct sim *s, struct sim_job *job, struct store_txn *txn)
{
	struct reading r = {s, job};
	struct job now;
	int rc = ledger_get(txn, job->id, &now);
	if (rc == SL_E_NOT_FOUND) {
		check_gone(s, job);
		return;
	}
	if (rc || job->gone || job->erased)
		sim_wrong(s, job, "cannot be read, or is there again");
	if (job->final && now.state != job->state)
		sim_wrong(s, job, "was %s and is %s", job_state_name(job->state),
			  job_state_name(now.state));
	if (ledger_events(txn, job->id, job->events, read_event, &r))
		sim_wrong(s, job, "its events cannot be read");
	if (job->chain != now.state || job->events != now.events)
		sim_wrong(s, job, "is %s, by its events %s", job_state_name(now.state),
			  job_state_name(job->chain));
	if (now.state == JOB_WAITING || now.state == JOB_RUNNING || now.state == JOB_SUCCEEDED)
		if (!job->was_waiting)
			check_handed_over(s, job, txn);
	if (job_final(now.state) && !job->final)
		check_outcome(s, job, &now, txn);
	if (job->stopped && job_final(now.state) && now.state != JOB_STOPPED)
		sim_wrong(s, job, "was stopped, yet it is %s", job_state_name(now.state));
	if (now.parked_ms && !job->parked) {
		s->parkings++;
		job->seen_ms = s->clock.now_wall_ms;
	}
	if (now.parked_ms)
		job->parked_ms = now.parked_ms;
	job->created_ms = now.created_ms;
	job->since_ms = now.since_ms;
	job->parked = now.parked_ms != 0;
	job->state = now.state;
}

/* ---- counters, index, timers ---- */

struct tally {
	struct sim *s;
	uint64_t state[JOB_STATES], users[2], all, timers, places, answers;
};

static bool count_one(void *user, const struct job *job)
{
	struct tally *t = user;
	t->all++;
	t->state[job->state]++;
	t->users[bytes_is(job->user, "v")]++;
	t->timers += job->next_ms != 0;
	t->places += job_line_of(job).which == LINE_PLACE;
	t->answers += job_line_of(job).which == LINE_ANSWER;
	return true;
}

static void check_count(struct sim *s, struct store_txn *txn, const struct job_filter *f,
			uint64_t want, const char *what)
{
	static const struct uuid nil = {{0}};
	uint64_t n;
	bool more;
	struct tally t = {.s = s};
	if (ledger_count(txn, f, UINT64_MAX, &n, &more) || n != want || more)
		sim_wrong(s, NULL, "the counter of %s says %llu, there are %llu", what,
			  (unsigned long long)n, (unsigned long long)want);
	if (ledger_walk(txn, f, true, nil, count_one, &t) || t.all != want)
		sim_wrong(s, NULL, "the index of %s holds %llu, there are %llu", what,
			  (unsigned long long)t.all, (unsigned long long)want);
}

static void check_timers(struct sim *s, struct store_txn *txn, uint64_t want)
{
	struct uuid id[SIM_JOBS_MAX];
	size_t n;
	int64_t next;
	if (ledger_due(txn, INT64_MAX, id, SIM_JOBS_MAX, &n, &next) || n != want)
		sim_wrong(s, NULL, "there are %zu timers for %llu jobs that wait for a time", n,
			  (unsigned long long)want);
	for (size_t i = 0; i < n; i++) {
		struct job job;
		if (ledger_get(txn, id[i], &job) || !job.next_ms)
			sim_wrong(s, NULL, "a timer for a job that waits for none");
	}
}

static void check_books(struct sim *s, struct store_txn *txn)
{
	static const struct uuid nil = {{0}};
	struct job_filter all = {0};
	struct tally t = {.s = s};
	if (ledger_walk(txn, &all, false, nil, count_one, &t))
		sim_wrong(s, NULL, "jobs cannot be read");
	if (t.all != not_gone(s))
		sim_wrong(s, NULL, "%llu jobs are stored, %zu were accepted and not erased",
			  (unsigned long long)t.all, not_gone(s));
	check_count(s, txn, &all, t.all, "all jobs");
	for (int i = 0; i < JOB_STATES; i++) {
		struct job_filter f = {.states = 1u << i};
		check_count(s, txn, &f, t.state[i], job_state_name((enum job_state)i));
	}
	for (int i = 0; i < 2; i++) {
		struct bytes user = i ? BYTES("v") : BYTES("u");
		struct job_filter f = {.user = &user, .users = 1};
		check_count(s, txn, &f, t.users[i], i ? "user v" : "user u");
	}
	check_timers(s, txn, t.timers);
	check_lines(s, txn, t.places, t.answers);
}

static void tell_fault(void *user, const struct check_fault *fault)
{
	scoped(buf_finip) struct buf words = {0};
	buf_init(&words, 4096);
	check_tell(fault, &words);
	sim_wrong(user, NULL, "the store does not agree with itself: %s", buf_str(&words));
}

/* By the rules of `sluicectl check`. */
static void check_whole(struct sim *s, struct store_txn *txn)
{
	struct check_config config = {.secret_key = s->secret, .fault = tell_fault, .user = s};
	struct check_sum sum;
	if (check_store(txn, &config, &sum))
		sim_wrong(s, NULL, "the store cannot be checked");
}

void check_all(struct sim *s, bool thorough)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	if (store_begin(s->store, STORE_READ, &txn))
		sim_wrong(s, NULL, "the store cannot be read");
	for (size_t i = 0; i < s->jobs; i++)
		check_job(s, &s->job[i], txn);
	hooks_read_feed(s);
	if (thorough) {
		check_books(s, txn);
		check_whole(s, txn);
	}
	if (s->engine.wrong[0])
		sim_wrong(s, NULL, "engine: %s", s->engine.wrong);
}

static bool is_empty(struct sim *s, struct store_txn *txn, enum store_table table,
		     const struct sim_job *job)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	if (store_cursor_open(txn, table, &c))
		sim_wrong(s, job, "the store cannot be read");
	return store_seek(c, bytes_of(job->id.at, 16), &key, &val) || key.len < 16 ||
	       memcmp(key.at, job->id.at, 16) != 0;
}

bool check_leftovers(struct sim *s)
{
	static const enum store_table tables[] = {STORE_EVENTS, STORE_REPLICAS};
	static const struct uuid nil = {{0}};
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct ledger_mark mark;
	if (store_begin(s->store, STORE_READ, &txn))
		sim_wrong(s, NULL, "the store cannot be read");
	if (ledger_next_mark(txn, nil, &mark) != SL_E_NOT_FOUND)
		return true;
	for (size_t i = 0; i < s->jobs; i++) {
		if (!s->job[i].gone)
			continue;
		bool left = docs_any(txn, s->job[i].id);
		for (size_t k = 0; k < countof(tables); k++)
			left |= !is_empty(s, txn, tables[k], &s->job[i]);
		if (left)
			sim_wrong(s, &s->job[i], "is erased without a mark, and not all of it");
	}
	return false;
}
