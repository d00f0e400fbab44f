#include "core/outbox/internal.h"

enum { LOOK_MAX = 20000 }; /* so many that do not match end a walk for now */

/* ---- those that may be sent ---- */

int outbox_queued(struct store_txn *txn, uint64_t subscriber, outbox_queued_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct outbox_key from = outbox_key3('q', subscriber, 0, 0);
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_OUTBOX, &c);
	if (!rc)
		rc = store_seek(c, outbox_key_bytes(&from), &key, &val);
	for (; rc == 0; rc = store_next(c, &key, &val))
		if (!outbox_same(key, &from, 9) ||
		    !each(user, (int64_t)outbox_part(key, 1), outbox_part(key, 2)))
			return 0;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* ---- lists for people ---- */

struct walk {
	struct store_txn *txn;
	const struct outbox_filter *filter;
	struct outbox_place *at;
	outbox_delivery_fn each;
	void *user;
	size_t looked;
	bool ended; /* by `each`, or because too many did not match */
};

static bool matches(const struct outbox_filter *f, const struct delivery *d)
{
	bool any = !f->pending && !f->retrying && !f->dead;
	if (f->subscriber && f->subscriber != d->subscriber)
		return false;
	return any || (d->dead ? f->dead : d->attempts ? f->retrying : f->pending);
}

static int look_at(struct walk *w, uint64_t subscriber, uint64_t number)
{
	struct delivery d;
	int rc = outbox_read(w->txn, subscriber, number, &d);
	if (rc)
		return rc;
	*w->at = (struct outbox_place){subscriber, number};
	if (matches(w->filter, &d))
		w->ended = !w->each(w->user, &d);
	else
		w->ended = ++w->looked >= LOOK_MAX;
	return 0;
}

/* Pending and dead ones lie apart; what is behind both is UINT64_MAX. */
static int next_of(struct walk *w, uint64_t subscriber, uint64_t from, uint64_t *ret)
{
	const struct outbox_filter *f = w->filter;
	bool only_dead = f->dead && !f->pending && !f->retrying;
	bool no_dead = !f->dead && (f->pending || f->retrying);
	uint64_t pending = UINT64_MAX, dead = UINT64_MAX;
	int rc = only_dead ? 0 : outbox_first(w->txn, 'd', subscriber, from, &pending);
	if (!rc || rc == SL_E_NOT_FOUND)
		rc = no_dead ? 0 : outbox_first(w->txn, 'x', subscriber, from, &dead);
	*ret = pending < dead ? pending : dead;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int walk_subscriber(struct walk *w, uint64_t subscriber, uint64_t after)
{
	for (uint64_t number = after;;) {
		int rc = next_of(w, subscriber, number + 1, &number);
		if (rc || number == UINT64_MAX)
			return rc;
		rc = look_at(w, subscriber, number);
		if (rc || w->ended)
			return rc;
	}
}

static int walk_all(struct walk *w)
{
	struct outbox_place begin = *w->at;
	uint64_t only = w->filter->subscriber;
	struct subscriber s;
	int rc = 0;
	for (uint64_t at = only               ? only - 1
			   : begin.subscriber ? begin.subscriber - 1
					      : 0;
	     !rc; at = s.number) {
		rc = outbox_next(w->txn, at, &s);
		if (rc || (only && s.number != only))
			break;
		rc = walk_subscriber(w, s.number, s.number == begin.subscriber ? begin.number : 0);
		if (rc || w->ended || only)
			break;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* A job's are few, and have an index of their own. Those of deleted subscribers are in
 * it, until they are swept. */
static int walk_job(struct walk *w)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	enum { PREFIX = 1 + 16 };
	struct outbox_key from = outbox_job_key(w->filter->job, w->at->subscriber, w->at->number);
	struct bytes key, val;
	int rc = store_cursor_open(w->txn, STORE_OUTBOX, &c);
	if (!rc)
		rc = store_seek(c, outbox_key_bytes(&from), &key, &val);
	for (; rc == 0; rc = store_next(c, &key, &val)) {
		struct subscriber s;
		if (!outbox_same(key, &from, PREFIX))
			return 0;
		if (bytes_eq(key, outbox_key_bytes(&from)))
			continue; /* the one before */
		uint64_t subscriber = wire_from_be((const uint8_t *)key.at + PREFIX, 8);
		if (outbox_get(w->txn, subscriber, &s))
			continue;
		rc = look_at(w, subscriber, wire_from_be((const uint8_t *)key.at + PREFIX + 8, 8));
		if (rc || w->ended)
			return rc;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int outbox_walk(struct store_txn *txn, const struct outbox_filter *f, struct outbox_place *at,
		outbox_delivery_fn each, void *user, bool *ret_end)
{
	struct walk w = {.txn = txn, .filter = f, .at = at, .each = each, .user = user};
	int rc = uuid_is_nil(f->job) ? walk_all(&w) : walk_job(&w);
	*ret_end = !w.ended;
	return rc;
}
