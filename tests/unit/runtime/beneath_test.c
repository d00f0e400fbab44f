/* Opening below a folder: by one call and step by step, both alike; no way out. */
#include "runtime/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char top[64], work[80];
	int dir;
};

static int (*const ways[])(int dir, const char *path, struct stat *ret) = {beneath_open,
									   beneath_walk};

static void make_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
}

static int open_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char script[512], path[128];
	strcpy(p->top, "/tmp/sluice-beneath-XXXXXX");
	assert_non_null(mkdtemp(p->top));
	snprintf(p->work, sizeof(p->work), "%s/work", p->top);
	snprintf(script, sizeof(script),
		 "cd %s && echo secret > outside && mkdir -p work/a/b && cd work && echo own > "
		 "a/b/f "
		 "&& ln -s ../outside link && ln -s a la && ln -s /proc/self/root root && "
		 "mkfifo pipe && ln a/b/f second",
		 p->top);
	assert_int_equal(system(script), 0);
	snprintf(path, sizeof(path), "%s/sock", p->work);
	make_socket(path);
	p->dir = open(p->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int close_place(void **state)
{
	struct place *p = *state;
	char command[96];
	close(p->dir);
	snprintf(command, sizeof(command), "rm -rf %s", p->top);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static void opens_files_and_folders(void **state)
{
	const struct place *p = *state;
	static const char *const good[] = {"", ".", "a", "a/b", "a/b/f", "second"};
	for (size_t way = 0; way < countof(ways); way++)
		for (size_t i = 0; i < countof(good); i++) {
			struct stat st;
			int fd = ways[way](p->dir, good[i], &st);
			assert_true(fd >= 0);
			assert_true(i < 4 ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
			assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
			close(fd);
		}
}

static void nothing_else_is_opened(void **state)
{
	const struct place *p = *state;
	static const struct {
		const char *path;
		int error;
	} bad[] = {
		{"none", ENOENT},       {"a/none/f", ENOENT},
		{"a/b/f/g", ENOTDIR},   {"link", ELOOP},
		{"la", ELOOP},          {"la/b/f", ELOOP},
		{"root", ELOOP},        {"root/etc/passwd", ELOOP},
		{"pipe", ENOTSUP},      {"sock", ENOTSUP},
		{"..", EXDEV},          {"../outside", EXDEV},
		{"/etc/passwd", EXDEV}, {"pipe/x", ENOTDIR},
	};
	for (size_t way = 0; way < countof(ways); way++)
		for (size_t i = 0; i < countof(bad); i++) {
			struct stat st;
			errno = 0;
			assert_int_equal(ways[way](p->dir, bad[i].path, &st), -1);
			if (errno != bad[i].error)
				fail_msg("%s: %s", bad[i].path, strerror(errno));
		}
}

static void a_way_back_up_is_none(void **state)
{
	const struct place *p = *state;
	struct stat st;
	assert_int_equal(beneath_open(p->dir, "a/../../outside", &st), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(beneath_walk(p->dir, "a/../a", &st), -1);
	assert_int_equal(beneath_walk(p->dir, "a//b", &st), -1);
}

/* Only root can make one. */
static void a_file_of_somebody_else_is_none(void **state)
{
	const struct place *p = *state;
	struct stat st;
	if (geteuid() != 0)
		skip();
	assert_int_equal(fchownat(p->dir, "second", 65534, 65534, 0), 0);
	for (size_t way = 0; way < countof(ways); way++) {
		assert_int_equal(ways[way](p->dir, "second", &st), -1);
		assert_int_equal(errno, ENOTSUP);
	}
	assert_int_equal(unlinkat(p->dir, "second", 0), 0); /* one name: given to us */
	int fd = beneath_open(p->dir, "a/b/f", &st);
	assert_true(fd >= 0);
	close(fd);
}

/* Whoever waits at the other end of a pipe must not be let go on. */
static void a_pipe_is_not_touched(void **state)
{
	const struct place *p = *state;
	struct stat st;
	for (size_t way = 0; way < countof(ways); way++) {
		assert_int_equal(ways[way](p->dir, "pipe", &st), -1);
		assert_int_equal(openat(p->dir, "pipe", O_WRONLY | O_NONBLOCK), -1);
		assert_int_equal(errno, ENXIO); /* nobody reads it */
	}
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(opens_files_and_folders), EACH(nothing_else_is_opened),
		EACH(a_way_back_up_is_none),   EACH(a_file_of_somebody_else_is_none),
		EACH(a_pipe_is_not_touched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
