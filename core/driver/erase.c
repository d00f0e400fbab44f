/* Jobs that are to go: those that a person erases, and old ones. A few at a time: first
 * what the store holds of them, then what their engine keeps (its files), then the mark. */
#include "core/driver/erase.h"

#include "core/base/crash.h"
#include "core/driver/internal.h"
#include "core/ledger/erase.h"
#include "store/writer.h"

#include <stdlib.h>

enum {
	OLD_MAX = 32,      /* jobs taken out of the book in one transaction */
	ENTRIES_MAX = 512, /* entries removed in one */
	LOOK_MS = 60000,
	WEDGED_MS = 600000, /* an engine that does not answer is asked again after this */
};

/** One turn of it, on its way through the writer. */
struct erase {
	struct write write;
	struct note note;
	struct driver *driver;
	struct uuid over[ERASE_TOGETHER]; /* nothing of them is left but the mark */
	size_t n_over;
	struct uuid after;
	struct retention keep;
	/* found out: */
	struct ledger_mark mark[ERASE_TOGETHER];
	size_t n;
	bool more; /* of old jobs, or of entries */
	int rc;
};

/* ---- on the writer's thread ---- */

static int take_marks(struct erase *q, struct store_txn *txn)
{
	size_t left = ENTRIES_MAX;
	struct uuid after = q->after;
	int rc = 0;
	for (q->n = 0; q->n < ERASE_TOGETHER && left; q->n++) {
		rc = ledger_next_mark(txn, after, &q->mark[q->n]);
		if (rc)
			return rc == SL_E_NOT_FOUND ? 0 : rc;
		after = q->mark[q->n].id;
		rc = ledger_erase_rest(txn, after, &left);
		if (rc)
			return rc;
		if (!left)
			break; /* this one is not done: it is the first of the next turn */
	}
	q->more |= !left;
	return 0;
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct erase *q = container_of(w, struct erase, write);
	size_t old;
	for (size_t i = 0; i < q->n_over; i++)
		ledger_drop_mark(txn, q->over[i]);
	q->more = false;
	/* What goes out of the book now keeps its documents until the next turn: a move in
	 * this very transaction is still to be matched against its header (core/hooks). */
	int rc = take_marks(q, txn);
	if (!rc)
		rc = ledger_erase_old(txn, &q->keep, OLD_MAX, &old);
	q->more |= !rc && old > 0;
	return rc;
}

static void done(struct write *w, int rc)
{
	struct erase *q = container_of(w, struct erase, write);
	q->rc = rc;
	driver_post(q->driver, &q->note);
}

/* ---- on the loop ---- */

static int64_t now_mono(const struct driver *d) { return clock_mono_ms(d->parts.clock); }

static bool all_over(const struct erasing *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (!e->job[i].over)
			return false;
	return true;
}

static void order_files(struct driver *d, const struct ledger_mark *mark, struct erasing_job *job)
{
	struct engine *engine = mark->engine[0] ? driver_engine(d, bytes_str(mark->engine)) : NULL;
	*job = (struct erasing_job){.id = mark->id, .over = !engine || !engine->ops->erase};
	if (!job->over)
		engine->ops->erase(engine, &mark->id);
}

/* When this turn's jobs are over: the next ones; at the end of the marks a pause. */
static void plan_next(struct driver *d, const struct erase *q)
{
	struct erasing *e = &d->erasing;
	bool last = e->n == 0 && !q->more;
	crash_at(CRASH_ERASE_ORDERED);
	if (e->n)
		e->after = e->job[e->n - 1].id;
	if (last) {
		e->after = (struct uuid){{0}};
		e->next_ms = now_mono(d) + (e->again ? 1 : LOOK_MS);
		e->again = false;
	} else {
		e->next_ms = now_mono(d) + (all_over(e) ? 1 : WEDGED_MS);
	}
}

static void come_back(struct driver *d, struct note *note)
{
	struct erase *q = container_of(note, struct erase, note);
	static const struct uuid nil = {{0}};
	struct erasing *e = &d->erasing;
	d->changes_open--;
	e->busy = false;
	if (q->rc) {
		driver_log(d, LOG_WARN, nil, "old jobs cannot be erased now", "why",
			   sl_err_text(q->rc));
		e->next_ms = now_mono(d) + STUCK_RETRY_MS;
	} else {
		crash_at(CRASH_ERASE_CLEARED);
		e->n = q->n;
		for (size_t i = 0; i < q->n; i++)
			order_files(d, &q->mark[i], &e->job[i]);
		plan_next(d, q);
	}
	free(q);
}

void erase_start(struct driver *d)
{
	struct erasing *e = &d->erasing;
	e->next_ms = now_mono(d) + STUCK_RETRY_MS;
	struct erase *q = calloc(1, sizeof(*q));
	if (!q)
		return;
	q->driver = d;
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	q->after = e->after;
	q->keep.count = d->config.keep_jobs ? d->config.keep_jobs : UINT64_MAX;
	q->keep.before_ms =
		d->config.keep_jobs_ms ? driver_now(d) - d->config.keep_jobs_ms : INT64_MIN;
	for (size_t i = 0; i < e->n; i++)
		if (e->job[i].over && !e->job[i].failed)
			q->over[q->n_over++] = e->job[i].id;
	if (writer_submit(d->parts.writer, &q->write)) {
		free(q); /* busy, or stopping */
		return;
	}
	d->changes_open++;
	e->busy = true;
}

void erase_report(struct driver *d, const struct engine_report *report)
{
	struct erasing *e = &d->erasing;
	for (size_t i = 0; i < e->n; i++)
		if (uuid_eq(e->job[i].id, report->name.job) && !e->job[i].over) {
			e->job[i].over = true;
			crash_at(CRASH_ERASE_FILES_GONE);
			e->job[i].failed = report->message[0] != '\0';
		}
	if (report->message[0])
		driver_log(d, LOG_WARN, report->name.job, "files of an erased job remain", "why",
			   report->message);
	if (!e->busy && all_over(e) && e->n)
		e->next_ms = now_mono(d);
}

void erase_soon(struct driver *d)
{
	struct erasing *e = &d->erasing;
	e->again = true;
	if (!e->busy && !e->n)
		e->next_ms = now_mono(d);
}
