/* What is left to a process that has confined itself: names can be looked up and threads
 * started, but nothing executed. In a child each time, since there is no way back. */
#include "cli/sluiced/confine.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONFINE_FAILED = 90, NO_FILTER = 77 };

/** What `body` answers, run confined in a process of its own. */
static int confined(int (*body)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool filter = false;
		struct sl_error err = {0};
		if (confine(&filter, &err))
			_exit(CONFINE_FAILED);
		_exit(filter ? body() : NO_FILTER);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int exec_true(void)
{
	char *argv[] = {(char *)(uintptr_t) "true", NULL}, *env[] = {NULL};
	execve("/bin/true", argv, env);
	return errno == EPERM ? 0 : 1;
}

static int exec_at(void)
{
	char *argv[] = {(char *)(uintptr_t) "true", NULL}, *env[] = {NULL};
	syscall(SYS_execveat, -1, "/bin/true", argv, env, 0);
	return errno == EPERM ? 0 : 1;
}

static void nothing_is_executed(void **state SL_UNUSED)
{
	assert_int_equal(confined(exec_true), 0);
	assert_int_equal(confined(exec_at), 0);
}

static void *exec_in_thread(void *ret)
{
	*(int *)ret = exec_true();
	return NULL;
}

static int in_a_thread(void)
{
	pthread_t thread;
	int ret = 1;
	if (pthread_create(&thread, NULL, exec_in_thread, &ret) != 0)
		return 2;
	pthread_join(thread, NULL);
	return ret;
}

static int no_new_privs(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1; }

static int look_up(void)
{
	struct addrinfo *found = NULL;
	int rc = getaddrinfo("localhost", "80", NULL, &found);
	if (found)
		freeaddrinfo(found);
	return rc ? 1 : 0;
}

static void the_rest_goes_on(void **state SL_UNUSED)
{
	assert_int_equal(confined(in_a_thread), 0);
	assert_int_equal(confined(no_new_privs), 0);
	assert_int_equal(confined(look_up), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_executed),
		cmocka_unit_test(the_rest_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
