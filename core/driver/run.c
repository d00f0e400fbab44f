/* One TaskSet at work: the policy decides above, the engine carries out below, and the
 * store is told of every step. */
#include "core/driver/run.h"

#include "core/base/crash.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES_MAX = 64 << 20, DEPTH_MAX = JSON_DEPTH_MAX };

struct run *run_free(struct run *r)
{
	if (!r)
		return NULL;
	change_free(r->next);
	policy_free(r->policy);
	free(r->told);
	taskset_free(r->set);
	json_fini(&r->json);
	buf_fini(&r->text);
	free(r);
	return NULL;
}

static void drop(struct run *r)
{
	table_remove(&r->driver->runs, &r->node);
	heap_remove(&r->driver->waking, &r->waking);
	atomic_fetch_sub(&r->driver->busy, 1);
	atomic_fetch_sub(&r->driver->documents, r->weight);
	run_free(r);
}

/* What the store does not know cannot be told any more: as after a crash the run is taken up
 * again from what it knows. */
static void lose(struct run *r)
{
	struct driver *d = r->driver;
	drop(r);
	intake_again(d, JOB_RUNNING);
}

static struct run *find(struct driver *d, struct uuid id)
{
	struct table_node *node = table_get(&d->runs, id);
	return node ? container_of(node, struct run, node) : NULL;
}

/* ---- what the store is told ---- */

static void submit_next(struct run *r);

static void written(struct driver *d, struct change *c, int rc)
{
	struct run *r = find(d, c->id);
	if (!r || r->serial != c->owner || d->closed)
		return;
	r->writing = false;
	bool final = c->path_n && job_final(c->path[c->path_n - 1]);
	if (rc) {
		driver_log(d, LOG_ERROR, c->id, "what became of a running job was not written",
			   "why", sl_err_text(rc));
		lose(r);
	} else if (final) {
		crash_at(CRASH_END_WRITTEN);
		r->engine->ops->forget(r->engine, &r->node.id);
		crash_at(CRASH_END_FORGOTTEN);
		drop(r);
	} else {
		crash_at(CRASH_RUN_SAVED);
		run_launch(r, c);
		crash_at(CRASH_RUN_LAUNCHED);
		submit_next(r);
	}
}

/* One change at a time, so that they reach the store in their order, also when one must
 * be tried again; the next one takes all that came up meanwhile. */
static void submit_next(struct run *r)
{
	if (r->writing || !r->next)
		return;
	r->writing = true;
	r->next->owner = r->serial;
	r->next->then = written;
	crash_at(CRASH_RUN_UNSAVED);
	change_submit(take_ptr(&r->next));
}

static const char *outcome_of(const struct replica *replica)
{
	switch (replica->state) {
	case REPLICA_RUNNING:
		return "started";
	case REPLICA_SUCCEEDED:
	case REPLICA_FAILED:
	case REPLICA_STOPPED:
		return replica_state_name(replica->state);
	case REPLICA_IDLE:
		return replica->attempts ? "to be tried again" : NULL;
	default:
		return NULL;
	}
}

static uint64_t *told_of(const struct run *r, uint32_t role, uint32_t index)
{
	size_t at = index;
	for (uint32_t i = 0; i < role; i++)
		at += r->set->role[i].replicas;
	return &r->told[at];
}

/* A replica is stored more often than something becomes of it. */
static uint64_t becomes(const struct replica *replica)
{
	return (uint64_t)replica->attempts << 8 | (uint64_t)replica->state;
}

static void add_replica_event(struct run *r, struct change *c, const struct policy_fx *fx,
			      const struct replica *replica)
{
	const char *outcome = outcome_of(replica);
	uint64_t *told = told_of(r, fx->role, fx->index);
	if (!outcome || *told == becomes(replica))
		return;
	*told = becomes(replica);
	struct event event = {.time_ms = driver_now(r->driver),
			      .type = EVENT_REPLICA,
			      .state = r->state,
			      .stage = EVENT_NO_STAGE,
			      .index = (int32_t)fx->index,
			      .code = replica->code,
			      .outcome = bytes_str(outcome),
			      .role = r->set->role[fx->role].name,
			      .reason = bytes_str(replica->message)};
	change_add_event(c, &event);
}

/* `start`: the effect before it, if that is the replica's start. */
static void save_replica(struct run *r, struct change *c, const struct policy_fx *fx,
			 const struct policy_fx *start)
{
	const struct replica *replica = policy_replica(r->policy, fx->role, fx->index);
	struct replica_change_record *record = arena_alloc(c->arena, sizeof(*record));
	if (!record) {
		c->flaw = SL_E_NO_MEMORY;
		return;
	}
	*record = (struct replica_change_record){.role = fx->role,
						 .index = fx->index,
						 .start = start,
						 .how = start ? start->how : START_EACH,
						 .replica = *replica};
	*c->replica_end = record;
	c->replica_end = &record->next;
	add_replica_event(r, c, fx, replica);
}

