/* What stages were given is cut down to digests some time after a job's end: a few jobs in
 * a transaction, so that nobody waits for it. */
#include "core/driver/internal.h"
#include "core/ledger/kept.h"
#include "store/writer.h"

#include <stdlib.h>

enum { BATCH = 32, AGAIN_MS = 200, LOOK_MS = 60000 };

struct trim {
	struct write write;
	struct note note;
	struct driver *driver;
	bool more;
	int rc;
};

static int apply(struct write *w, struct store_txn *txn)
{
	struct trim *q = container_of(w, struct trim, write);
	int64_t before_ms = driver_now(q->driver) - q->driver->config.keep_stages_ms;
	return kept_trim(txn, before_ms, BATCH, &q->more);
}

static void done(struct write *w, int rc)
{
	struct trim *q = container_of(w, struct trim, write);
	q->rc = rc;
	driver_post(q->driver, &q->note);
}

static void come_back(struct driver *d, struct note *note)
{
	struct trim *q = container_of(note, struct trim, note);
	static const struct uuid none = {{0}};
	if (q->rc)
		driver_log(d, LOG_WARN, none, "old stages cannot be cut down", "why",
			   sl_err_text(q->rc));
	d->changes_open--;
	d->trim_busy = false;
	d->trim_ms = clock_mono_ms(d->parts.clock) + (q->more && !q->rc ? AGAIN_MS : LOOK_MS);
	free(q);
}

void trim_start(struct driver *d)
{
	d->trim_ms = clock_mono_ms(d->parts.clock) + LOOK_MS;
	if (!d->config.keep_stages_ms)
		return;
	struct trim *q = calloc(1, sizeof(*q));
	if (!q)
		return; /* next time */
	q->driver = d;
	q->write = (struct write){.apply = apply, .done = done};
	q->note.handle = come_back;
	if (writer_submit(d->parts.writer, &q->write)) {
		free(q); /* busy, or stopping */
		return;
	}
	d->changes_open++;
	d->trim_busy = true;
}
