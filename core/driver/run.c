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
	behind_remove(&r->behind);
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
void run_lose(struct run *r)
{
	struct driver *d = r->driver;
	drop(r);
	intake_again(d, JOB_RUNNING);
}

struct run *run_find(struct driver *d, struct uuid id)
{
	struct table_node *node = table_get(&d->runs, id);
	return node ? container_of(node, struct run, node) : NULL;
}

/* There is room: create() has made it. */
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
	run_save(r, out);
}

void run_carry_on(struct run *r, const struct change *c)
{
	if (c->path_n && job_final(c->path[c->path_n - 1])) {
		crash_at(CRASH_END_WRITTEN);
		r->engine->ops->forget(r->engine, &r->node.id);
		crash_at(CRASH_END_FORGOTTEN);
		drop(r);
	} else {
		crash_at(CRASH_RUN_SAVED);
		run_launch(r, c);
		crash_at(CRASH_RUN_LAUNCHED);
		run_write(r);
	}
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

static int create(struct driver *d, const struct job *job, struct run_set *from, struct run **ret)
{
	scoped(run_freep) struct run *r = calloc(1, sizeof(*r));
	if (!r)
		return SL_E_NO_MEMORY;
	r->driver = d;
	r->serial = ++d->serial;
	r->node.id = job->id;
	r->moves = job->moves;
	r->state = job->state;
	r->created_ms = job->created_ms;
	behind_init(&r->behind);
	r->text = from->text;
	r->json = from->json;
	r->set = from->set;
	*from = (struct run_set){.set = NULL};
	r->weight = r->text.cap + r->json.cap * sizeof(*r->json.node);
	r->engine = driver_engine(d, job->engine);
	if (!r->engine)
		return SL_E_NOT_FOUND;
	int rc = create_told(r);
	if (!rc)
		rc = create_policy(r);
	if (!rc)
		rc = heap_reserve(&d->waking, atomic_load(&d->busy) + 1);
	if (!rc)
		*ret = take_ptr(&r);
	return rc;
}

/* `text` is moved. */
static int read_set(struct buf *text, struct run_set *ret)
{
	static const struct json_limits limits = {TEXT_BYTES_MAX, DEPTH_MAX};
	struct sl_error err = {0};
	ret->text = *text;
	*text = (struct buf){0};
	int rc = json_parse(&ret->json, buf_bytes(&ret->text), &limits, &err);
	return rc ? rc : taskset_read(&ret->json, 0, &ret->set, &err);
}

void run_set_fini(struct run_set *s)
{
	taskset_free(s->set);
	json_fini(&s->json);
	buf_fini(&s->text);
}

static void restore(struct run *r, const struct run_load *from)
{
	for (const struct run_replica *n = from->replica; n; n = n->next)
		if (n->role < r->set->roles && n->index < r->set->role[n->role].replicas) {
			policy_restore(r->policy, n->role, n->index, &n->stored);
			run_told(r, n->role, n->index, &n->stored);
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
	change_add_move(c, JOB_FAILED);
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

static void enter(struct run *r)
{
	struct driver *d = r->driver;
	table_put(&d->runs, &r->node);
	atomic_fetch_add(&d->busy, 1);
	atomic_fetch_add(&d->documents, r->weight);
}

int run_prepare(struct driver *d, const struct job *job, struct run_set *from, struct change *c,
		struct run **ret)
{
	struct policy_out out = {0};
	int rc = create(d, job, from, ret);
	if (rc)
		return rc;
	policy_start((*ret)->policy, job->started_ms, driver_now(d), &out);
	(*ret)->wake_ms = out.wake_ms;
	run_put_first(*ret, c, &out);
	return 0;
}

void run_enter(struct run *r, const struct change *c)
{
	enter(r);
	crash_at(CRASH_RUN_BEGUN);
	wake_at(r, r->ended ? 0 : r->wake_ms);
	run_carry_on(r, c);
}

static void take_up(struct driver *d, struct run_load *from)
{
	scoped(run_set_finip) struct run_set set = {.set = NULL};
	struct run *r;
	struct policy_out out = {0};
	int rc = read_set(&from->text, &set);
	if (!rc)
		rc = create(d, &from->job, &set, &r);
	if (rc) {
		cannot_begin(d, &from->job, rc);
		return;
	}
	enter(r);
	restore(r, from);
	run_find_again(r);
	crash_at(CRASH_START_RUN_FOUND);
	policy_start(r->policy, from->job.started_ms, driver_now(d), &out);
	carry_out(r, &out);
	if (from->job.stopping)
		run_stop(d, from->job.id);
}

void run_take_up(struct driver *d, struct note *note)
{
	scoped(run_load_freep) struct run_load *from = container_of(note, struct run_load, note);
	if (!d->closed && !run_find(d, from->job.id))
		take_up(d, from);
}

void run_stop(struct driver *d, struct uuid id)
{
	struct policy_out out = {0};
	struct run *r = run_find(d, id);
	if (!r || r->ended || d->closed)
		return;
	r->stopping = true;
	policy_stop(r->policy, driver_now(d), &out);
	carry_out(r, &out);
}

void run_lose_all(struct driver *d)
{
	for (struct table_node *n; (n = table_any(&d->runs));)
		run_lose(container_of(n, struct run, node));
}

void run_report(struct driver *d, const struct engine_report *report)
{
	struct policy_out out = {0};
	struct run *r = run_find(d, report->name.job);
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

void run_turn_back(struct driver *d, int64_t now_ms)
{
	for (size_t i = 0; i < d->runs.buckets; i++) {
		struct table_node *next;
		for (struct table_node *n = d->runs.bucket[i]; n; n = next) {
			struct run *r = container_of(n, struct run, node);
			next = n->next; /* it may be dropped */
			if (!r->ended && r->wake_ms) {
				policy_turn_back(r->policy, now_ms);
				wake_at(r, now_ms);
			}
		}
	}
}
