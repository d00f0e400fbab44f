/* Holds: whom they fit, what is kept of them, how many there may be, what is said. */
#include "core/ledger/hold.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

struct book {
	struct store *store;
	struct store_txn *txn;
};

static int set_up(void **state)
{
	struct book *book = calloc(1, sizeof(*book));
	assert_non_null(book);
	assert_int_equal(store_open_mem(&book->store), 0);
	assert_int_equal(store_begin(book->store, STORE_WRITE, &book->txn), 0);
	*state = book;
	return 0;
}

static int tear_down(void **state)
{
	struct book *book = *state;
	store_abort(book->txn);
	store_close(book->store);
	free(book);
	return 0;
}

static struct store_txn *txn_of(void **state) { return ((struct book *)*state)->txn; }

static int put(struct store_txn *txn, const char *kind, const char *user, const char *reason,
	       int64_t since_ms)
{
	struct hold hold = {.kind = bytes_str(kind),
			    .user = bytes_str(user),
			    .who = BYTES("tok"),
			    .reason = bytes_str(reason),
			    .since_ms = since_ms};
	return hold_put(txn, &hold);
}

static bool held(struct store_txn *txn, const char *kind, const char *user)
{
	struct hold hold;
	int rc = hold_find(txn, bytes_str(kind), bytes_str(user), &hold);
	assert_true(rc == 0 || rc == SL_E_NOT_FOUND);
	return rc == 0;
}

static void test_fits_whom_it_names(void **state)
{
	struct store_txn *txn = txn_of(state);
	assert_false(held(txn, "K", "ann"));
	assert_int_equal(put(txn, "K", "", "", 1), 0);
	assert_int_equal(put(txn, "", "bob", "", 1), 0);
	assert_int_equal(put(txn, "L", "cy", "", 1), 0);
	assert_true(held(txn, "K", "ann"));
	assert_true(held(txn, "X", "bob"));
	assert_true(held(txn, "L", "cy"));
	assert_false(held(txn, "L", "ann"));
	assert_false(held(txn, "X", "cy"));
	assert_false(held(txn, "bob", "K")); /* a kind is no user */
	assert_int_equal(put(txn, "", "", "", 1), 0);
	assert_true(held(txn, "X", "cy"));
}

static void test_the_widest_is_told(void **state)
{
	struct store_txn *txn = txn_of(state);
	struct hold hold;
	assert_int_equal(put(txn, "K", "ann", "narrow", 1), 0);
	assert_int_equal(put(txn, "K", "", "wide", 2), 0);
	assert_int_equal(hold_find(txn, BYTES("K"), BYTES("ann"), &hold), 0);
	assert_true(bytes_eq(hold.reason, BYTES("wide")));
	assert_int_equal(hold_remove(txn, BYTES("K"), BYTES("")), 0);
	assert_int_equal(hold_find(txn, BYTES("K"), BYTES("ann"), &hold), 0);
	assert_true(bytes_eq(hold.reason, BYTES("narrow")));
	assert_true(bytes_eq(hold.who, BYTES("tok")));
}

static void test_again_keeps_since_when(void **state)
{
	struct store_txn *txn = txn_of(state);
	struct hold hold;
	size_t n;
	assert_int_equal(put(txn, "K", "", "first", 100), 0);
	assert_int_equal(put(txn, "K", "", "second", 200), 0);
	assert_int_equal(hold_count(txn, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(hold_find(txn, BYTES("K"), BYTES("u"), &hold), 0);
	assert_int_equal(hold.since_ms, 100);
	assert_true(bytes_eq(hold.reason, BYTES("second")));
}

static void test_only_exactly_that_one_is_removed(void **state)
{
	struct store_txn *txn = txn_of(state);
	assert_int_equal(put(txn, "K", "", "", 1), 0);
	assert_int_equal(hold_remove(txn, BYTES(""), BYTES("")), SL_E_NOT_FOUND);
	assert_int_equal(hold_remove(txn, BYTES("K"), BYTES("ann")), SL_E_NOT_FOUND);
	assert_true(held(txn, "K", "ann"));
	assert_int_equal(hold_remove(txn, BYTES("K"), BYTES("")), 0);
	assert_false(held(txn, "K", "ann"));
}

static void test_there_is_a_limit(void **state)
{
	struct store_txn *txn = txn_of(state);
	char user[16];
	for (int i = 0; i < HOLDS_MAX; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		assert_int_equal(put(txn, "", user, "", 1), 0);
	}
	assert_int_equal(put(txn, "", "one more", "", 1), SL_E_TOO_BIG);
	assert_int_equal(put(txn, "", "u7", "another reason", 1), 0);
	assert_int_equal(hold_remove(txn, BYTES(""), BYTES("u7")), 0);
	assert_int_equal(put(txn, "", "one more", "", 1), 0);
}

static void test_damage_is_told(void **state)
{
	struct store_txn *txn = txn_of(state);
	struct hold hold;
	size_t n;
	store_put(txn, STORE_META, bytes_of("hold.K\0", 7), BYTES("\x01 short"));
	assert_int_equal(hold_find(txn, BYTES("K"), BYTES("u"), &hold), SL_E_CORRUPT);
	assert_int_equal(hold_count(txn, &n), SL_E_CORRUPT);
}

static void assert_told(const char *kind, const char *user, const char *reason, const char *want)
{
	scoped(buf_finip) struct buf words = {0};
	struct hold hold = {
		.kind = bytes_str(kind), .user = bytes_str(user), .reason = bytes_str(reason)};
	buf_init(&words, 1000);
	hold_tell(&hold, &words);
	assert_true(bytes_eq(buf_bytes(&words), bytes_str(want)));
}

static void test_words(void **state SL_UNUSED)
{
	assert_told("", "", "", "admission is held");
	assert_told("K", "", "", "admission of jobs of kind K is held");
	assert_told("", "ann", "", "admission of jobs of user ann is held");
	assert_told("K", "ann", "a move",
		    "admission of jobs of kind K of user ann is held: a move");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fits_whom_it_names),     TEST(test_the_widest_is_told),
		TEST(test_again_keeps_since_when), TEST(test_only_exactly_that_one_is_removed),
		TEST(test_there_is_a_limit),       TEST(test_damage_is_told),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
