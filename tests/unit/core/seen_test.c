/* Idempotency keys are remembered for a day, also when they are used again after it. */
#include "core/ledger/ledger.h"
#include "tests/unit/core/support.h"

enum { KEYS = 40, DAY_MS = SEEN_KEEP_MS };

struct seen_key {
	uint8_t at[32];
};

static struct seen_key key_of(unsigned n) { return (struct seen_key){{(uint8_t)n, 7}}; }

static void put(struct store_txn *txn, unsigned n, int64_t now_ms)
{
	struct seen_key key = key_of(n), body = {{1}};
	struct uuid job = {{(uint8_t)n}};
	ledger_put_seen(txn, key.at, job, body.at, now_ms);
}

static bool is_seen(struct store_txn *txn, unsigned n, int64_t now_ms)
{
	struct seen_key key = key_of(n), body;
	struct uuid job;
	return ledger_seen(txn, key.at, now_ms, &job, body.at) == 0;
}

static size_t entries(struct store_txn *txn)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	size_t n = 0;
	assert_int_equal(store_cursor_open(txn, STORE_SEEN, &c), 0);
	for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val))
		n++;
	return n;
}

static void test_used_again(void **state SL_UNUSED)
{
	struct store *store;
	struct store_txn *txn;
	const int64_t first = 1000000, second = first + DAY_MS + 3600000;
	assert_int_equal(store_open_mem(&store), 0);
	assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
	for (unsigned n = 0; n < KEYS; n++)
		put(txn, n, first + n);
	assert_true(is_seen(txn, KEYS - 1, first + DAY_MS));
	assert_false(is_seen(txn, KEYS - 1, second));
	put(txn, KEYS - 1, second);
	for (unsigned n = 100; n < 100 + KEYS; n++) /* each makes room for a few old ones */
		put(txn, n, second + n);
	assert_true(is_seen(txn, KEYS - 1, second + DAY_MS));
	assert_false(is_seen(txn, 0, second));
	assert_int_equal(entries(txn), 2 * (KEYS + 1));
	store_abort(txn);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_used_again)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
