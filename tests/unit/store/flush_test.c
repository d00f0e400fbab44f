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

/* Only globals can be reached from what stands in the C library's place. */
static atomic_uint flushes, written_through;

/** In the place of the C library's, also for LMDB. */
int fdatasync(int fd)
{
	atomic_fetch_add(&flushes, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

/* The name by which LMDB calls it, whatever ours is mapped to. */
ssize_t pwrite_for_lmdb(int fd, const void *at, size_t len, off_t offset) __asm__("pwrite");

ssize_t pwrite_for_lmdb(int fd, const void *at, size_t len, off_t offset)
{
	if (fcntl(fd, F_GETFL) & O_DSYNC)
		atomic_fetch_add(&written_through, 1);
	return syscall(SYS_pwrite64, fd, at, len, offset);
}

static void every_commit_is_flushed(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig, true);
	for (int i = 0; i < 5; i++) {
		unsigned before = flushes, meta = written_through;
		assert_int_equal(put_one(rig.store, STORE_JOBS, "a", i % 2 ? "1" : "2"), 0);
		assert_int_equal(flushes, before + 1);
		assert_int_equal(written_through, meta + 1); /* the page that makes it valid */
	}
	rig_fini(&rig);
}

static void no_child_inherits_the_store(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig, true);
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	unsigned seen = 0;
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
		assert_true(fcntl((int)strtol(e->d_name, NULL, 10), F_GETFD) & FD_CLOEXEC);
		seen++;
	}
	closedir(d);
	assert_true(seen >= 4); /* the directory, two lock files, the data */
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
		cmocka_unit_test(no_child_inherits_the_store),
		cmocka_unit_test(a_batch_is_flushed_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
