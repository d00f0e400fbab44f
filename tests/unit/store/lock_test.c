/* Who may have a store open beside whom. */
#include "tests/unit/store/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/** Open in a process of its own; its exit code is 0 when it was told `pid` has the store. */
static int second_process(const char *path, bool read_only, pid_t pid)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store_config config = {path, SIZE_MAX_HERE, 4, read_only, false, NULL};
		struct store *s = NULL;
		struct sl_error err = {0};
		char who[64];
		snprintf(who, sizeof(who), "another sluiced (pid %d)", (int)pid);
		int rc = store_open_lmdb(&config, &s, &err);
		_exit(rc == SL_E_CONFLICT && strstr(err.text, who) && strstr(err.text, path) ? 0
											     : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_second_process_is_turned_away(void **state)
{
	char path[64];
	struct store *s, *second = NULL;
	dir_make(path);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &s, NULL), 0);
	*state = s; /* the other processes know it, too: it is not lost there */
	assert_int_equal(second_process(path, false, getpid()), 0);
	assert_int_equal(second_process(path, true, getpid()), 0);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &second, NULL), SL_E_CONFLICT);
	assert_int_equal(put_one(s, STORE_JOBS, "a", "1"), 0); /* the first is not disturbed */
	store_close(s);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &second, NULL), 0);
	assert_true(holds(second, STORE_JOBS, "a", "1"));
	store_close(second);
	dir_remove(path);
}

static void readers_of_a_stopped_store_share_it(void **state)
{
	(void)state;
	char path[64], file[128];
	struct store *a, *b, *w = NULL;
	make_store(path);
	struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, NULL};
	assert_int_equal(store_open_lmdb(&config, &a, NULL), 0);
	assert_int_equal(store_at(path, SIZE_MAX_HERE, &w, NULL), SL_E_CONFLICT);
	store_close(a);
	/* A backup has no lock file, and reading makes none. */
	snprintf(file, sizeof(file), "%s/sluice.lock", path);
	assert_int_equal(unlink(file), 0);
	unsigned names = names_in(path);
	assert_int_equal(store_open_lmdb(&config, &b, NULL), 0);
	struct store_txn *txn;
	assert_int_equal(store_begin(b, STORE_READ, &txn), 0);
	assert_true(store_has(txn, STORE_JOBS, BYTES("00001")));
	store_abort(txn);
	assert_true(store_begin(b, STORE_WRITE, &txn) < 0);
	store_close(b);
	assert_int_equal(names_in(path), names);
	dir_remove(path);
}

static void reading_where_nothing_is_creates_nothing(void **state)
{
	(void)state;
	char path[64], inner[80];
	struct store *s = NULL;
	dir_make(path);
	struct store_config config = {path, SIZE_MAX_HERE, 4, true, false, NULL};
	assert_int_equal(store_open_lmdb(&config, &s, NULL), SL_E_CORRUPT);
	assert_int_equal(names_in(path), 2);
	snprintf(inner, sizeof(inner), "%s/data", path);
	config.path = inner;
	assert_int_equal(store_open_lmdb(&config, &s, NULL), SL_E_IO);
	assert_int_equal(names_in(path), 2);
	dir_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_process_is_turned_away),
		cmocka_unit_test(readers_of_a_stopped_store_share_it),
		cmocka_unit_test(reading_where_nothing_is_creates_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
