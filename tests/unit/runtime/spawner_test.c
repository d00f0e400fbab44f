/* A spawner asked by somebody who is not its gateway, or not any more: what it does for them. */
#include "runtime/local/spawner.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOBODY = 65534 };

struct scene {
	char dir[64];
	struct spawner spawner;
};

static void open_scene(struct scene *s, const struct identity *user)
{
	struct sl_error err = {0};
	struct spawner_config config = {
		.data_dir = s->dir, .log_max = 1 << 20, .no_cgroups = true, .user = *user};
	snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-spawner-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	if (spawner_start(&config, &s->spawner, &err))
		fail_msg("%s", err.text);
}

static void close_scene(struct scene *s)
{
	spawner_stop(&s->spawner);
	assert_int_equal(rmdir(s->dir), 0); /* nothing was run, so nothing is in it */
}

static void send_bytes(const struct scene *s, const void *at, size_t len)
{
	assert_int_equal(wire_send(s->spawner.sock, at, len, NULL, 0), 0);
}

static int answer_of(const struct scene *s)
{
	struct wire_answer a;
	int fds[WIRE_FDS_MAX];
	assert_int_equal(wire_receive(s->spawner.sock, &a, sizeof(a), fds, 0), 0);
	assert_true(fds[0] < 0 && fds[1] < 0);
	return a.error;
}

static void what_is_no_ask_is_answered_and_nothing_is_run(void **state SL_UNUSED)
{
	static const char long_one[4096] = "x";
	struct scene s;
	struct wire_ask ask = {.kind = WIRE_START};
	open_scene(&s, &(struct identity){0});
	send_bytes(&s, "x", 1);
	send_bytes(&s, long_one, sizeof(long_one));
	send_bytes(&s, &ask, sizeof(ask) - 1);
	send_bytes(&s, &ask, sizeof(ask)); /* without a plan */
	ask.kind = 77;
	send_bytes(&s, &ask, sizeof(ask));
	ask = (struct wire_ask){.kind = WIRE_SWEEP, .session = -1};
	send_bytes(&s, &ask, sizeof(ask));
	for (int i = 0; i < 3; i++)
		assert_int_equal(answer_of(&s), EBADMSG);
	assert_int_equal(answer_of(&s), EBADF);
	assert_int_equal(answer_of(&s), EINVAL);
	assert_int_equal(answer_of(&s), EINVAL);
	ask = (struct wire_ask){.kind = WIRE_STOP}; /* and goes on */
	send_bytes(&s, &ask, sizeof(ask));
	assert_int_equal(answer_of(&s), ENOENT);
	close_scene(&s);
}

/* A process in a session of its own, which ends with us. */
static pid_t start_one(uid_t uid)
{
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setsid();
		if (setresuid(uid, uid, uid) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void sweep_session(const struct scene *s, pid_t session)
{
	struct wire_ask ask = {.kind = WIRE_SWEEP, .session = session};
	send_bytes(s, &ask, sizeof(ask));
	assert_int_equal(answer_of(s), 0);
}

static void end_one(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void only_processes_of_the_replicas_user_are_swept(void **state SL_UNUSED)
{
	struct scene s;
	if (geteuid() != 0)
		skip(); /* only root starts processes of other users */
	open_scene(&s, &(struct identity){.given = true, .uid = NOBODY, .gid = NOBODY});
	pid_t theirs = start_one(NOBODY), ours = start_one(0);
	sweep_session(&s, ours);
	sweep_session(&s, theirs);
	assert_int_equal(waitpid(theirs, NULL, 0), theirs);
	assert_int_equal(waitpid(ours, NULL, WNOHANG), 0);
	end_one(ours);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_ask_is_answered_and_nothing_is_run),
		cmocka_unit_test(only_processes_of_the_replicas_user_are_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
