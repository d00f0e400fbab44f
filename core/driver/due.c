/* Jobs whose time has come: a gate or a plugin is asked again, or the wait is over; and
 * children that are still to be stopped with their parents. */
#include "core/driver/admission.h"

#include <stdlib.h>

enum { BATCH = 64 };

struct due {
	struct write write;
	struct note note;
	struct driver *driver;
	struct admit *admit[BATCH];
	size_t n;
	struct uuid over[BATCH]; /* stopped or failed here */
	size_t n_over;
	struct stopped *stopped;
	int64_t next_ms;
	int rc;
};

static void forget_admits(struct due *q)
{
	while (q->n)
		admit_free(q->admit[--q->n]);
}

static bool full(const struct due *q)
{
	return driver_is_heavy(q->driver) || atomic_load(&q->driver->in_admission) + q->n >=
						     atomic_load(&q->driver->in_admission_max);
}

/* One job that cannot be read does not hold up the others. */
static int fail(struct due *q, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	q->over[q->n_over++] = job->id;
	return admit_give_up(txn, job, now_ms);
}

/* The timer stays, somewhat later, so that a crash meanwhile loses nothing. */
static void put_off(struct due *q, struct store_txn *txn, struct job *job, int64_t now_ms,
		    enum job_next next)
{
	int64_t old_next_ms = job->next_ms;
	job->next = next;
	job->next_ms = now_ms + DUE_LEASE_MS;
	if (job->expires_ms && job->expires_ms < job->next_ms)
		job->next_ms = job->expires_ms;
	if (!q->next_ms || job->next_ms < q->next_ms)
		q->next_ms = job->next_ms;
	ledger_save(txn, job, old_next_ms);
}

/* Without memory it is tried again later. */
static int take(struct due *q, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	scoped(buf_finip) struct buf words = {0};
	struct why why;
	buf_init(&words, HOLD_WORDS_MAX);
	int rc = driver_find_hold(q->driver, txn, job, &words, &why);
	if (rc == 0)
		put_off(q, txn, job, now_ms, NEXT_ASK);
	if (rc != SL_E_NOT_FOUND)
		return rc;
	rc = admit_load(txn, job->id, &q->admit[q->n]);
	if (rc && rc != SL_E_NO_MEMORY)
		return store_failed(txn) ? rc : fail(q, txn, job, now_ms);
	if (!rc)
		q->admit[q->n++]->by_timer = true;
	put_off(q, txn, job, now_ms, rc ? NEXT_ASK : NEXT_LEASE);
	return 0;
}

static int expire(struct due *q, struct store_txn *txn, struct job *job, int64_t now_ms)
{
	struct why why = {.code = BYTES("expired"),
			  .reason = BYTES("nobody let it go on before its time was over"),
			  .plugin = job->plugin};
	q->over[q->n_over++] = job->id;
	return ledger_move(txn, job, JOB_STOPPED, &why, now_ms);
}

static int handle_one(struct due *q, struct store_txn *txn, struct uuid id, int64_t now_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, id, &keep, &job);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	if (job.state != JOB_SUSPENDED) { /* a move removes the timers of its state */
		int64_t old_next_ms = job.next_ms;
		job.next = NEXT_NOTHING;
		job.next_ms = 0;
		ledger_save(txn, &job, old_next_ms);
		return 0;
	}
	if (job.next == NEXT_EXPIRE || (job.expires_ms && job.expires_ms <= now_ms))
		return expire(q, txn, &job, now_ms);
	return take(q, txn, &job, now_ms);
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct due *q = container_of(w, struct due, write);
	struct uuid id[BATCH];
	size_t n = 0;
	int64_t now_ms = driver_now(q->driver);
	forget_admits(q);
	q->n_over = 0;
	int rc = ledger_due(txn, now_ms, id, BATCH, &n, &q->next_ms);
	for (size_t i = 0; i < n && !rc; i++) {
		if (full(q)) { /* later: the timers stay where they are */
			q->next_ms = now_ms + STUCK_RETRY_MS;
			break;
		}
		rc = handle_one(q, txn, id[i], now_ms);
	}
	return rc ? rc : stopped_gather(q->driver, txn, NULL, &q->stopped);
}

static void done(struct write *w, int rc)
{
	struct due *q = container_of(w, struct due, write);
	q->rc = rc;
	for (size_t i = 0; i < q->n_over && !rc; i++)
		watch_tell(q->driver->watch, q->over[i]);
	stopped_tell(&q->stopped, rc);
	driver_post(q->driver, &q->note);
}

/* It may be asked about just now. */
static void let_go(struct driver *d, struct uuid job)
{
	struct table_node *node = table_get(&d->admissions, job);
	if (node)
		admission_drop(container_of(node, struct admission, node));
}

static void come_back(struct driver *d, struct note *note)
{
	struct due *q = container_of(note, struct due, note);
	d->changes_open--;
	d->timer_busy = false;
	if (q->rc) {
		forget_admits(q);
		driver_set_timer(d, driver_now(d) + STUCK_RETRY_MS);
	} else if (q->next_ms) {
		driver_set_timer(d, q->next_ms);
	}
	for (size_t i = 0; i < q->n_over && !q->rc; i++)
		let_go(d, q->over[i]);
	for (size_t i = 0; i < q->n; i++)
		admission_begin(d, &q->admit[i]->note);
	free(q);
}

void due_start(struct driver *d)
{
	struct due *q = calloc(1, sizeof(*q));
	d->timer_ms = 0;
	if (!q) {
		driver_set_timer(d, driver_now(d) + STUCK_RETRY_MS);
		return;
	}
	q->driver = d;
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	if (writer_submit_always(d->parts.writer, &q->write)) {
		free(q);
		return; /* stopping */
	}
	d->changes_open++;
	d->timer_busy = true;
}
