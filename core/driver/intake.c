/* Jobs that lie in the store and belong into memory are taken in, some at a time, in the
 * order of submission and never more than there are places: after a start, after a
 * release, and when memory was short.
 *
 * A walk looks at all jobs of one sort, piece by piece. A piece is one write: it reads
 * what comes next, gives jobs that are released their words, and hands copies to the loop.
 * What turns out to be in memory already is dropped there. So a walk may be asked for at
 * any time, needs no memory of its own while it waits, and loses nobody. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/driver/run.h"

#include <stdlib.h>

enum { BATCH = 64, LOOK_MAX = 256, PIECE_BYTES_MAX = 16 << 20, NO_MEMORY_RETRY_MS = 5000 };

/** A piece of a walk. */
struct piece {
	struct write write;
	struct note note;
	struct driver *driver;
	unsigned sort;            /* enum intake_sort */
	bool first;               /* after a start: nothing is in memory yet */
	struct uuid from, behind; /* where it begins; the last job that it has seen to */
	bool end;                 /* of the walk */
	struct admit *admit[BATCH];
	struct run_load *run[BATCH];
	size_t n, most, bytes;
	struct uuid failed[BATCH], aside[BATCH];
	size_t n_failed, n_aside;
	struct stopped *stopped;
	bool short_of_memory;
	bool timers; /* some are due now */
	int rc;
};

static void forget(struct piece *q)
{
	while (q->n) {
		q->n--;
		q->admit[q->n] = admit_free(q->admit[q->n]);
		q->run[q->n] = run_load_free(q->run[q->n]);
	}
	q->n_failed = q->n_aside = q->bytes = 0;
	q->short_of_memory = q->end = q->timers = false;
	q->behind = q->from;
}

/* ---- on the writer's thread ---- */

static int next_ids(const struct piece *q, struct store_txn *txn, struct uuid *ids, size_t *ret_n)
{
	switch (q->sort) {
	case INTAKE_WAITING:
		return ledger_ids_in(txn, JOB_WAITING, q->from, ids, LOOK_MAX, ret_n);
	case INTAKE_RUNNING:
		return ledger_ids_in(txn, JOB_RUNNING, q->from, ids, LOOK_MAX, ret_n);
	case INTAKE_PREPARING:
		return ledger_ids_in(txn, JOB_PREPARING, q->from, ids, LOOK_MAX, ret_n);
	case INTAKE_PUT_OFF:
	case INTAKE_LEASED:
		return ledger_ids_in(txn, JOB_SUSPENDED, q->from, ids, LOOK_MAX, ret_n);
	default:
		return ledger_ids_held(txn, q->from, ids, LOOK_MAX, ret_n);
	}
}

static int take_run(struct piece *q, struct store_txn *txn, const struct job *job)
{
	struct run_load *load;
	int rc = run_load(txn, job, &load);
	if (!rc) {
		q->bytes += load->text.len;
		q->run[q->n++] = load;
	} else if (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND) {
		q->aside[q->n_aside++] = job->id;
		rc = 0;
	}
	return rc;
}

static int take_admit(struct piece *q, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	static const struct why going_on = {.code = {"in_admission", 12},
					    .reason = {"in admission", 12}};
	struct admit *admit;
	int rc = admit_load(txn, job->id, &admit);
	if (rc == SL_E_NO_MEMORY || (rc && store_failed(txn)))
		return rc;
	if (rc) {
		q->failed[q->n_failed++] = job->id;
		return admit_give_up(txn, job, now_ms);
	}
	admit->fed = true;
	admit->recovered = q->first;
	q->bytes += admit->submitted.len + admit->taskset.len;
	q->admit[q->n++] = admit;
	if (job_is_held(job))
		ledger_reword(txn, job, &going_on, "released", now_ms);
	return 0;
}

