#include "core/driver/change.h"
#include "core/base/crash.h"
#include "core/driver/line.h"
#include "core/ledger/kept.h"

#include <assert.h>
#include <stdlib.h>

enum { CHANGE_ARENA_MAX = 512 << 20 };

int change_create(struct driver *d, struct uuid id, uint32_t moves, struct change **ret)
{
	struct change *c = calloc(1, sizeof(*c));
	if (!c || arena_create(CHANGE_ARENA_MAX, &c->arena)) {
		free(c);
		return SL_E_NO_MEMORY;
	}
	c->driver = d;
	c->id = id;
	c->moves = moves;
	c->event_end = &c->event;
	c->replica_end = &c->replica;
	list_init(&c->link);
	*ret = c;
	return 0;
}

struct change *change_free(struct change *c)
{
	if (!c)
		return NULL;
	line_parked(c->driver, c->line);
	arena_free(c->arena);
	free(c);
	return NULL;
}

struct bytes change_copy(struct change *c, struct bytes text)
{
	struct bytes copy = {"", 0};
	if (text.len && arena_copy(c->arena, text, &copy))
		c->flaw = SL_E_NO_MEMORY;
	return copy;
}

struct bytes change_str(struct change *c, const char *text)
{
	return change_copy(c, bytes_str(text));
}

void change_add_doc(struct change *c, enum job_part part, struct bytes text)
{
	c->doc[c->docs].part = part;
	c->doc[c->docs++].text = change_copy(c, text);
}

void change_add_event(struct change *c, const struct event *event)
{
	struct change_event *e = arena_alloc(c->arena, sizeof(*e));
	if (!e) {
		c->flaw = SL_E_NO_MEMORY;
		return;
	}
	e->event = *event;
	e->moves = c->path_n;
	struct bytes *const texts[] = {&e->event.plugin,      &e->event.outcome, &e->event.reason,
				       &e->event.reason_code, &e->event.who,     &e->event.role,
				       &e->event.detail};
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = change_copy(c, *texts[i]);
	*c->event_end = e;
	c->event_end = &e->next;
}

void change_add_move(struct change *c, enum job_state to)
{
	assert(c->path_n < CHANGE_MOVES_MAX);
	c->path_ms[c->path_n] = driver_now(c->driver);
	c->path[c->path_n++] = to;
}

struct why change_why(enum job_state state)
{
	switch (state) {
	case JOB_WAITING:
		return (struct why){.code = BYTES("waiting_for_slot"),
				    .reason = BYTES("handed to its engine")};
	case JOB_RUNNING:
		return (struct why){.code = BYTES("running"),
				    .reason = BYTES("first container started")};
	default:
		return (struct why){.code = BYTES("in_admission"), .reason = BYTES("in admission")};
	}
}

/* ---- on the writer's thread ---- */

/* A stop that was answered counts, whatever came of the job meanwhile. */
static bool put_stopped(struct change *c, struct store_txn *txn, struct job *job, int *ret)
{
	if (!job->stopping)
		return false;
	struct why why = {.code = job->stop_code,
			  .reason = job->stop_reason.len ? job->stop_reason
							 : BYTES("stopped by a user"),
			  .exit_code = c->why.exit_code};
	*ret = ledger_step(txn, job, JOB_STOPPED, &why, driver_now(c->driver));
	return true;
}

/* Those that came before move `i`, or behind the last one. */
static void put_events(const struct change *c, size_t i, struct store_txn *txn, struct job *job)
{
	for (const struct change_event *e = c->event; e; e = e->next)
		if (e->moves == i && (!c->stay || e->event.type != EVENT_CALL ||
				      !ledger_repeat_call(txn, job, &e->event)))
			ledger_add_event(txn, job, &e->event);
}

static int put_path(struct change *c, struct store_txn *txn, struct job *job)
{
	for (size_t i = 0; i < c->path_n; i++) {
		put_events(c, i, txn, job);
		struct why why = i + 1 == c->path_n ? c->why : change_why(c->path[i]);
		int rc = 0;
		if (!job_final(c->path[i]) || !put_stopped(c, txn, job, &rc))
			rc = ledger_step(txn, job, c->path[i], &why, c->path_ms[i]);
		if (rc)
			return rc;
	}
	put_events(c, c->path_n, txn, job);
	return 0;
}

