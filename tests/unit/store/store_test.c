/* The contract of store.h, the same tests against both implementations. */
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct rig *rig_of(void **state) { return *state; }

static struct store_txn *begin(void **state, enum store_mode mode)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(rig_of(state)->store, mode, &txn), 0);
	return txn;
}

static void put(struct store_txn *txn, const char *key, const char *val)
{
	store_put(txn, STORE_JOBS, bytes_str(key), bytes_str(val));
}

static void del(struct store_txn *txn, const char *key)
{
	store_del(txn, STORE_JOBS, bytes_str(key));
}

static bool is(struct store_txn *txn, const char *key, const char *val)
{
	return has_value(txn, STORE_JOBS, key, val);
}

static void assert_absent(struct store_txn *txn, const char *key)
{
	struct bytes got;
	assert_int_equal(store_get(txn, STORE_JOBS, bytes_str(key), &got), SL_E_NOT_FOUND);
	assert_false(store_has(txn, STORE_JOBS, bytes_str(key)));
}

/** Commit the keys, each with itself as its value. */
static void fill(void **state, const char *const *keys, size_t n)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	for (size_t i = 0; i < n; i++)
		put(txn, keys[i], keys[i]);
	assert_int_equal(store_commit(&txn), 0);
}

static const char *const bdf[] = {"f", "b", "d"};

/* ---- pairs ---- */

static void a_transaction_sees_its_own_writes(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	put(txn, "a", "1");
	assert_true(is(txn, "a", "1"));
	put(txn, "a", "two");
	assert_true(is(txn, "a", "two"));
	del(txn, "a");
	assert_absent(txn, "a");
	store_abort(txn);
}

static void tables_are_apart(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	for (int t = 0; t < STORE_TABLES; t++) {
		char val[8];
		snprintf(val, sizeof(val), "%d", t);
		store_put(txn, (enum store_table)t, BYTES("same key"), bytes_str(val));
	}
	assert_int_equal(store_commit(&txn), 0);
	for (int t = 0; t < STORE_TABLES; t++) {
		char val[8];
		snprintf(val, sizeof(val), "%d", t);
		assert_true(holds(rig_of(state)->store, (enum store_table)t, "same key", val));
	}
}

static void appended_behind_all_others(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	store_append(txn, STORE_PIECES, BYTES("b"), BYTES("1"));
	store_append(txn, STORE_PIECES, BYTES("ba"), BYTES("2"));
	assert_int_equal(store_commit(&txn), 0);
	static const char *const not_behind[] = {"a", "b", "ba"};
	for (size_t i = 0; i < countof(not_behind); i++) {
		txn = begin(state, STORE_WRITE);
		store_append(txn, STORE_PIECES, bytes_str(not_behind[i]), BYTES("3"));
		assert_int_equal(store_commit(&txn), SL_E_INVALID);
	}
	txn = begin(state, STORE_WRITE);
	store_del(txn, STORE_PIECES, BYTES("ba"));
	store_append(txn, STORE_PIECES, BYTES("ba"), BYTES("4"));
	assert_int_equal(store_commit(&txn), 0);
	assert_true(holds(rig_of(state)->store, STORE_PIECES, "b", "1"));
	assert_true(holds(rig_of(state)->store, STORE_PIECES, "ba", "4"));
}

/* What is lent is there until the end, whatever is written, and can be given back before. */
static void memory_is_lent(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	char *at[50];
	for (size_t i = 0; i < countof(at); i++) {
		at[i] = store_lend(txn, 1 + i * 1000);
		assert_non_null(at[i]);
		memset(at[i], (int)i, 1 + i * 1000);
		put(txn, "a", "1");
	}
	for (size_t i = 0; i < countof(at); i++)
		assert_int_equal(at[i][i * 1000], (int)i);
	store_take_back(txn);
	assert_non_null(store_lend(txn, 10));
	assert_null(store_lend(txn, SIZE_MAX));
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_READ);
	assert_non_null(store_lend(txn, 10));
	store_abort(txn);
}