static int take_preparing(struct piece *q, struct store_txn *txn, struct job *job)
{
	scoped(buf_finip) struct buf words = {0};
	struct why why;
	int64_t now_ms = driver_now(q->driver);
	if (job->parked_ms)
		return 0; /* its turn comes where it lies */
	buf_init(&words, HOLD_WORDS_MAX);
	int rc = driver_find_hold(q->driver, txn, job, &words, &why);
	if (rc == SL_E_NOT_FOUND)
		return take_admit(q, txn, job, now_ms);
	if (!rc && q->first && !job_is_held(job))
		ledger_reword(txn, job, &why, "held", now_ms);
	return rc;
}

/* Its turn is now. What is asked about already stays: who comes a second time is dropped. */
static void ask_now(struct piece *q, struct store_txn *txn, struct job *job)
{
	int64_t old_next_ms = job->next_ms;
	job->next = NEXT_ASK;
	job->next_ms = driver_now(q->driver);
	ledger_save(txn, job, old_next_ms);
	q->timers = true;
}

static void take_leased(struct piece *q, struct store_txn *txn, struct job *job)
{
	if (job->next == NEXT_LEASE && !job->parked_ms) /* the parked have their turn in a line */
		ask_now(q, txn, job);
}

/* Its time came while it was held: it comes now. */
static int take_put_off(struct piece *q, struct store_txn *txn, struct job *job)
{
	scoped(buf_finip) struct buf words = {0};
	struct why why;
	if (job->next != NEXT_HELD)
		return 0;
	buf_init(&words, HOLD_WORDS_MAX);
	int rc = driver_find_hold(q->driver, txn, job, &words, &why);
	if (rc != SL_E_NOT_FOUND)
		return rc;
	ask_now(q, txn, job);
	return 0;
}

static int take(struct piece *q, struct store_txn *txn, struct uuid id)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, id, &keep, &job);
	if (rc == SL_E_CORRUPT)
		q->aside[q->n_aside++] = id;
	if (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND)
		return 0;
	if (rc)
		return rc;
	bool run = job.state == JOB_WAITING || job.state == JOB_RUNNING;
	if (job.state == JOB_SUSPENDED && q->sort == INTAKE_PUT_OFF)
		return take_put_off(q, txn, &job);
	if (job.state == JOB_SUSPENDED) {
		take_leased(q, txn, &job);
		return 0;
	}
	return run ? take_run(q, txn, &job) : take_preparing(q, txn, &job);
}

static bool full(const struct piece *q)
{
	return q->n >= q->most || q->n_failed == BATCH || q->n_aside == BATCH ||
	       q->bytes >= PIECE_BYTES_MAX;
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct piece *q = container_of(w, struct piece, write);
	struct uuid id[LOOK_MAX];
	size_t n = 0, i = 0;
	forget(q);
	int rc = next_ids(q, txn, id, &n);
	for (; i < n && !rc && !full(q); i++) {
		rc = take(q, txn, id[i]);
		if (!rc)
			q->behind = id[i];
	}
	if (rc == SL_E_NO_MEMORY && !store_failed(txn)) {
		q->short_of_memory = true;
		rc = 0;
	} else if (!rc) {
		q->end = i == n && n < LOOK_MAX;
	}
	return rc ? rc : stopped_gather(q->driver, txn, NULL, &q->stopped);
}

static void done(struct write *w, int rc)
{
	struct piece *q = container_of(w, struct piece, write);
	q->rc = rc;
	for (size_t i = 0; i < q->n_failed && !rc; i++)
		watch_tell(q->driver->watch, q->failed[i]);
	stopped_tell(&q->stopped, rc);
	driver_post(q->driver, &q->note);
}

/* ---- on the loop ---- */

void intake_ask(struct driver *d, unsigned sorts, uint32_t delay_ms)
{
	struct intake *in = &d->intake;
	int64_t at_ms = clock_mono_ms(d->parts.clock) + delay_ms;
	if ((!in->asked && !in->walking) || at_ms < in->at_ms)
		in->at_ms = at_ms;
	in->asked |= sorts;
}

void intake_again(struct driver *d, enum job_state state)
{
	if (state == JOB_PREPARING)
		intake_ask(d, INTAKE_PREPARING, NO_MEMORY_RETRY_MS);
	else if (state == JOB_WAITING || state == JOB_RUNNING)
		intake_ask(d, INTAKE_WAITING | INTAKE_RUNNING, NO_MEMORY_RETRY_MS);
	else if (state == JOB_SUSPENDED)
		intake_ask(d, INTAKE_LEASED, NO_MEMORY_RETRY_MS);
}