static enum job_state final_state(enum set_outcome outcome)
{
	return outcome == SET_SUCCEEDED ? JOB_SUCCEEDED
	       : outcome == SET_STOPPED ? JOB_STOPPED
					: JOB_FAILED;
}

/* What the engine cannot promise here: told once, when the job begins to run. */
static void add_note_event(const struct run *r, struct change *c)
{
	struct event event = {.time_ms = driver_now(r->driver),
			      .type = EVENT_NOTE,
			      .state = JOB_RUNNING,
			      .stage = EVENT_NO_STAGE,
			      .outcome = BYTES("engine"),
			      .reason = bytes_str(r->note)};
	if (*r->note)
		change_add_event(c, &event);
}

/* A job never skips `running` on its way to success. */
static void add_moves(struct run *r, struct change *c, const struct policy_out *out)
{
	bool over = out->outcome != SET_OPEN && !r->ended;
	size_t before = c->path_n;
	if (r->state == JOB_WAITING && (out->running || out->outcome == SET_SUCCEEDED)) {
		c->path[c->path_n++] = JOB_RUNNING;
		c->why.code = BYTES("running");
		c->why.reason = BYTES("first container started");
		add_note_event(r, c);
	}
	if (over) {
		c->path[c->path_n++] = final_state(out->outcome);
		c->why.code = change_str(c, out->reason_code);
		c->why.reason = change_str(c, out->reason);
		c->why.exit_code = out->exit_code;
		r->ended = true;
	}
	if (c->path_n > before) {
		r->state = c->path[c->path_n - 1];
		r->moves += (uint32_t)(c->path_n - before);
	}
}

static void save(struct run *r, const struct policy_out *out)
{
	if (!r->next && change_create(r->driver, r->node.id, r->moves, &r->next)) {
		driver_log(r->driver, LOG_ERROR, r->node.id, "out of memory", NULL, NULL);
		lose(r);
		return;
	}
	for (size_t i = 0; i < out->n; i++)
		if (out->fx[i].kind == POLICY_SAVE)
			save_replica(r, r->next, &out->fx[i],
				     i > 0 && out->fx[i - 1].kind == POLICY_START ? &out->fx[i - 1]
										  : NULL);
	add_moves(r, r->next, out);
	if (!r->next->replica && !r->next->path_n)
		r->next = change_free(r->next);
	submit_next(r);
}

/* There is room: run_begin() has made it. */
static void wake_at(struct run *r, int64_t wake_ms)
{
	struct heap *waking = &r->driver->waking;
	heap_remove(waking, &r->waking);
	r->wake_ms = wake_ms;
	if (wake_ms)
		heap_push(waking, &r->waking);
}

static void carry_out(struct run *r, const struct policy_out *out)
{
	for (size_t i = 0; i < out->n; i++) {
		struct replica_name name = {r->node.id, out->fx[i].role, out->fx[i].index,
					    out->fx[i].attempt};
		if (out->fx[i].kind == POLICY_STOP)
			r->engine->ops->stop(r->engine, &name);
	}
	wake_at(r, r->ended ? 0 : out->wake_ms);
	save(r, out);
}

/* ---- its life ---- */

static int create_policy(struct run *r)
{
	struct gang_room room scoped(gang_room_finip) = {0};
	int rc = gang_room_of(r->engine, &r->json, r->set, &room);
	return rc ? rc : policy_create(r->set, &room, &r->policy);
}

static int create_told(struct run *r)
{
	size_t n = 1;
	for (uint32_t i = 0; i < r->set->roles; i++)
		n += r->set->role[i].replicas;
	r->told = calloc(n, sizeof(*r->told));
	return r->told ? 0 : SL_E_NO_MEMORY;
}

static int create(struct driver *d, const struct job *job, struct buf *text, struct run **ret)
{
	static const struct json_limits limits = {TEXT_BYTES_MAX, DEPTH_MAX};
	scoped(run_freep) struct run *r = calloc(1, sizeof(*r));
	struct sl_error err = {0};
	if (!r)
		return SL_E_NO_MEMORY;
	r->driver = d;
	r->serial = ++d->serial;
	r->node.id = job->id;
	r->moves = job->moves;
	r->state = job->state;
	r->created_ms = job->created_ms;
	r->text = *text;
	*text = (struct buf){0};
	r->engine = driver_engine(d, job->engine);
	if (!r->engine)
		return SL_E_NOT_FOUND;
	int rc = json_parse(&r->json, buf_bytes(&r->text), &limits, &err);
	if (!rc)
		rc = taskset_read(&r->json, 0, &r->set, &err);
	if (!rc)
		rc = create_told(r);
	if (!rc)
		rc = create_policy(r);
	if (!rc)
		rc = heap_reserve(&d->waking, atomic_load(&d->busy) + 1);
	if (!rc)
		*ret = take_ptr(&r);
	return rc;
}

