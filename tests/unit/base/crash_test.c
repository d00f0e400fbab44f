#include "core/base/crash.h"

#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef SLUICE_CRASH_POINTS

struct place {
	char dir[64], mark[128], hold[128];
};

static struct place make_place(void)
{
	struct place p = {.dir = "/tmp/crash-test-XXXXXX"};
	assert_non_null(mkdtemp(p.dir));
	snprintf(p.mark, sizeof(p.mark), "%s/submit-committed", p.dir);
	snprintf(p.hold, sizeof(p.hold), "%s.hold", p.mark);
	return p;
}

static void remove_place(const struct place *p)
{
	unlink(p->mark);
	unlink(p->hold);
	assert_int_equal(rmdir(p->dir), 0);
}

/* A child that comes there so often: its pid. */
static pid_t pass(const struct place *p, const char *at, int times)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	setenv("SLUICE_CRASH_AT", at, 1);
	setenv("SLUICE_CRASH_DIR", p->dir, 1);
	for (int i = 0; i < times; i++) {
		crash_at(CRASH_SUBMIT_APPLIED);
		crash_at(CRASH_SUBMIT_COMMITTED);
	}
	_exit(7);
}

static int end_of(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static off_t counted(const struct place *p)
{
	struct stat st = {0};
	return stat(p->mark, &st) == 0 ? st.st_size : 0;
}

static void it_ends_at_the_nth_time(void **state SL_UNUSED)
{
	struct place p = make_place();
	assert_int_equal(end_of(pass(&p, "submit-committed:3", 2)), 7);
	assert_int_equal(counted(&p), 2);
	unlink(p.mark);
	assert_int_equal(end_of(pass(&p, "submit-committed:3", 9)), -SIGKILL);
	assert_int_equal(counted(&p), 3);
	unlink(p.mark);
	assert_int_equal(end_of(pass(&p, "submit-committed", 9)), -SIGKILL);
	assert_int_equal(counted(&p), 1);
	remove_place(&p);
}

static void other_names_are_not_meant(void **state SL_UNUSED)
{
	struct place p = make_place();
	assert_int_equal(end_of(pass(&p, "submit", 2)), 7);
	assert_int_equal(end_of(pass(&p, "submit-committed-or-not", 2)), 7);
	assert_int_equal(counted(&p), 0);
	remove_place(&p);
}

static void a_star_only_counts(void **state SL_UNUSED)
{
	char other[128];
	struct place p = make_place();
	assert_int_equal(end_of(pass(&p, "*", 4)), 7);
	assert_int_equal(counted(&p), 4);
	snprintf(other, sizeof(other), "%s/submit-applied", p.dir);
	assert_int_equal(unlink(other), 0);
	remove_place(&p);
}

static void a_held_thread_goes_on_when_it_may(void **state SL_UNUSED)
{
	struct place p = make_place();
	pid_t pid = pass(&p, "submit-committed:2:hold", 5);
	const struct timespec pause = {.tv_nsec = 2000000};
	for (int i = 0; i < 5000 && access(p.hold, F_OK) != 0; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(counted(&p), 2);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(unlink(p.hold), 0);
	assert_int_equal(end_of(pid), 7);
	assert_int_equal(counted(&p), 5);
	remove_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_at_the_nth_time),
		cmocka_unit_test(other_names_are_not_meant),
		cmocka_unit_test(a_star_only_counts),
		cmocka_unit_test(a_held_thread_goes_on_when_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void there_is_no_list(void **state SL_UNUSED) { assert_int_equal(crash_list(), -1); }

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(there_is_no_list)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