void intake_after_release(struct driver *d)
{
	atomic_store(&d->released, true);
	driver_wake(d);
}

static void tell_trouble(struct driver *d, const struct piece *q)
{
	for (size_t i = 0; i < q->n_failed; i++)
		driver_log(d, LOG_ERROR, q->failed[i],
			   "what is stored of a job cannot be read: it has failed", NULL, NULL);
	for (size_t i = 0; i < q->n_aside; i++)
		driver_set_aside(d, q->aside[i]);
}

static void hand_over(struct driver *d, struct piece *q)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->admit[i])
			admission_begin(d, &q->admit[i]->note);
		if (q->run[i])
			run_take_up(d, &q->run[i]->note);
	}
	q->n = 0;
}

static void come_back(struct driver *d, struct note *note)
{
	struct piece *q = container_of(note, struct piece, note);
	struct intake *in = &d->intake;
	int64_t now_ms = clock_mono_ms(d->parts.clock);
	d->changes_open--;
	in->busy = false;
	if (q->rc) {
		in->at_ms = now_ms + STUCK_RETRY_MS;
	} else {
		in->behind = q->behind;
		in->at_ms = now_ms + (q->short_of_memory ? NO_MEMORY_RETRY_MS : 0);
		if (q->end) {
			in->first = in->first && q->sort != INTAKE_PREPARING;
			in->walking = 0;
		}
		if (q->timers)
			driver_set_timer(d, driver_now(d));
		tell_trouble(d, q);
		hand_over(d, q);
		crash_at(CRASH_START_TAKEN_IN);
	}
	forget(q);
	free(q);
}

/* An eighth of the places is left to what comes in meanwhile. */
static size_t places(const struct driver *d)
{
	size_t most = atomic_load(&d->in_admission_max), taken = atomic_load(&d->in_admission);
	most -= most / 8;
	return taken >= most || driver_is_heavy(d) ? 0 : most - taken;
}

/* What may be taken in now; 0: nothing. */
static size_t room(const struct driver *d)
{
	const struct intake *in = &d->intake;
	static const unsigned free_of_charge =
		INTAKE_WAITING | INTAKE_RUNNING | INTAKE_PUT_OFF | INTAKE_LEASED;
	if (in->busy || !(in->walking | in->asked) || atomic_load(&d->ending) || d->closed)
		return 0;
	unsigned next = in->walking ? in->walking : in->asked & -in->asked;
	size_t n = next & free_of_charge ? BATCH : places(d);
	return n < BATCH ? n : BATCH;
}

int64_t intake_next_ms(const struct driver *d)
{
	return room(d) ? (d->intake.at_ms ? d->intake.at_ms : 1) : 0;
}

/* Runs first: they are at work already. */
static void begin_walk(struct intake *in)
{
	in->walking = in->asked & -in->asked;
	in->asked &= ~in->walking;
	in->behind = (struct uuid){{0}};
}

void intake_turn(struct driver *d)
{
	struct intake *in = &d->intake;
	if (atomic_exchange(&d->released, false))
		intake_ask(d, INTAKE_HELD | INTAKE_PUT_OFF, 0);
	size_t most = room(d);
	if (!most || clock_mono_ms(d->parts.clock) < in->at_ms)
		return;
	struct piece *q = calloc(1, sizeof(*q));
	if (!q) {
		in->at_ms = clock_mono_ms(d->parts.clock) + STUCK_RETRY_MS;
		return;
	}
	if (!in->walking)
		begin_walk(in);
	q->driver = d;
	q->sort = in->walking;
	q->first = in->first && q->sort == INTAKE_PREPARING;
	q->from = in->behind;
	q->most = most;
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	if (writer_submit_always(d->parts.writer, &q->write)) {
		free(q); /* stopping */
		return;
	}
	d->changes_open++;
	in->busy = true;
}
