/* Run directories: made once, locked for life, notes whole or not there. */
#include "runtime/local/record.h"
#include "runtime/local/rundir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[64];
	int data;
};

static const struct replica_name first = {.job = {{1, 2, 3}}, .role = 1, .index = 2, .attempt = 0};

static int open_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	strcpy(p->dir, "/tmp/sluice-rundir-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->data = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int close_place(void **state)
{
	struct place *p = *state;
	char command[96];
	close(p->data);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

/** Make it in a child, which holds it until it is killed. */
static pid_t hold(int data, const struct replica_name *name)
{
	int done[2];
	char byte;
	assert_int_equal(pipe(done), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct rundir run;
		int rc = rundir_create(data, name, &run, NULL);
		if (rc == 0)
			rc = rundir_flush(&run);
		_exit(rc == 0 && write(done[1], "x", 1) == 1 ? pause() : 1);
	}
	close(done[1]);
	assert_int_equal(read(done[0], &byte, 1), 1);
	close(done[0]);
	return pid;
}

static void it_is_made_once_and_its_holder_is_known(void **state)
{
	struct place *p = *state;
	struct rundir run;
	struct sl_error err;
	int pidfd;
	assert_int_equal(rundir_open(p->data, &first), -1);
	pid_t pid = hold(p->data, &first);
	int dir = rundir_open(p->data, &first);
	assert_true(dir >= 0);
	assert_int_equal(rundir_holder(dir, &pidfd), pid);
	close(pidfd);
	assert_int_equal(rundir_create(p->data, &first, &run, &err), SL_E_CONFLICT);
	assert_true(rundir_same_boot(dir));
	assert_false(rundir_forget_some(p->data, first.job, 10));
	assert_int_equal(faccessat(dir, "lock", F_OK, 0), 0); /* held: not removed */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(rundir_holder(dir, &pidfd), 0);
	assert_int_equal(rundir_create(p->data, &first, &run, &err), SL_E_CONFLICT);
	assert_false(rundir_forget_some(p->data, first.job, 10));
	assert_int_equal(rundir_open(p->data, &first), -1);
	close(dir);
}

static void of_many_at_once_one_makes_it(void **state)
{
	struct place *p = *state;
	int made = 0, status;
	enum { MANY = 16 };
	pid_t pid[MANY];
	for (int i = 0; i < MANY; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			struct rundir run;
			int rc = rundir_create(p->data, &first, &run, NULL);
			_exit(rc == 0 ? 0 : rc == SL_E_CONFLICT ? 1 : 2);
		}
	}
	for (int i = 0; i < MANY; i++) {
		waitpid(pid[i], &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		made += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(made, 1);
}

static void an_outcome_is_read_back(void **state)
{
	struct place *p = *state;
	struct outcome in = {.code = 143,
			     .signal = 15,
			     .reason = OUTCOME_STOPPED,
			     .started_ms = 1,
			     .finished_ms = 1795300000000,
			     .message = "two\nlines and 'quotes'"},
		       out;
	assert_int_equal(outcome_read(p->data, &out), SL_E_NOT_FOUND);
	assert_int_equal(outcome_reserve(p->data), 0);
	assert_int_equal(outcome_read(p->data, &out), SL_E_NOT_FOUND);
	assert_int_equal(outcome_write(p->data, &in), 0);
	assert_int_equal(outcome_read(p->data, &out), 0);
	assert_int_equal(out.code, 143);
	assert_int_equal(out.signal, 15);
	assert_int_equal(out.reason, OUTCOME_STOPPED);
	assert_int_equal(out.finished_ms, 1795300000000);
	assert_string_equal(out.message, "two lines and 'quotes'");
	in.message[0] = 0;
	assert_int_equal(outcome_write(p->data, &in), 0);
	assert_int_equal(outcome_read(p->data, &out), 0);
	assert_string_equal(out.message, "");
}

static void a_damaged_outcome_is_none(void **state)
{
	struct place *p = *state;
	struct outcome out;
	int fd = openat(p->data, "outcome", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "code 0\nsignal 0\nreason Comp", 27), 27);
	close(fd);
	assert_int_equal(outcome_read(p->data, &out), SL_E_CORRUPT);
}

static void a_full_disk_does_not_swallow_the_outcome(void **state)
{
	struct place *p = *state;
	struct outcome in = {.code = 42, .reason = OUTCOME_ERROR}, out;
	char block[4096] = {0};
	if (mount("none", p->dir, "tmpfs", 0, "size=64k") < 0)
		skip(); /* not root */
	int full = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(outcome_reserve(full), 0);
	int fd = openat(full, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	int rc = outcome_write(full, &in), got = outcome_read(full, &out);
	close(full);
	umount2(p->dir, MNT_DETACH);
	assert_int_equal(rc, 0);
	assert_int_equal(got, 0);
	assert_int_equal(out.code, 42);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)
	const struct CMUnitTest tests[] = {
		T(it_is_made_once_and_its_holder_is_known),
		T(of_many_at_once_one_makes_it),
		T(an_outcome_is_read_back),
		T(a_damaged_outcome_is_none),
		T(a_full_disk_does_not_swallow_the_outcome),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
