/* Jobs whose time has come: a gate or a plugin is asked again, or the wait is over; and
 * children that are still to be stopped with their parents. */
#include "core/base/crash.h"
#include "core/driver/taken.h"

#include <stdlib.h>

enum { BATCH = TAKEN_MAX };

struct due {
	struct write write;
	struct note note;
	struct driver *driver;
	struct taken taken;
	uint32_t wait_for_ms; /* the config's, which is the loop's */
	struct stopped *stopped;
	int64_t next_ms;
	int rc;
};

/* A plugin whose breaker is open would not be asked: not worth loading the job. It is let go
 * with the others as soon as the plugin answers. False: it is to be asked. */
static bool is_in_vain(struct due *q, const struct job *job, int64_t now_ms, int64_t *ret_ms)
{
	struct driver *d = q->driver;
	struct standing_view view;
	int64_t last_ms = job->unavailable_ms + q->wait_for_ms;
	if (!job->unavailable_ms || now_ms >= last_ms ||
	    !standings_read(caller_standings(d->caller), job->plugin, &view) ||
	    view.breaker != BREAKER_OPEN)
		return false;
	int64_t left_ms = view.until_ms - clock_mono_ms(d->parts.clock);
	if (left_ms <= 0)
		return false;
	*ret_ms = now_ms + left_ms + crypt_random_below(BREAKER_OPEN_MS);
	if (*ret_ms > last_ms)
		*ret_ms = last_ms;
	return true;
}

static void put_off(struct due *q, struct store_txn *txn, struct job *job, int64_t at_ms)
{
	int64_t old_next_ms = job->next_ms;
	job->next_ms = at_ms;
	if (job->expires_ms && job->expires_ms < job->next_ms)
		job->next_ms = job->expires_ms;
	if (!q->next_ms || job->next_ms < q->next_ms)
		q->next_ms = job->next_ms;
	ledger_save(txn, job, old_next_ms);
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
		return taken_expire(&q->taken, txn, &job, now_ms);
	int64_t at_ms = now_ms + DUE_LEASE_MS; /* a parked one has its turn in its line */
	if (!job.parked_ms && !is_in_vain(q, &job, now_ms, &at_ms))
		return taken_add(q->driver, &q->taken, txn, &job);
	put_off(q, txn, &job, at_ms);
	return 0;
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct due *q = container_of(w, struct due, write);
	struct uuid id[BATCH];
	size_t n = 0;
	int64_t now_ms = driver_now(q->driver);
	taken_forget(&q->taken);
	int rc = ledger_due(txn, now_ms, id, BATCH, &n, &q->next_ms);
	for (size_t i = 0; i < n && !rc; i++) {
		if (taken_is_full(q->driver, &q->taken)) { /* later: the timers stay */
			q->next_ms = now_ms + STUCK_RETRY_MS;
			break;
		}
		rc = handle_one(q, txn, id[i], now_ms);
	}
	if (q->taken.next_ms && (!q->next_ms || q->taken.next_ms < q->next_ms))
		q->next_ms = q->taken.next_ms;
	crash_at(CRASH_DUE_APPLIED);
	return rc ? rc : stopped_gather(q->driver, txn, NULL, &q->stopped);
}

static void done(struct write *w, int rc)
{
	struct due *q = container_of(w, struct due, write);
	q->rc = rc;
	crash_at(CRASH_DUE_COMMITTED);
	if (!rc)
		taken_tell(q->driver, &q->taken);
	stopped_tell(&q->stopped, rc);
	driver_post(q->driver, &q->note);
}

static void come_back(struct driver *d, struct note *note)
{
	struct due *q = container_of(note, struct due, note);
	d->changes_open--;
	d->timer_busy = false;
	if (q->rc) {
		taken_forget(&q->taken);
		driver_set_timer(d, driver_now(d) + STUCK_RETRY_MS);
	} else if (q->next_ms) {
		driver_set_timer(d, q->next_ms);
	}
	taken_begin(d, &q->taken);
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
	q->wait_for_ms = d->config.wait_for_ms;
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	if (writer_submit_always(d->parts.writer, &q->write)) {
		free(q);
		return; /* stopping */
	}
	d->changes_open++;
	d->timer_busy = true;
}