static void restore(struct run *r, const struct run_load *from)
{
	for (const struct run_replica *n = from->replica; n; n = n->next)
		if (n->role < r->set->roles && n->index < r->set->role[n->role].replicas) {
			policy_restore(r->policy, n->role, n->index, &n->stored);
			*told_of(r, n->role, n->index) = becomes(&n->stored);
		}
}

static void fail_now_written(struct driver *d, struct change *c, int rc)
{
	if (rc)
		intake_again(d, JOB_WAITING);
	(void)c;
}

static void fail_now(struct driver *d, const struct job *job, const char *words)
{
	struct change *c;
	if (change_create(d, job->id, job->moves, &c)) {
		intake_again(d, job->state);
		return;
	}
	c->path[c->path_n++] = JOB_FAILED;
	c->why.code = BYTES("engine_unknown");
	c->why.reason = change_str(c, words);
	c->then = fail_now_written;
	change_submit(c);
}

static void cannot_begin(struct driver *d, const struct job *job, int rc)
{
	char words[200];
	if (rc == SL_E_NO_MEMORY) {
		driver_log(d, LOG_ERROR, job->id, "no memory to run it now; trying again", NULL,
			   NULL);
		intake_again(d, job->state);
		return;
	}
	snprintf(words, sizeof(words), "the TaskSet cannot be run by the engine %.*s: %s",
		 BYTES_FMT(job->engine), sl_err_text(rc));
	fail_now(d, job, words);
}

static void begin(struct driver *d, const struct job *job, struct buf *text,
		  const struct run_load *from)
{
	struct run *r;
	struct policy_out out = {0};
	int rc = create(d, job, text, &r);
	if (rc) {
		cannot_begin(d, job, rc);
		return;
	}
	table_put(&d->runs, &r->node);
	atomic_fetch_add(&d->busy, 1);
	r->weight = r->text.cap + r->json.cap * sizeof(*r->json.node);
	atomic_fetch_add(&d->documents, r->weight);
	if (from) {
		restore(r, from);
		run_find_again(r);
		crash_at(CRASH_START_RUN_FOUND);
	}
	policy_start(r->policy, job->started_ms, driver_now(d), &out);
	carry_out(r, &out);
	if (job->stopping)
		run_stop(d, job->id);
}

void run_begin(struct driver *d, const struct job *job, struct buf *text)
{
	if (!d->closed)
		begin(d, job, text, NULL);
}

void run_take_up(struct driver *d, struct note *note)
{
	scoped(run_load_freep) struct run_load *from = container_of(note, struct run_load, note);
	if (!d->closed && !find(d, from->job.id))
		begin(d, &from->job, &from->text, from);
}

void run_stop(struct driver *d, struct uuid id)
{
	struct policy_out out = {0};
	struct run *r = find(d, id);
	if (!r || r->ended || d->closed)
		return;
	r->stopping = true;
	policy_stop(r->policy, driver_now(d), &out);
	carry_out(r, &out);
}

void run_lose_all(struct driver *d)
{
	for (struct table_node *n; (n = table_any(&d->runs));)
		lose(container_of(n, struct run, node));
}

void run_report(struct driver *d, const struct engine_report *report)
{
	struct policy_out out = {0};
	struct run *r = find(d, report->name.job);
	if (!r || r->ended || d->closed || report->name.role >= r->set->roles ||
	    report->name.index >= r->set->role[report->name.role].replicas)
		return;
	if (report->change == REPLICA_STARTED && r->state == JOB_WAITING)
		memcpy(r->note, report->message, sizeof(r->note));
	crash_at(CRASH_REPORT_TAKEN);
	policy_report(r->policy, report, driver_now(d), &out);
	crash_at(CRASH_REPORT_JUDGED);
	carry_out(r, &out);
}

bool run_wakes_before(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct run, waking)->wake_ms <
	       container_of(b, struct run, waking)->wake_ms;
}

static struct run *first_awake(const struct driver *d)
{
	struct heap_node *node = heap_first(&d->waking);
	return node ? container_of(node, struct run, waking) : NULL;
}

int64_t run_next_wake(const struct driver *d)
{
	const struct run *r = first_awake(d);
	return r ? r->wake_ms : 0;
}

void run_tick_due(struct driver *d, int64_t now_ms)
{
	struct run *r;
	for (size_t left = d->waking.n; left && (r = first_awake(d)) && r->wake_ms <= now_ms;
	     left--) {
		struct policy_out out = {0};
		if (r->ended) {
			wake_at(r, 0);
			continue;
		}
		policy_tick(r->policy, now_ms, &out);
		carry_out(r, &out);
	}
}