static void values_may_be_empty_or_large(void **state)
{
	enum { LARGE = 1 << 20 };
	char *large = malloc(LARGE);
	assert_non_null(large);
	memset(large, 'x', LARGE);
	struct store_txn *txn = begin(state, STORE_WRITE);
	store_put(txn, STORE_DOCS, BYTES("empty"), bytes_of(NULL, 0));
	store_put(txn, STORE_DOCS, BYTES("large"), bytes_of(large, LARGE));
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_READ);
	struct bytes got;
	assert_int_equal(store_get(txn, STORE_DOCS, BYTES("empty"), &got), 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(store_get(txn, STORE_DOCS, BYTES("large"), &got), 0);
	assert_true(bytes_eq(got, bytes_of(large, LARGE)));
	store_abort(txn);
	free(large);
}

static void keys_hold_any_byte_up_to_the_maximum(void **state)
{
	char key[STORE_KEY_MAX + 1];
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (char)(255 - i);
	struct store_txn *txn = begin(state, STORE_WRITE);
	store_put(txn, STORE_INDEX, bytes_of("\0", 1), BYTES("nul"));
	store_put(txn, STORE_INDEX, bytes_of(key, STORE_KEY_MAX), BYTES("longest"));
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_READ);
	assert_true(store_has(txn, STORE_INDEX, bytes_of("\0", 1)));
	assert_true(store_has(txn, STORE_INDEX, bytes_of(key, STORE_KEY_MAX)));
	assert_false(store_has(txn, STORE_INDEX, bytes_of(key, sizeof(key))));
	assert_false(store_has(txn, STORE_INDEX, bytes_of(NULL, 0)));
	store_abort(txn);
}

static void a_bad_key_sticks(void **state)
{
	static const char key[STORE_KEY_MAX + 1];
	const struct bytes bad[] = {{NULL, 0}, {key, sizeof(key)}};
	for (size_t i = 0; i < countof(bad); i++) {
		struct store_txn *txn = begin(state, STORE_WRITE);
		struct bytes got;
		put(txn, "a", "1");
		store_put(txn, STORE_JOBS, bad[i], BYTES("x"));
		put(txn, "b", "2");
		assert_int_equal(store_failed(txn), SL_E_INVALID);
		assert_int_equal(store_get(txn, STORE_JOBS, BYTES("a"), &got), SL_E_INVALID);
		assert_int_equal(store_commit(&txn), SL_E_INVALID);
		assert_null(txn);
		assert_false(holds(rig_of(state)->store, STORE_JOBS, "a", "1"));
	}
}

static void deleting_what_is_absent_is_fine(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	del(txn, "nothing");
	store_del(txn, STORE_JOBS, bytes_of(NULL, 0));
	assert_int_equal(store_commit(&txn), 0);
}

static void committed_stays_and_aborted_goes(void **state)
{
	struct rig *rig = rig_of(state);
	assert_int_equal(put_one(rig->store, STORE_JOBS, "kept", "1"), 0);
	struct store_txn *txn = begin(state, STORE_WRITE);
	put(txn, "lost", "1");
	del(txn, "kept");
	store_abort(txn);
	assert_true(holds(rig->store, STORE_JOBS, "kept", "1"));
	assert_false(holds(rig->store, STORE_JOBS, "lost", "1"));
	rig_reopen(rig);
	assert_true(holds(rig->store, STORE_JOBS, "kept", "1"));
	assert_false(holds(rig->store, STORE_JOBS, "lost", "1"));
}

static void a_reader_keeps_its_moment(void **state)
{
	struct rig *rig = rig_of(state);
	assert_int_equal(put_one(rig->store, STORE_JOBS, "a", "old"), 0);
	struct store_txn *reader = begin(state, STORE_READ);
	assert_int_equal(put_one(rig->store, STORE_JOBS, "a", "new"), 0);
	assert_int_equal(put_one(rig->store, STORE_JOBS, "b", "new"), 0);
	assert_true(is(reader, "a", "old"));
	assert_absent(reader, "b");
	store_abort(reader);
	assert_true(holds(rig->store, STORE_JOBS, "a", "new"));
}

static void what_is_read_stays_until_the_next_write(void **state)
{
	fill(state, bdf, countof(bdf));
	struct store_txn *txn = begin(state, STORE_WRITE);
	struct bytes b, d;
	assert_int_equal(store_get(txn, STORE_JOBS, BYTES("b"), &b), 0);
	assert_int_equal(store_get(txn, STORE_JOBS, BYTES("d"), &d), 0);
	assert_true(bytes_is(b, "b") && bytes_is(d, "d"));
	store_abort(txn);
}

