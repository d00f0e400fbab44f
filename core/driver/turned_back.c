/* Times of day are stored, and the clock may be turned back, while the gateway runs or while it
 * does not. A job that is to be asked about again in a minute would then wait for hours: its
 * timer is turned back, too. What is to be at a time of day (a gate's expiresAt, deadlines)
 * stays there. */
#include "core/driver/run.h"
#include "core/ledger/feed.h"
#include "core/ledger/ledger.h"
#include "store/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64 };

struct turning {
	struct write write;
	struct note note;
	struct driver *driver;
	struct timer_place at;
	int64_t by_ms;
	bool more;
	int rc;
};

/* ---- on the writer's thread ---- */

static int turn_one(struct turning *q, struct store_txn *txn, struct uuid id, int64_t now_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, id, &keep, &job);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	if (job.state != JOB_SUSPENDED || job.next == NEXT_EXPIRE || job.next == NEXT_NOTHING)
		return 0;
	int64_t old_next_ms = job.next_ms, next_ms = job.next_ms - q->by_ms;
	job.next_ms = next_ms > now_ms ? next_ms : now_ms;
	if (job.unavailable_ms > now_ms)
		job.unavailable_ms = now_ms;
	ledger_save(txn, &job, old_next_ms);
	return 0;
}

/* A timer that is turned back lies in front of where this goes on. */
static int apply(struct write *w, struct store_txn *txn)
{
	struct turning *q = container_of(w, struct turning, write);
	struct timer_place next[BATCH], at = q->at;
	size_t n = 0;
	int64_t now_ms = driver_now(q->driver);
	if (at.due_ms < now_ms)
		at = (struct timer_place){.due_ms = now_ms};
	int rc = ledger_timers(txn, at, next, BATCH, &n);
	for (size_t i = 0; i < n && !rc; i++)
		rc = turn_one(q, txn, next[i].id, now_ms);
	if (n && !rc)
		q->at = next[n - 1];
	q->more = n == BATCH;
	return rc;
}

/* ---- on the loop's ---- */

static void come_back(struct driver *d, struct note *note);

static void done(struct write *w, int rc)
{
	struct turning *q = container_of(w, struct turning, write);
	q->rc = rc;
	driver_post(q->driver, &q->note);
}

static void submit(struct driver *d, struct turning *q)
{
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	if (writer_submit_always(d->parts.writer, &q->write)) {
		free(q);
		return; /* stopping */
	}
	d->changes_open++;
	d->turning_back = true;
}

static void come_back(struct driver *d, struct note *note)
{
	struct turning *q = container_of(note, struct turning, note);
	static const struct uuid none = {{0}};
	d->changes_open--;
	d->turning_back = false;
	driver_set_timer(d, driver_now(d)); /* which one is the first is not known */
	if (q->rc)
		driver_log(d, LOG_WARN, none,
			   "timers cannot follow a clock that was turned back: some jobs are "
			   "asked about again later than they were to",
			   "why", sl_err_text(q->rc));
	if (q->more && !q->rc && !d->closed)
		submit(d, q);
	else
		free(q);
}

static void begin(struct driver *d)
{
	static const struct uuid none = {{0}};
	char text[32];
	struct turning *q = calloc(1, sizeof(*q));
	if (!q)
		return; /* in the next turn */
	snprintf(text, sizeof(text), "%lld", (long long)(d->turned_back_ms / 1000));
	driver_log(d, LOG_WARN, none, "the clock was turned back; who waits for a while follows",
		   "seconds", text);
	q->driver = d;
	q->by_ms = d->turned_back_ms;
	d->turned_back_ms = 0;
	submit(d, q);
}

void turned_back_look(struct driver *d)
{
	int64_t back_ms = clock_watch_look(&d->clock_watch, d->parts.clock);
	if (back_ms) {
		int64_t now_ms = driver_now(d);
		d->turned_back_ms += back_ms;
		driver_set_timer(d, now_ms);
		run_turn_back(d, now_ms);
	}
	if (d->turned_back_ms && !d->turning_back)
		begin(d);
}

/* ---- at the start ---- */

static bool take_time(void *user, const struct feed_entry *e)
{
	int64_t *last_ms = user;
	*last_ms = e->time_ms;
	return true;
}

/* What was written last tells the time of then. */
int turned_back_begin(struct driver *d, struct store_txn *txn)
{
	uint64_t newest;
	int64_t last_ms = 0, now_ms = driver_now(d);
	clock_watch_begin(&d->clock_watch, d->parts.clock);
	int rc = feed_newest(txn, &newest);
	if (!rc && newest)
		rc = feed_read(txn, newest - 1, take_time, &last_ms);
	if (!rc && last_ms > now_ms + CLOCK_BACK_LEAST_MS)
		d->turned_back_ms = last_ms - now_ms;
	return rc;
}
