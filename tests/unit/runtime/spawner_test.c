/* A spawner asked by somebody who is not its gateway, or not any more: what it does for them; and
 * a gateway whose spawner is missing, or another program. */
#include "runtime/local/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
	struct spawner_config config = {.version = SLUICE_VERSION,
					.program = SPAWNER,
					.data_dir = s->dir,
					.log_max = 1 << 20,
					.no_cgroups = true,
					.user = *user};
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

/* ---- what is no spawner of ours ---- */

struct place {
	char dir[64], program[96], data[96];
};

static void open_place(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/sluice-program-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->program, sizeof(p->program), "%s/sluice-spawner", p->dir);
	snprintf(p->data, sizeof(p->data), "%s/data", p->dir);
}

static void close_place(const struct place *p)
{
	unlink(p->program);
	rmdir(p->data);
	assert_int_equal(rmdir(p->dir), 0);
}

static void put_file(const char *path, mode_t mode, const void *at, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, at, len), len);
	close(fd);
}

static void put_script(const struct place *p, mode_t mode, const char *script)
{
	put_file(p->program, mode, script, strlen(script));
}

/** It is not started, for this reason, which names the program; nobody is left behind. */
static void assert_refused(const struct place *p, const char *version, const char *why)
{
	struct sl_error err = {0};
	struct spawner s;
	struct spawner_config config = {
		.version = version, .program = p->program, .data_dir = p->data, .no_cgroups = true};
	assert_int_equal(spawner_start(&config, &s, &err), SL_E_INTERNAL);
	if (!strstr(err.text, why) || !strstr(err.text, p->program) ||
	    !strstr(err.text, "install sluiced and sluice-spawner together"))
		fail_msg("%s", err.text);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_program_that_cannot_be_started_is_told(void **state SL_UNUSED)
{
	struct place p;
	open_place(&p);
	assert_refused(&p, "1", "No such file or directory");
	put_script(&p, 0600, "#!/bin/sh\n");
	assert_refused(&p, "1", "Permission denied");
	close_place(&p);
}

static void a_program_that_is_no_spawner_is_told(void **state SL_UNUSED)
{
	struct place p;
	open_place(&p);
	put_script(&p, 0700, "#!/bin/sh\nexit 7\n");
	assert_refused(&p, "1", "ended with exit status 7 before it was ready");
	unlink(p.program);
	put_script(&p, 0700, "#!/bin/sh\nkill -9 $$\n");
	assert_refused(&p, "1", "ended by signal 9 before it was ready");
	unlink(p.program);
	put_script(&p, 0700, "#!/bin/sh\necho garbage >&3\nread x <&3\n");
	assert_refused(&p, "1", "is not the spawner of sluiced");
	unlink(p.program); /* as long as a greeting is */
	put_script(&p, 0700, "#!/bin/sh\nprintf %064d 1 >&3\nread x <&3\n");
	assert_refused(&p, "1", "is not the spawner of sluiced");
	close_place(&p);
}

/* One that says what the right one would, but for its version. */
static void a_spawner_of_another_version_is_told(void **state SL_UNUSED)
{
	struct wire_greeting it = {.name = WIRE_NAME, .version = "9.8.7"};
	struct place p;
	char said[128], script[256];
	open_place(&p);
	snprintf(said, sizeof(said), "%s/said", p.dir);
	put_file(said, 0600, &it, sizeof(it));
	snprintf(script, sizeof(script), "#!/bin/sh\ncat %s >&3\nread x <&3\n", said);
	put_script(&p, 0700, script);
	assert_refused(&p, "1.0.0", "is of version 9.8.7, sluiced of 1.0.0");
	it.name[0] ^= 1; /* another program, whatever its version */
	put_file(said, 0600, &it, sizeof(it));
	assert_refused(&p, "9.8.7", "is not the spawner of sluiced");
	unlink(p.program);
	assert_int_equal(symlink(SPAWNER, p.program), 0);
	assert_refused(&p, "9.8.7", "is of version " SLUICE_VERSION ", sluiced of 9.8.7");
	unlink(said);
	close_place(&p);
}

/* This test is no daemon: beside it and where it would be installed there is none. */
static void both_places_are_named(void **state SL_UNUSED)
{
	struct place p;
	struct sl_error err = {0};
	struct spawner s;
	char self[512], beside[600];
	open_place(&p);
	struct spawner_config config = {.version = "1", .data_dir = p.data, .no_cgroups = true};
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	assert_true(len > 0);
	self[len] = 0;
	*strrchr(self, '/') = 0;
	snprintf(beside, sizeof(beside), "%s/sluice-spawner", self);
	assert_int_equal(spawner_start(&config, &s, &err), SL_E_INTERNAL);
	*strrchr(self, '/') = 0; /* its folder stands for bin/ */
	assert_non_null(strstr(err.text, beside));
	assert_non_null(strstr(err.text, self));
	assert_non_null(strstr(err.text, "libexec/sluice/sluice-spawner"));
	close_place(&p);
}

/* ---- the program and whoever has started it ---- */

/** The program with our end of a socket: nobody has told it anything yet. */
static pid_t run_it(const char *data_dir, int *ret_sock)
{
	int pair[2];
	struct wire_greeting it;
	int fds[WIRE_FDS_MAX];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(pair[1], WIRE_SPAWNER_FD);
		fcntl(WIRE_SPAWNER_FD, F_SETFD, 0); /* it may have been that one */
		execl(SPAWNER, WIRE_NAME, data_dir, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	*ret_sock = pair[0];
	assert_int_equal(wire_receive(pair[0], &it, sizeof(it), fds, 0), 0);
	assert_string_equal(it.version, SLUICE_VERSION);
	return pid;
}

static int status_of(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void settings_that_are_none_end_it(void **state SL_UNUSED)
{
	struct wire_settings good = {.log_max = 1 << 20, .no_cgroups = true}, bad[3];
	size_t len = sizeof(good);
	for (unsigned i = 0; i < countof(bad); i++)
		bad[i] = good;
	memset(bad[0].cgroup, 'x', sizeof(bad[0].cgroup));
	bad[1].user.groups = IDENTITY_GROUPS_MAX + 1;
	bad[2].keeps.groups = -1;
	for (unsigned i = 0; i < countof(bad) + 2; i++) {
		int sock;
		pid_t pid = run_it("/tmp", &sock);
		if (i < countof(bad))
			assert_int_equal(wire_send(sock, &bad[i], len, NULL, 0), 0);
		else if (i == countof(bad))
			assert_int_equal(wire_send(sock, &good, len - 1, NULL, 0), 0);
		else
			shutdown(sock, SHUT_WR); /* nobody is there any more */
		assert_int_equal(status_of(pid), 71);
		close(sock);
	}
}

static void a_data_directory_it_cannot_open_is_told(void **state SL_UNUSED)
{
	struct wire_settings settings = {.log_max = 1 << 20, .no_cgroups = true};
	struct wire_hello hello;
	int sock, fds[WIRE_FDS_MAX];
	pid_t pid = run_it("/proc/self/no-such", &sock);
	assert_int_equal(wire_send(sock, &settings, sizeof(settings), NULL, 0), 0);
	assert_int_equal(wire_receive(sock, &hello, sizeof(hello), fds, 0), 0);
	assert_int_equal(hello.error, ENOENT);
	assert_string_equal(hello.why, "cannot use the data directory");
	assert_int_equal(status_of(pid), 71);
	close(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_ask_is_answered_and_nothing_is_run),
		cmocka_unit_test(only_processes_of_the_replicas_user_are_swept),
		cmocka_unit_test(a_program_that_cannot_be_started_is_told),
		cmocka_unit_test(a_program_that_is_no_spawner_is_told),
		cmocka_unit_test(a_spawner_of_another_version_is_told),
		cmocka_unit_test(both_places_are_named),
		cmocka_unit_test(settings_that_are_none_end_it),
		cmocka_unit_test(a_data_directory_it_cannot_open_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