static void ending_nothing_is_fine(void **state)
{
	(void)state;
	assert_null(store_abort(NULL));
	assert_null(store_close(NULL));
	assert_null(store_cursor_free(NULL));
}

/* ---- cursors ---- */

struct walk {
	struct store_txn *txn;
	struct store_cursor *c;
	struct bytes key, val;
};

static struct walk walk_begin(void **state, enum store_mode mode)
{
	struct walk w = {.txn = begin(state, mode)};
	assert_int_equal(store_cursor_open(w.txn, STORE_JOBS, &w.c), 0);
	return w;
}

static void walk_end(struct walk *w)
{
	store_cursor_free(w->c);
	store_abort(w->txn);
}

/** What a step found, "-" for the end, "?" for anything else. */
static const char *found(struct walk *w, int rc)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
	if (rc == SL_E_NOT_FOUND)
		return "-";
	for (size_t i = 0; rc == 0 && i < countof(names); i++)
		if (bytes_is(w->key, names[i]) && bytes_is(w->val, names[i]))
			return names[i];
	return "?";
}

#define SEEK(w, at) found(w, store_seek((w)->c, BYTES(at), &(w)->key, &(w)->val))
#define LAST(w, at) found(w, store_seek_last((w)->c, BYTES(at), &(w)->key, &(w)->val))
#define NEXT(w)     found(w, store_next((w)->c, &(w)->key, &(w)->val))
#define PREV(w)     found(w, store_prev((w)->c, &(w)->key, &(w)->val))

static void seek_finds_the_first_not_before(void **state)
{
	fill(state, bdf, countof(bdf));
	struct walk w = walk_begin(state, STORE_READ);
	assert_string_equal(SEEK(&w, ""), "b");
	assert_string_equal(SEEK(&w, "a"), "b");
	assert_string_equal(SEEK(&w, "b"), "b");
	assert_string_equal(SEEK(&w, "ba"), "d");
	assert_string_equal(SEEK(&w, "f"), "f");
	assert_string_equal(SEEK(&w, "f0"), "-");
	walk_end(&w);
}

static void seek_last_finds_the_last_not_behind(void **state)
{
	fill(state, bdf, countof(bdf));
	struct walk w = walk_begin(state, STORE_READ);
	assert_string_equal(LAST(&w, ""), "f");
	assert_string_equal(LAST(&w, "z"), "f");
	assert_string_equal(LAST(&w, "f"), "f");
	assert_string_equal(LAST(&w, "e"), "d");
	assert_string_equal(LAST(&w, "b"), "b");
	assert_string_equal(LAST(&w, "a"), "-");
	walk_end(&w);
}

static void steps_go_both_ways_and_end(void **state)
{
	fill(state, bdf, countof(bdf));
	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		struct walk w = walk_begin(state, (enum store_mode)mode);
		assert_string_equal(NEXT(&w), "-"); /* not placed yet */
		assert_string_equal(PREV(&w), "-");
		assert_string_equal(SEEK(&w, ""), "b");
		assert_string_equal(NEXT(&w), "d");
		assert_string_equal(NEXT(&w), "f");
		assert_string_equal(PREV(&w), "d");
		assert_string_equal(NEXT(&w), "f");
		assert_string_equal(NEXT(&w), "-");
		assert_string_equal(PREV(&w), "-"); /* an end is an end */
		assert_string_equal(LAST(&w, "c"), "b");
		assert_string_equal(PREV(&w), "-");
		assert_string_equal(NEXT(&w), "-");
		walk_end(&w);
	}
}

static void an_empty_table_has_no_steps(void **state)
{
	struct walk w = walk_begin(state, STORE_READ);
	assert_string_equal(SEEK(&w, ""), "-");
	assert_string_equal(SEEK(&w, "a"), "-");
	assert_string_equal(LAST(&w, ""), "-");
	assert_string_equal(LAST(&w, "a"), "-");
	walk_end(&w);
}

