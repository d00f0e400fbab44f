/* A store that is full: it says so, goes on reading, and recovers by itself. */
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { SMALL_STORE = 2 << 20 };

struct full {
	char path[64];
	struct store *store;
	unsigned n; /* pairs that are in */
};

static const char *key_of(unsigned i, char to[16])
{
	snprintf(to, 16, "%08u", i);
	return to;
}

static int put_sized(struct store *s, unsigned i, size_t len)
{
	static const char val[20000];
	char key[16];
	struct store_txn *txn;
	int rc = store_begin(s, STORE_WRITE, &txn);
	if (rc)
		return rc;
	store_put(txn, STORE_DOCS, bytes_str(key_of(i, key)), bytes_of(val, len));
	return store_commit(&txn);
}

static int del_one(struct store *s, unsigned i)
{
	char key[16];
	struct store_txn *txn;
	int rc = store_begin(s, STORE_WRITE, &txn);
	if (rc)
		return rc;
	store_del(txn, STORE_DOCS, bytes_str(key_of(i, key)));
	return store_commit(&txn);
}

/** Put pairs one by one until there is no room, with several sizes from large to small, so
 * that no gap is left. */
static void fill(struct full *f)
{
	static const size_t sizes[] = {20000, 3000, 500};
	for (size_t i = 0; i < countof(sizes); i++) {
		int rc;
		while ((rc = put_sized(f->store, f->n, sizes[i])) == 0)
			f->n++;
		assert_int_equal(rc, SL_E_FULL);
	}
}

static int setup(void **state)
{
	struct full *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	dir_make(f->path);
	assert_int_equal(store_at(f->path, SMALL_STORE, &f->store, NULL), 0);
	fill(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct full *f = *state;
	store_close(f->store);
	dir_remove(f->path);
	free(f);
	return 0;
}

static unsigned count(struct store *s)
{
	struct store_txn *txn;
	struct store_cursor *c;
	struct bytes key, val;
	unsigned n = 0;
	assert_int_equal(store_begin(s, STORE_READ, &txn), 0);
	assert_int_equal(store_cursor_open(txn, STORE_DOCS, &c), 0);
	for (int rc = store_seek(c, bytes_of(NULL, 0), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val))
		n++;
	store_cursor_free(c);
	store_abort(txn);
	return n;
}

static void full_is_said_and_reading_goes_on(void **state)
{
	struct full *f = *state;
	struct store_room room;
	assert_int_equal(store_room(f->store, &room), 0);
	assert_true(room.max <= SMALL_STORE);
	assert_true(room.used >= room.max * 95 / 100);
	assert_int_equal(count(f->store), f->n);
	assert_int_equal(put_sized(f->store, f->n, 3000), SL_E_FULL);
	assert_int_equal(count(f->store), f->n);
}

static void a_full_store_can_delete_and_take_again(void **state)
{
	struct full *f = *state;
	struct store_room before, after;
	assert_int_equal(store_room(f->store, &before), 0);
	for (unsigned i = 0; i < f->n; i += 2)
		assert_int_equal(del_one(f->store, i), 0);
	assert_int_equal(store_room(f->store, &after), 0);
	assert_true(after.used < before.used * 3 / 4);
	assert_int_equal(put_sized(f->store, 0, 20000), 0);
}

static void a_full_store_takes_changes_that_do_not_grow_it(void **state)
{
	struct full *f = *state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(put_sized(f->store, (unsigned)i % 5, 20000), 0);
	assert_int_equal(count(f->store), f->n);
}

static void filling_and_emptying_may_go_on_for_ever(void **state)
{
	struct full *f = *state;
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < f->n; i++)
			assert_int_equal(del_one(f->store, i), 0);
		unsigned before = f->n;
		assert_int_equal(count(f->store), 0);
		f->n = 0;
		fill(f);
		assert_true(f->n > before / 2);
	}
}

static void a_full_store_opens_full(void **state)
{
	struct full *f = *state;
	f->store = store_close(f->store);
	assert_int_equal(store_at(f->path, SMALL_STORE, &f->store, NULL), 0);
	assert_int_equal(put_sized(f->store, f->n, 20000), SL_E_FULL);
	assert_int_equal(del_one(f->store, 0), 0);
	assert_int_equal(count(f->store), f->n - 1);
}

static void one_transaction_too_large_leaves_the_rest_alone(void **state)
{
	(void)state;
	char path[64], key[16];
	static const char val[20000];
	struct store *s;
	struct store_txn *txn;
	dir_make(path);
	assert_int_equal(store_at(path, SMALL_STORE, &s, NULL), 0);
	assert_int_equal(put_sized(s, 1, 20000), 0);
	assert_int_equal(store_begin(s, STORE_WRITE, &txn), 0);
	for (unsigned i = 0; i < 1000; i++)
		store_put(txn, STORE_DOCS, bytes_str(key_of(i, key)), bytes_of(val, sizeof(val)));
	assert_int_equal(store_failed(txn), SL_E_FULL);
	assert_int_equal(store_commit(&txn), SL_E_FULL);
	assert_int_equal(count(s), 1);
	assert_int_equal(put_sized(s, 2, 20000), 0);
	store_close(s);
	dir_remove(path);
}

/** A limit on the size of files stands in for a disk without room: writes fail the same. */
static void a_disk_without_room_loses_nothing(void **state)
{
	(void)state;
	char path[64];
	struct store *s;
	struct rlimit before, tight;
	unsigned n = 0;
	int rc;
	dir_make(path);
	assert_int_equal(store_at(path, SMALL_STORE, &s, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = before;
	tight.rlim_cur = 600000;
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	while ((rc = put_sized(s, n, 3000)) == 0)
		n++;
	unsigned present = count(s);
	bool said = rc == SL_E_FULL; /* also for a write that was taken in part */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, old);
	assert_true(said);
	assert_true(n > 50);
	assert_int_equal(present, n);
	if (rc == SL_E_IO) { /* nothing more is written by whoever saw that */
		store_close(s);
		assert_int_equal(store_at(path, SMALL_STORE, &s, NULL), 0);
	}
	assert_int_equal(put_sized(s, n, 3000), 0); /* there is room again */
	store_close(s);
	assert_int_equal(store_at(path, SMALL_STORE, &s, NULL), 0);
	assert_int_equal(count(s), n + 1);
	store_close(s);
	dir_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_is_said_and_reading_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_store_can_delete_and_take_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_full_store_takes_changes_that_do_not_grow_it,
						setup, teardown),
		cmocka_unit_test_setup_teardown(filling_and_emptying_may_go_on_for_ever, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_full_store_opens_full, setup, teardown),
		cmocka_unit_test(a_disk_without_room_loses_nothing),
		cmocka_unit_test(one_transaction_too_large_leaves_the_rest_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
