/* What the memory store offers to tests: faults, a power cut, a ceiling. */
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct store *open_mem(void)
{
	struct store *s;
	assert_int_equal(store_open_mem(&s), 0);
	return s;
}

static void the_nth_write_fails(void **state)
{
	(void)state;
	scoped(store_closep) struct store *s = open_mem();
	struct store_txn *txn;
	store_mem_fail(s, STORE_MEM_WRITE, 2, SL_E_FULL);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
	store_put(txn, STORE_JOBS, BYTES("b"), BYTES("2"));
	assert_int_equal(store_failed(txn), 0);
	assert_true(store_mem_fail_waits(s, STORE_MEM_WRITE));
	store_del(txn, STORE_JOBS, BYTES("a"));
	assert_int_equal(store_failed(txn), SL_E_FULL);
	assert_false(store_mem_fail_waits(s, STORE_MEM_WRITE));
	assert_int_equal(store_commit(&txn), SL_E_FULL);
	assert_true(holds(s, STORE_JOBS, "a", "1"));
	assert_false(holds(s, STORE_JOBS, "b", "2"));
	assert_int_equal(put_one(s, STORE_JOBS, "b", "2"), 0); /* once only */
}

static void a_commit_fails_and_leaves_nothing(void **state)
{
	(void)state;
	scoped(store_closep) struct store *s = open_mem();
	store_mem_fail(s, STORE_MEM_COMMIT, 0, SL_E_IO);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), SL_E_IO);
	assert_false(holds(s, STORE_JOBS, "a", "1"));
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), 0);
}

static void begin_and_read_fail_too(void **state)
{
	(void)state;
	scoped(store_closep) struct store *s = open_mem();
	struct store_txn *txn;
	struct bytes got;
	store_mem_fail(s, STORE_MEM_BEGIN, 0, SL_E_NO_MEMORY);
	assert_int_equal(store_begin(s, STORE_READ, &txn), SL_E_NO_MEMORY);
	store_mem_fail(s, STORE_MEM_READ, 0, SL_E_CORRUPT);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
	assert_int_equal(store_get(txn, STORE_JOBS, BYTES("a"), &got), SL_E_CORRUPT);
	assert_int_equal(store_commit(&txn), SL_E_CORRUPT); /* it stuck */
}

static void an_order_can_be_taken_back(void **state)
{
	(void)state;
	scoped(store_closep) struct store *s = open_mem();
	store_mem_fail(s, STORE_MEM_COMMIT, 0, SL_E_IO);
	store_mem_fail(s, STORE_MEM_COMMIT, 0, 0);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), 0);
}

static void a_power_cut_drops_what_was_not_committed(void **state)
{
	(void)state;
	scoped(store_closep) struct store *old = open_mem();
	scoped(store_closep) struct store *fresh = NULL;
	struct store_txn *txn;
	assert_int_equal(put_one(old, STORE_JOBS, "kept", "1"), 0);
	assert_int_equal(store_begin(old, STORE_WRITE, &txn), 0);
	store_put(txn, STORE_JOBS, BYTES("lost"), BYTES("1"));
	assert_int_equal(store_mem_reopen(old, &fresh), 0);
	assert_int_equal(store_commit(&txn), 0); /* into the old world */
	assert_true(holds(fresh, STORE_JOBS, "kept", "1"));
	assert_false(holds(fresh, STORE_JOBS, "lost", "1"));
	assert_int_equal(put_one(fresh, STORE_JOBS, "new", "1"), 0);
	assert_false(holds(old, STORE_JOBS, "new", "1"));
}

static void a_full_store_takes_only_what_does_not_grow(void **state)
{
	(void)state;
	scoped(store_closep) struct store *s = open_mem();
	store_mem_limit(s, 8);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "123"), 0);
	assert_int_equal(put_one(s, STORE_JOBS, "b", "123"), 0);
	assert_int_equal(put_one(s, STORE_JOBS, "c", ""), SL_E_FULL);
	assert_int_equal(put_one(s, STORE_JOBS, "b", "321"), 0);
	struct store_txn *txn;
	assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
	store_del(txn, STORE_JOBS, BYTES("a"));
	store_put(txn, STORE_JOBS, BYTES("c"), BYTES("123"));
	assert_int_equal(store_commit(&txn), 0);
	struct store_room room;
	assert_int_equal(store_room(s, &room), 0);
	assert_int_equal(room.used, 8);
	assert_int_equal(room.max, 8);
	store_mem_limit(s, 4); /* over its size already: it may shrink */
	assert_int_equal(put_one(s, STORE_JOBS, "c", "1"), 0);
	assert_int_equal(put_one(s, STORE_JOBS, "c", "12"), SL_E_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nth_write_fails),
		cmocka_unit_test(a_commit_fails_and_leaves_nothing),
		cmocka_unit_test(begin_and_read_fail_too),
		cmocka_unit_test(an_order_can_be_taken_back),
		cmocka_unit_test(a_power_cut_drops_what_was_not_committed),
		cmocka_unit_test(a_full_store_takes_only_what_does_not_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