static void a_cursor_stays_at_its_key_while_others_change(void **state)
{
	fill(state, bdf, countof(bdf));
	struct walk w = walk_begin(state, STORE_WRITE);
	assert_string_equal(SEEK(&w, "d"), "d");
	del(w.txn, "b");
	del(w.txn, "d");
	put(w.txn, "e", "e");
	assert_string_equal(NEXT(&w), "e");
	put(w.txn, "c", "c");
	assert_string_equal(PREV(&w), "c");
	put(w.txn, "a", "a");
	assert_string_equal(PREV(&w), "a");
	assert_string_equal(LAST(&w, ""), "f");
	del(w.txn, "f");
	assert_string_equal(NEXT(&w), "-");
	assert_string_equal(LAST(&w, ""), "e");
	del(w.txn, "e");
	put(w.txn, "d", "d");
	assert_string_equal(PREV(&w), "d");
	walk_end(&w);
}

static void a_walk_may_delete_all_it_meets(void **state)
{
	enum { MANY = 1000 };
	struct store_txn *txn = begin(state, STORE_WRITE);
	for (int i = 0; i < MANY; i++) {
		char key[16];
		snprintf(key, sizeof(key), "%06d", i);
		put(txn, key, key);
	}
	assert_int_equal(store_commit(&txn), 0);
	struct walk w = walk_begin(state, STORE_WRITE);
	int n = 0;
	for (int rc = store_seek(w.c, bytes_of(NULL, 0), &w.key, &w.val); rc == 0;
	     rc = store_next(w.c, &w.key, &w.val), n++)
		store_del(w.txn, STORE_JOBS, w.key);
	assert_int_equal(n, MANY);
	assert_string_equal(SEEK(&w, ""), "-");
	store_cursor_free(w.c);
	assert_int_equal(store_commit(&w.txn), 0);
}

/* ---- threads ---- */

struct turn {
	struct store *store;
	int added, failed;
};

static void *count_up(void *user)
{
	struct turn *turn = user;
	for (int i = 0; i < turn->added; i++) {
		struct store_txn *txn;
		struct bytes got;
		char text[32] = "0";
		if (store_begin(turn->store, STORE_WRITE, &txn)) {
			turn->failed++;
			continue;
		}
		if (store_get(txn, STORE_COUNTS, BYTES("n"), &got) == 0)
			snprintf(text, sizeof(text), "%.*s", BYTES_FMT(got));
		snprintf(text, sizeof(text), "%ld", strtol(text, NULL, 10) + 1);
		store_put(txn, STORE_COUNTS, BYTES("n"), bytes_str(text));
		turn->failed += store_commit(&txn) != 0;
	}
	return NULL;
}

static void writers_wait_for_each_other(void **state)
{
	struct turn turn[4];
	pthread_t thread[4];
	for (size_t i = 0; i < countof(turn); i++) {
		turn[i] = (struct turn){rig_of(state)->store, 20, 0};
		assert_int_equal(pthread_create(&thread[i], NULL, count_up, &turn[i]), 0);
	}
	for (size_t i = 0; i < countof(turn); i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(turn[i].failed, 0);
	}
	assert_true(holds(rig_of(state)->store, STORE_COUNTS, "n", "80"));
}

/* ---- counters ---- */

static uint64_t counter(struct store_txn *txn, const char *key)
{
	struct bytes value;
	uint64_t n = 0;
	int rc = store_get(txn, STORE_COUNTS, bytes_str(key), &value);
	if (rc == SL_E_NOT_FOUND)
		return 0;
	assert_int_equal(rc, 0);
	assert_int_equal(value.len, 8);
	for (size_t i = 0; i < 8; i++)
		n = n << 8 | ((const uint8_t *)value.at)[i];
	return n;
}

static void add(struct store_txn *txn, const char *key, int64_t by)
{
	store_add(txn, STORE_COUNTS, bytes_str(key), by);
}

/* More than are gathered at one time, each many times; a walk sees them. */
static void counters_count(void **state)
{
	enum { KEYS = 50, TIMES = 7 };
	struct store_txn *txn = begin(state, STORE_WRITE);
	struct store_cursor *c;
	struct bytes key, val;
	size_t seen = 0;
	char name[8];
	for (int i = 0; i < TIMES; i++)
		for (int k = 0; k < KEYS; k++) {
			snprintf(name, sizeof(name), "%02d", k);
			add(txn, name, k);
			assert_int_equal(counter(txn, name), (i + 1) * k);
		}
	assert_int_equal(store_cursor_open(txn, STORE_COUNTS, &c), 0);
	for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val))
		seen++;
	store_cursor_free(c);
	assert_int_equal(seen, KEYS - 1); /* that of 0 is absent */
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_READ);
	assert_int_equal(counter(txn, "49"), TIMES * 49);
	store_abort(txn);
}

