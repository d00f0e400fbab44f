/* A look into the store at those who wait for a plugin: the first of them go on. */
#include "core/driver/line.h"
#include "core/driver/taken.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM_RETRY_MS = 200 };

struct look {
	struct write write;
	struct note note;
	struct driver *driver;
	uint32_t parked, waiting; /* so many at most */
	bool parked_end, waiting_end, full;
	struct line_at from, after; /* of those that wait for an answer: where to begin, the last */
	bool from_set, behind;
	struct taken taken;
	size_t turns; /* of the taken, those that were parked: the first ones */
	int rc;
	char key[];
};

/* ---- on the writer's thread ---- */

typedef int (*take_fn)(struct driver *d, struct taken *t, struct store_txn *txn, struct job *job);

static int take(struct look *q, struct store_txn *txn, struct uuid id, take_fn fn)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, id, &keep, &job);
	if (rc)
		return rc == SL_E_NOT_FOUND ? SL_E_CORRUPT : rc;
	return fn(q->driver, &q->taken, txn, &job);
}

static int take_some(struct look *q, struct store_txn *txn, enum line_kind kind, uint32_t most,
		     bool *ret_end)
{
	struct line_at at[TAKEN_MAX];
	size_t n = 0;
	bool waiting = kind == LINE_ANSWER;
	const struct line_at *after = waiting && q->behind ? &q->after : NULL;
	int rc = ledger_line(txn, kind, bytes_str(q->key), after, at, most, &n);
	*ret_end = n < most;
	for (size_t i = 0; i < n && !rc; i++) {
		if (taken_is_full(q->driver, &q->taken)) {
			q->full = true;
			*ret_end = false;
			break;
		}
		rc = take(q, txn, at[i].id, waiting ? taken_add : taken_add_parked);
		if (waiting && !rc) {
			q->after = at[i];
			q->behind = true;
		}
	}
	return rc;
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct look *q = container_of(w, struct look, write);
	int rc = 0;
	taken_forget(&q->taken);
	q->full = q->parked_end = q->waiting_end = false;
	q->after = q->from;
	q->behind = q->from_set;
	if (q->parked)
		rc = take_some(q, txn, LINE_PLACE, q->parked, &q->parked_end);
	q->turns = q->taken.n;
	if (!rc && q->waiting)
		rc = take_some(q, txn, LINE_ANSWER, q->waiting, &q->waiting_end);
	return rc;
}

static void done(struct write *w, int rc)
{
	struct look *q = container_of(w, struct look, write);
	q->rc = rc;
	if (!rc)
		taken_tell(q->driver, &q->taken);
	driver_post(q->driver, &q->note);
}

/* ---- on the loop ---- */

static void settle_pass(struct line *line, const struct look *q)
{
	line->after = q->after;
	line->behind = q->behind;
	if (q->waiting_end)
		line->passing = false; /* those that came meanwhile are for the next pass */
}

/* Nobody is parked any more, nor on the way to it: the line in memory goes on. Whom the look
 * was too early to see is still on the way: writes are done, and told to the loop, in the
 * order in which they were submitted. */
static void settle_parked(struct driver *d, struct line *line, const struct look *q)
{
	if (!q->parked_end || line->parking)
		return;
	line->parked = false;
	(void)caller_hold(d->caller, line->key, false);
}

static void come_back(struct driver *d, struct note *note)
{
	struct look *q = container_of(note, struct look, note);
	struct line *line = line_find(d, q->key); /* it is busy, so it is there */
	d->changes_open--;
	line->busy = false;
	line->retry_ms = 0;
	d->lines_stir = true;
	if (q->rc || q->full)
		line->retry_ms = clock_mono_ms(d->parts.clock) +
				 (q->rc ? (int)STUCK_RETRY_MS : (int)ROOM_RETRY_MS);
	if (q->rc) {
		taken_forget(&q->taken);
	} else {
		for (size_t i = q->turns; i < q->taken.n; i++)
			q->taken.admit[i]->line = line;
		if (q->taken.next_ms)
			driver_set_timer(d, q->taken.next_ms);
		taken_begin(d, &q->taken);
		if (q->waiting)
			settle_pass(line, q);
		if (q->parked)
			settle_parked(d, line, q);
	}
	free(q);
}

void line_look(struct driver *d, struct line *line, uint32_t parked, uint32_t waiting)
{
	size_t size = strlen(line->key) + 1;
	struct look *q = calloc(1, sizeof(*q) + size);
	if (!q) {
		line->retry_ms = clock_mono_ms(d->parts.clock) + STUCK_RETRY_MS;
		return;
	}
	memcpy(q->key, line->key, size);
	q->driver = d;
	q->parked = parked;
	q->waiting = waiting;
	q->from = line->after;
	q->from_set = line->behind;
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	if (writer_submit_always(d->parts.writer, &q->write)) {
		free(q);
		return; /* stopping */
	}
	d->changes_open++;
	line->busy = true;
}
