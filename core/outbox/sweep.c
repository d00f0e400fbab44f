#include "core/outbox/internal.h"

/* ---- what was meant for deleted subscribers ---- */

static void drop_key(struct store_txn *txn, const struct outbox_key *k)
{
	store_del(txn, STORE_OUTBOX, outbox_key_bytes(k));
}

static int erase(struct store_txn *txn, char letter, uint64_t subscriber, uint64_t number)
{
	scoped(buf_finip) struct buf keep = {0};
	struct delivery d;
	size_t size;
	buf_init(&keep, OUTBOX_RECORD_MAX);
	int rc = outbox_load(txn, letter, subscriber, number, &keep, &d, &size);
	if (rc)
		return rc;
	struct outbox_key keys[] = {
		outbox_key2(letter, subscriber, number),
		outbox_key3('q', subscriber, (uint64_t)d.due_ms, number),
		outbox_key3('e', (uint64_t)d.dead_ms, subscriber, number),
		outbox_job_key(d.entry.job, subscriber, number),
	};
	for (size_t i = 0; i < countof(keys); i++)
		drop_key(txn, &keys[i]);
	return 0;
}

/* One delivery of a deleted subscriber, or what is left of the subscriber itself. */
static int erase_one(struct store_txn *txn, uint64_t subscriber)
{
	static const char letters[] = {'d', 'x'};
	uint64_t number;
	for (size_t i = 0; i < countof(letters); i++) {
		int rc = outbox_first(txn, letters[i], subscriber, 0, &number);
		if (rc != SL_E_NOT_FOUND)
			return rc ? rc : erase(txn, letters[i], subscriber, number);
	}
	outbox_forget(txn, subscriber);
	return 0;
}

static int erase_garbage(struct store_txn *txn, size_t most, size_t *n)
{
	for (; *n < most; (*n)++) {
		uint64_t subscriber;
		int rc = outbox_garbage(txn, &subscriber);
		if (!rc)
			rc = erase_one(txn, subscriber);
		if (rc)
			return rc == SL_E_NOT_FOUND ? 0 : rc;
	}
	return 0;
}

/* ---- dead ones that were kept long enough ---- */

static int oldest_dead(struct store_txn *txn, int64_t *ret_dead_ms, uint64_t *ret_subscriber,
		       uint64_t *ret_number)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct outbox_key from = outbox_key3('e', 0, 0, 0);
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_OUTBOX, &c);
	if (!rc)
		rc = store_seek(c, outbox_key_bytes(&from), &key, &val);
	if (!rc && !outbox_same(key, &from, 1))
		rc = SL_E_NOT_FOUND;
	if (rc)
		return rc;
	*ret_dead_ms = (int64_t)outbox_part(key, 0);
	*ret_subscriber = outbox_part(key, 1);
	*ret_number = outbox_part(key, 2);
	return 0;
}

static int erase_old_dead(struct store_txn *txn, int64_t before_ms, size_t most, size_t *n)
{
	while (*n < most) {
		scoped(buf_finip) struct buf keep = {0};
		struct subscriber s = {0};
		int64_t dead_ms;
		uint64_t subscriber, number;
		int rc = oldest_dead(txn, &dead_ms, &subscriber, &number);
		if (rc || dead_ms >= before_ms)
			return rc == SL_E_NOT_FOUND ? 0 : rc;
		buf_init(&keep, 1024);
		rc = outbox_load_subscriber(txn, subscriber, &keep, &s);
		if (rc == SL_E_NOT_FOUND)
			rc = erase(txn, 'x', subscriber, number);
		else if (!rc)
			rc = outbox_erase_dead(txn, &s, number);
		if (rc)
			return rc;
		if (s.number)
			outbox_put_subscriber(txn, &s);
		(*n)++;
	}
	return 0;
}

/* ---- pending ones whose time is over ---- */

/* The oldest pending one, if its time is over. A redelivered one has a new clock and an
 * old number: then those behind it wait for it. */
static int oldest_over(struct store_txn *txn, uint64_t subscriber, int64_t before_ms, uint64_t *ret)
{
	struct delivery d;
	int rc = outbox_first(txn, 'd', subscriber, 0, ret);
	if (!rc)
		rc = outbox_read(txn, subscriber, *ret, &d);
	return rc ? rc : d.queued_ms < before_ms ? 0 : SL_E_NOT_FOUND;
}

static int expire_of(struct store_txn *txn, uint64_t subscriber, int64_t now_ms, size_t most,
		     const struct outbox_limits *limits, size_t *n)
{
	scoped(buf_finip) struct buf keep = {0};
	struct subscriber s;
	uint64_t number;
	buf_init(&keep, 1024);
	int rc = outbox_load_subscriber(txn, subscriber, &keep, &s);
	if (rc)
		return rc;
	size_t before = *n;
	while (!rc && *n < most) {
		rc = oldest_over(txn, subscriber, now_ms - limits->retry_for_ms, &number);
		if (!rc)
			rc = outbox_kill(txn, &s, number, DEAD_EXPIRED, now_ms, limits);
		*n += !rc;
	}
	if (*n != before)
		outbox_put_subscriber(txn, &s);
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int expire(struct store_txn *txn, int64_t now_ms, size_t most,
		  const struct outbox_limits *limits, size_t *n)
{
	struct subscriber s;
	uint64_t at = 0;
	int rc = 0;
	while (!rc && *n < most && (rc = outbox_next(txn, at, &s)) == 0) {
		at = s.number;
		rc = expire_of(txn, at, now_ms, most, limits, n);
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* ---- all of it ---- */

int outbox_sweep(struct store_txn *txn, int64_t now_ms, size_t most,
		 const struct outbox_limits *limits, bool *ret_more)
{
	size_t n = 0;
	int rc = erase_garbage(txn, most, &n);
	if (!rc)
		rc = erase_old_dead(txn, now_ms - limits->keep_dead_ms, most, &n);
	if (!rc)
		rc = expire(txn, now_ms, most, limits, &n);
	*ret_more = n >= most;
	return rc;
}

static bool one_is_over(struct store_txn *txn, int64_t before_ms)
{
	struct subscriber s;
	uint64_t at = 0, number;
	while (outbox_next(txn, at, &s) == 0) {
		at = s.number;
		if (oldest_over(txn, at, before_ms, &number) == 0)
			return true;
	}
	return false;
}

bool outbox_wants_sweep(struct store_txn *txn, int64_t now_ms, const struct outbox_limits *limits)
{
	uint64_t subscriber, number;
	int64_t dead_ms;
	return outbox_garbage(txn, &subscriber) == 0 ||
	       (oldest_dead(txn, &dead_ms, &subscriber, &number) == 0 &&
		dead_ms < now_ms - limits->keep_dead_ms) ||
	       one_is_over(txn, now_ms - limits->retry_for_ms);
}