static void counters_go_down_to_nothing(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	add(txn, "a", 2);
	add(txn, "b", 1);
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_WRITE);
	add(txn, "a", -1);
	add(txn, "b", -1);
	add(txn, "c", -1); /* never below 0 */
	assert_int_equal(counter(txn, "a"), 1);
	assert_false(store_has(txn, STORE_COUNTS, BYTES("b")));
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_READ);
	assert_int_equal(counter(txn, "a"), 1);
	assert_false(store_has(txn, STORE_COUNTS, BYTES("b")));
	assert_false(store_has(txn, STORE_COUNTS, BYTES("c")));
	store_abort(txn);
}

static void aborted_counts_do_not_count(void **state)
{
	struct store_txn *txn = begin(state, STORE_WRITE);
	add(txn, "a", 1);
	store_abort(txn);
	txn = begin(state, STORE_WRITE);
	add(txn, "a", 5);
	store_put(txn, STORE_COUNTS, BYTES("a"), BYTES("\0\0\0\0\0\0\0\1"));
	add(txn, "a", 1);
	assert_int_equal(counter(txn, "a"), 2); /* what is put counts from there */
	assert_int_equal(store_commit(&txn), 0);
	txn = begin(state, STORE_READ);
	assert_int_equal(counter(txn, "a"), 2);
	store_abort(txn);
}

static void room_grows_with_what_is_kept(void **state)
{
	struct store *store = rig_of(state)->store;
	struct store_room before, after;
	char val[3000];
	memset(val, 'v', sizeof(val) - 1);
	val[sizeof(val) - 1] = '\0';
	assert_int_equal(store_room(store, &before), 0);
	for (char key[] = "a"; key[0] <= 'z'; key[0]++)
		assert_int_equal(put_one(store, STORE_DOCS, key, val), 0);
	assert_int_equal(store_room(store, &after), 0);
	assert_true(after.used >= before.used + 26 * 3000);
	assert_true(after.used <= after.max);
}

static int setup(void **state, bool lmdb)
{
	struct rig *rig = malloc(sizeof(*rig));
	assert_non_null(rig);
	rig_init(rig, lmdb);
	*state = rig;
	return 0;
}

static int setup_lmdb(void **state) { return setup(state, true); }
static int setup_mem(void **state) { return setup(state, false); }

static int teardown(void **state)
{
	rig_fini(rig_of(state));
	free(*state);
	return 0;
}

#define CASE_MAP(X)                                                                                \
	X(a_transaction_sees_its_own_writes)                                                       \
	X(tables_are_apart)                                                                        \
	X(appended_behind_all_others)                                                              \
	X(memory_is_lent)                                                                          \
	X(values_may_be_empty_or_large)                                                            \
	X(keys_hold_any_byte_up_to_the_maximum)                                                    \
	X(a_bad_key_sticks)                                                                        \
	X(deleting_what_is_absent_is_fine)                                                         \
	X(committed_stays_and_aborted_goes)                                                        \
	X(a_reader_keeps_its_moment)                                                               \
	X(what_is_read_stays_until_the_next_write)                                                 \
	X(ending_nothing_is_fine)                                                                  \
	X(seek_finds_the_first_not_before)                                                         \
	X(seek_last_finds_the_last_not_behind)                                                     \
	X(steps_go_both_ways_and_end)                                                              \
	X(an_empty_table_has_no_steps)                                                             \
	X(a_cursor_stays_at_its_key_while_others_change)                                           \
	X(a_walk_may_delete_all_it_meets)                                                          \
	X(writers_wait_for_each_other)                                                             \
	X(counters_count)                                                                          \
	X(counters_go_down_to_nothing)                                                             \
	X(aborted_counts_do_not_count) X(room_grows_with_what_is_kept)

int main(void)
{
	const struct CMUnitTest tests[] = {
#define X(name) {"mem: " #name, name, setup_mem, teardown, NULL},
		CASE_MAP(X)
#undef X
#define X(name) {"lmdb: " #name, name, setup_lmdb, teardown, NULL},
			CASE_MAP(X)
#undef X
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
