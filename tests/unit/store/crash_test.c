/* kill -9 in the middle of writing: everything that was reported is there afterwards. */
#include "store/writer.h"
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20, THREADS = 4, REPORTS_MAX = 400 };

/** One numbered record; several threads of the child take numbers from one counter. */
struct record {
	struct write write;
	uint32_t number;
};

struct child {
	struct writer *writer;
	atomic_uint *next;
	int report;
};

static struct bytes key_of(uint32_t number, uint8_t to[4])
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(number >> (24 - 8 * i));
	return bytes_of(to, 4);
}

/** A value that can be told from any other and is sometimes larger than a page. */
static struct bytes value_of(uint32_t number, uint8_t to[6000])
{
	size_t len = 4 + number * 37 % 200 + (number % 10 == 0 ? 5000 : 0);
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(number * 31 + i * 7);
	return bytes_of(to, len);
}

static int record_apply(struct write *w, struct store_txn *txn)
{
	const struct record *r = container_of(w, struct record, write);
	uint8_t key[4], val[6000];
	store_put(txn, STORE_EVENTS, key_of(r->number, key), value_of(r->number, val));
	store_put(txn, STORE_INDEX, key_of(r->number, key), bytes_of(NULL, 0));
	return 0;
}

static void *write_on(void *user)
{
	struct child *child = user;
	for (;;) {
		struct record r = {.write = {.apply = record_apply},
				   .number = atomic_fetch_add(child->next, 1)};
		if (writer_run(child->writer, &r.write) ||
		    write(child->report, &r.number, sizeof(r.number)) != sizeof(r.number))
			_exit(1);
	}
	return NULL;
}

static void child_main(const char *path, uint32_t first, int report)
{
	struct child child = {.report = report};
	struct store *s;
	pthread_t thread;
	atomic_uint next = first;
	child.next = &next;
	if (store_at(path, RIG_SIZE_MAX, &s, NULL) || writer_create(s, 100, &child.writer) ||
	    writer_start(child.writer))
		_exit(1);
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, write_on, &child))
			_exit(1);
	write_on(&child);
	_exit(1);
}

/** Run a child, take `reports` of its reports, kill it, and take what it had still sent. */
static size_t crash_after(const char *path, uint32_t first, size_t reports, uint32_t *ret)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		child_main(path, first, ends[1]);
	}
	close(ends[1]);
	size_t n = 0;
	while (n < REPORTS_MAX && read(ends[0], &ret[n], sizeof(*ret)) == sizeof(*ret))
		if (++n == reports)
			kill(child, SIGKILL);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ends[0]);
	return n;
}

static void assert_holds_all(const char *path, const uint32_t *number, size_t n)
{
	struct store *s;
	struct store_txn *txn;
	struct sl_error err = {0};
	if (store_at(path, RIG_SIZE_MAX, &s, &err))
		fail_msg("%s", err.text);
	assert_int_equal(store_begin(s, STORE_READ, &txn), 0);
	for (size_t i = 0; i < n; i++) {
		uint8_t key[4], val[6000];
		struct bytes got;
		assert_int_equal(store_get(txn, STORE_EVENTS, key_of(number[i], key), &got), 0);
		assert_true(bytes_eq(got, value_of(number[i], val)));
	}
	/* Both tables of a transaction, or neither: also of those that were not reported. */
	struct store_cursor *c;
	struct bytes key, val;
	size_t all = 0;
	assert_int_equal(store_cursor_open(txn, STORE_EVENTS, &c), 0);
	for (int rc = store_seek(c, bytes_of(NULL, 0), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val), all++)
		assert_true(store_has(txn, STORE_INDEX, key));
	store_cursor_free(c);
	assert_true(all >= n);
	store_abort(txn);
	store_close(s);
}

static void nothing_reported_is_lost(void **state)
{
	(void)state;
	char path[64];
	uint32_t *reported = calloc(ROUNDS * REPORTS_MAX, sizeof(*reported));
	size_t n = 0;
	assert_non_null(reported);
	dir_make(path);
	srand(11);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		size_t reports = 1 + (size_t)rand() % 60;
		n += crash_after(path, round * 100000, reports, reported + n);
		assert_holds_all(path, reported, n);
	}
	assert_true(n >= ROUNDS);
	free(reported);
	dir_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_reported_is_lost)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
