/* Durable means flushed: every commit reaches the disk, and a batch only once. */
#include "store/writer.h"
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_uint flushes;

/** In the place of the C library's, also for LMDB. */
int fdatasync(int fd)
{
	atomic_fetch_add(&flushes, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

static void every_commit_is_flushed(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig, true);
	for (int i = 0; i < 5; i++) {
		unsigned before = flushes;
		assert_int_equal(put_one(rig.store, STORE_JOBS, "a", i % 2 ? "1" : "2"), 0);
		assert_int_equal(flushes, before + 1);
	}
	rig_fini(&rig);
}

/** The second flush of a commit is the write of the meta page, through a descriptor whose
 * writes are synchronous. */
static void the_meta_page_is_written_through(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig, true);
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	unsigned through = 0;
	const struct dirent *e;
	while ((e = readdir(d))) {
		char name[300], target[300];
		snprintf(name, sizeof(name), "/proc/self/fd/%s", e->d_name);
		ssize_t n = readlink(name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strncmp(target, rig.path, strlen(rig.path)) != 0)
			continue;
		int fd = (int)strtol(e->d_name, NULL, 10);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC); /* no child inherits the store */
		if (strstr(target, "data.mdb"))
			through += (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	}
	closedir(d);
	assert_int_equal(through, 1);
	rig_fini(&rig);
}

struct numbered {
	struct write write;
	char key[8];
};

static int put_key(struct write *w, struct store_txn *txn)
{
	const struct numbered *n = container_of(w, struct numbered, write);
	store_put(txn, STORE_JOBS, bytes_str(n->key), BYTES(""));
	return 0;
}

static void count_done(struct write *w, int rc)
{
	(void)w;
	assert_int_equal(rc, 0);
}

static void a_batch_is_flushed_once(void **state)
{
	(void)state;
	struct rig rig;
	struct writer *writer;
	struct numbered n[64];
	rig_init(&rig, true);
	assert_int_equal(writer_create(rig.store, countof(n), &writer), 0);
	for (size_t i = 0; i < countof(n); i++) {
		n[i].write = (struct write){.apply = put_key, .done = count_done};
		snprintf(n[i].key, sizeof(n[i].key), "%zu", i % 1000);
		assert_int_equal(writer_submit(writer, &n[i].write), 0);
	}
	unsigned before = flushes;
	assert_int_equal(writer_turn(writer), countof(n));
	assert_int_equal(flushes, before + 1);
	writer_free(writer);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_commit_is_flushed),
		cmocka_unit_test(the_meta_page_is_written_through),
		cmocka_unit_test(a_batch_is_flushed_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
