/* Times of day are stored, and the clock may be turned back: what was to wait for seconds
 * would then wait for hours. */
#include "core/outbox/internal.h"

/* As long as it was to wait, from now on. One that nobody has tried waits for nothing. */
static bool wait_anew(struct delivery *d, int64_t now_ms)
{
	bool untried = !d->attempts && d->due_ms > now_ms;
	bool early = d->tried_ms > now_ms;
	if (untried)
		d->due_ms = now_ms;
	if (early && d->attempts)
		d->due_ms -= d->tried_ms - now_ms;
	if (early)
		d->tried_ms = now_ms;
	return untried || early;
}

static int next_pending(struct store_txn *txn, struct outbox_place *at)
{
	for (;;) {
		struct subscriber s;
		uint64_t number;
		int rc = at->subscriber
				 ? outbox_first(txn, 'd', at->subscriber, at->number + 1, &number)
				 : SL_E_NOT_FOUND;
		if (!rc)
			at->number = number;
		if (rc != SL_E_NOT_FOUND)
			return rc;
		rc = outbox_next(txn, at->subscriber, &s);
		if (rc)
			return rc;
		*at = (struct outbox_place){s.number, 0};
	}
}

int outbox_wants_turn_back(struct store_txn *txn, int64_t now_ms, size_t most,
			   struct outbox_place *at, bool *ret_wants, bool *ret_more)
{
	struct outbox_place next = *at;
	struct delivery d;
	*ret_wants = *ret_more = false;
	for (size_t i = 0; i < most; i++) {
		int rc = next_pending(txn, &next);
		if (!rc)
			rc = outbox_read(txn, next.subscriber, next.number, &d);
		if (rc)
			return rc == SL_E_NOT_FOUND ? 0 : rc;
		if (wait_anew(&d, now_ms)) {
			*ret_wants = *ret_more = true;
			return 0;
		}
		*at = next;
	}
	*ret_more = true;
	return 0;
}

int outbox_turn_back(struct store_txn *txn, int64_t now_ms, size_t most, struct outbox_place *at,
		     bool *ret_more)
{
	*ret_more = false;
	for (size_t i = 0; i < most; i++) {
		scoped(buf_finip) struct buf keep = {0};
		struct delivery d;
		size_t size;
		int rc = next_pending(txn, at);
		buf_init(&keep, OUTBOX_RECORD_MAX);
		if (!rc)
			rc = outbox_load(txn, 'd', at->subscriber, at->number, &keep, &d, &size);
		if (!rc && wait_anew(&d, now_ms))
			rc = outbox_again(txn, &d);
		if (rc)
			return rc == SL_E_NOT_FOUND ? 0 : rc;
	}
	*ret_more = true;
	return 0;
}
