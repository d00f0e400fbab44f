/* Stores of older formats: moved forward, or read as they are. */
#include "tests/unit/store/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lmdb.h>
#include <stdio.h>

static int fine_step(struct store_txn *txn)
{
	store_put(txn, STORE_JOBS, BYTES("moved"), BYTES("yes"));
	return 0;
}

/* It has written before it fails, as a crash in the middle would leave it. */
static int failing_step(struct store_txn *txn)
{
	store_put(txn, STORE_JOBS, BYTES("moved"), BYTES("half"));
	return SL_E_NO_MEMORY;
}

struct told {
	long from;
	char kept[128];
};

static void tell(void *user, long from, const char *kept)
{
	struct told *t = user;
	t->from = from;
	snprintf(t->kept, sizeof(t->kept), "%s", kept);
}

static bool has(const char *path, enum store_table table, const char *key, const char *val)
{
	struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, NULL};
	struct store *s;
	struct store_txn *txn;
	struct bytes found;
	assert_int_equal(store_open_lmdb(&config, &s, NULL), 0);
	assert_int_equal(store_begin(s, STORE_READ, &txn), 0);
	bool is = store_get(txn, table, bytes_str(key), &found) == 0 && bytes_is(found, val);
	store_abort(txn);
	store_close(s);
	return is;
}

static int open_moving(const char *path, store_step_fn step, struct told *told)
{
	const store_step_fn steps[STORE_FORMAT - 1] = {step, step};
	const struct store_moving moving = {steps, tell, told};
	struct store_config config = {path, SIZE_MAX_HERE, 4, false, false, &moving};
	struct store *s = NULL;
	int rc = store_open_lmdb(&config, &s, NULL);
	store_close(s);
	return rc;
}

/* Whole or not at all, and as it was lies beside; a failed step can be tried again. */
static void an_older_format_is_moved_forward(void **state)
{
	(void)state;
	char path[64], kept[2][80];
	struct told told = {0};
	struct store *s;
	make_store(path);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	assert_int_equal(put_one(s, STORE_META, "store.format", "2"), 0);
	store_close(s);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), SL_E_CORRUPT); /* nobody can */
	assert_int_equal(open_moving(path, failing_step, &told), SL_E_NO_MEMORY);
	assert_int_equal(told.from, 0);
	assert_true(has(path, STORE_META, "store.format", "2"));
	assert_false(has(path, STORE_JOBS, "moved", "half"));
	assert_int_equal(open_moving(path, fine_step, &told), 0);
	assert_int_equal(told.from, 2);
	assert_true(has(path, STORE_META, "store.format", "3"));
	assert_true(has(path, STORE_JOBS, "moved", "yes"));
	snprintf(kept[0], sizeof(kept[0]), "%s.format-2", path);
	snprintf(kept[1], sizeof(kept[1]), "%s.format-2-2", path);
	assert_string_equal(told.kept, kept[1]);
	for (int i = 0; i < 2; i++) {
		assert_true(has(kept[i], STORE_META, "store.format", "2"));
		assert_false(has(kept[i], STORE_JOBS, "moved", "yes"));
		dir_remove(kept[i]);
	}
	told.from = 0;
	assert_int_equal(open_moving(path, failing_step, &told), 0); /* there is nothing to do */
	dir_remove(path);
}

/* Backups from before there was an audit log can be read. */
static void a_table_that_came_later_reads_as_empty(void **state)
{
	(void)state;
	char path[64];
	struct store *s;
	struct store_txn *txn;
	struct store_cursor *c;
	struct bytes key, val;
	uint64_t n = 1;
	MDB_env *env;
	MDB_txn *t;
	MDB_dbi dbi;
	make_store(path);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, STORE_TABLES), 0);
	assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &t), 0);
	assert_int_equal(mdb_dbi_open(t, "audit", 0, &dbi), 0);
	assert_int_equal(mdb_drop(t, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(t), 0);
	mdb_env_close(env);
	struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, NULL};
	assert_int_equal(store_open_lmdb(&config, &s, NULL), 0);
	assert_int_equal(store_begin(s, STORE_READ, &txn), 0);
	assert_false(store_has(txn, STORE_AUDIT, BYTES("a")));
	assert_int_equal(store_count(txn, STORE_AUDIT, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_cursor_open(txn, STORE_AUDIT, &c), 0);
	assert_int_equal(store_seek(c, BYTES(""), &key, &val), SL_E_NOT_FOUND);
	store_cursor_free(c);
	store_abort(txn);
	store_close(s);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0); /* which makes it */
	assert_int_equal(put_one(s, STORE_AUDIT, "a", "1"), 0);
	store_close(s);
	dir_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_format_is_moved_forward),
		cmocka_unit_test(a_table_that_came_later_reads_as_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