static void put_times(struct change *c, struct job *job)
{
	if (c->stay) {
		job->reason = bytes_cut(c->why.reason, JOB_REASON_MAX);
		job->reason_code = c->why.code;
		job->plugin = c->why.plugin;
	}
	if (c->stay || c->path_n) {
		job->next = c->next;
		job->next_ms = c->next_ms;
		job->expires_ms = c->expires_ms;
		job->parked_ms = c->parked_ms;
	}
	if ((c->stay || c->path_n) && !c->unasked) {
		job->asked = c->vain ? job->asked + 1 : 0;
		if (!c->vain)
			job->unavailable_ms = 0;
		else if (!job->unavailable_ms)
			job->unavailable_ms = driver_now(c->driver);
	}
	if (c->engine.len)
		job->engine = c->engine;
}

static void put_docs(const struct change *c, struct store_txn *txn)
{
	for (int i = 0; i < PLUGIN_STAGES; i++)
		if (c->stale >> i & 1)
			ledger_drop_doc(txn, c->id, kept_part((enum plugin_type)i));
	for (size_t i = 0; i < c->docs; i++)
		ledger_put_doc(txn, c->id, c->doc[i].part, c->doc[i].text);
}

static void put_replicas(struct change *c, struct store_txn *txn)
{
	for (struct replica_change_record *r = c->replica; r; r = r->next)
		ledger_put_replica(txn, c->id, r->role, r->index, &r->replica);
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct change *c = container_of(w, struct change, write);
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, c->id, &keep, &job);
	if (rc)
		return rc;
	if (job.moves != c->moves)
		return SL_E_CONFLICT;
	for (size_t i = 0, from = job.state; i < c->path_n; from = c->path[i++])
		if (!job_may_move((enum job_state)from, c->path[i]))
			return SL_E_CONFLICT;
	put_docs(c, txn);
	put_replicas(c, txn);
	rc = put_path(c, txn, &job);
	int64_t old_next_ms = job.next_ms;
	put_times(c, &job);
	ledger_save(txn, &job, old_next_ms);
	crash_at(job_final(job.state) ? CRASH_END_APPLIED : CRASH_PROGRESS_APPLIED);
	return rc ? rc : stopped_gather(c->driver, txn, NULL, &c->stopped);
}

static void done(struct write *w, int rc)
{
	struct change *c = container_of(w, struct change, write);
	c->rc = rc;
	if (rc == 0 && c->path_n)
		watch_tell(c->driver->watch, c->id);
	stopped_tell(&c->stopped, rc);
	driver_post(c->driver, &c->note);
}

/* ---- on the loop ---- */

static bool is_verdict(int rc) { return rc == 0 || rc == SL_E_CONFLICT || rc == SL_E_NOT_FOUND; }

static void come_back(struct driver *d, struct note *note)
{
	struct change *c = container_of(note, struct change, note);
	if (!is_verdict(c->rc) && !c->flaw && !atomic_load(&d->ending)) {
		if (list_empty(&d->stuck)) /* one line for all of them */
			driver_log(d, LOG_ERROR, c->id, "the store refused a change; trying again",
				   "why", sl_err_text(c->rc));
		list_push(&d->stuck, &c->link);
		if (!d->stuck_ms)
			d->stuck_ms = clock_mono_ms(d->parts.clock) + STUCK_RETRY_MS;
		return;
	}
	d->changes_open--;
	if (c->rc == 0 && c->next_ms)
		driver_set_timer(d, c->next_ms);
	if (c->then)
		c->then(d, c, c->rc);
	if (!c->again) {
		change_free(c);
		return;
	}
	c->again = false;
	change_submit(c);
}

/* What lacks a part is not written, now or later. */
static void submit(struct driver *d, struct change *c)
{
	c->write.apply = apply;
	c->write.done = done;
	c->note.handle = come_back;
	int rc = d->closed ? SL_E_CANCELED
		 : c->flaw ? c->flaw
			   : writer_submit_always(d->parts.writer, &c->write);
	if (rc) {
		c->rc = rc;
		driver_post(d, &c->note);
	}
}

void change_submit(struct change *c)
{
	c->driver->changes_open++;
	if (c->flaw)
		driver_log(c->driver, LOG_ERROR, c->id, sl_err_text(c->flaw), NULL, NULL);
	submit(c->driver, c);
}

void change_retry_stuck(struct driver *d)
{
	struct list again;
	list_init(&again);
	d->stuck_ms = 0;
	for (struct list *l; (l = list_pop(&d->stuck));)
		list_push(&again, l);
	for (struct list *l; (l = list_pop(&again));) {
		struct change *c = container_of(l, struct change, link);
		submit(d, c);
	}
}
