#include "runtime/local/spawning.h"

#include "runtime/local/asks.h"
#include "runtime/local/hunt.h"
#include "runtime/local/release.h"
#include "runtime/local/spare.h"
#include "runtime/local/supervisor.h"
#include "runtime/local/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPARE_PAUSE_MS = 20 };

struct home {
	struct supervisor_config config;
	int sock, signals;
	struct spare spare;
	bool want_spare; /**< There is none, and there may be use for one. */
};

static int start_supervisor(void *user, int plan, int notice, int32_t *ret_pid, int *ret_pidfd)
{
	struct home *h = user;
	pid_t pid = spare_take(&h->spare, plan, notice);
	if (!pid)
		pid = fork();
	if (pid == 0)
		supervisor_run(&h->config, plan, notice);
	h->want_spare = true;
	if (pid < 0)
		return errno;
	*ret_pid = pid;
	*ret_pidfd = pidfd_open(pid, 0); /* not reaped yet, so this is the one */
	if (*ret_pidfd >= 0)
		return 0;
	int error = errno;
	kill(pid, SIGKILL); /* nobody could follow it */
	return error;
}

static int stop_supervisor(void *user, const struct replica_name *name)
{
	const struct home *h = user;
	int dir = rundir_open(h->config.data, name), pidfd;
	if (dir < 0)
		return errno;
	int error = 0, pid = rundir_holder(dir, &pidfd);
	close(dir);
	if (pid <= 0)
		return pid < 0 ? EIO : 0;
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
		error = errno;
	close(pidfd);
	return error;
}

/** The group it was in, as its run directory names it, and what has left that. Whoever asks may
 * name any session: what is not a replica's user's is left alone. */
static void sweep(void *user, const struct replica_name *name, int32_t session)
{
	const struct home *h = user;
	const struct identity *replicas = &h->config.user;
	struct cgroups all = {0};
	int dir = rundir_open(h->config.data, name);
	if (dir >= 0) {
		cgroup_note_read(dir, &all);
		close(dir);
	}
	cgroup_kill(&all, name);
	hunt_marked(name, session, replicas->given ? &replicas->uid : NULL);
	cgroup_remove(&all, name);
}

/** In a child: a work directory may hold any number of files. */
static int release(void *user, struct uuid job)
{
	const struct home *h = user;
	pid_t pid = fork();
	if (pid == 0) { /* that nobody waits for it, no end of a socket stays open in it */
		close(h->sock);
		close_range((unsigned)h->config.data + 1, ~0U, 0);
		release_work(h->config.data, job);
		_exit(0);
	}
	return pid < 0 ? errno : 0;
}

static void reap(struct home *h)
{
	struct signalfd_siginfo info;
	pid_t pid;
	while (read(h->signals, &info, sizeof(info)) == sizeof(info))
		;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		spare_reaped(&h->spare, pid);
}

/** Wait for an ask or the end of a child; meanwhile there is time for a spare, but not while a
 * replica is just being started. False: the socket is no good. */
static bool wait_for_ask(struct home *h)
{
	struct pollfd p[] = {{.fd = h->sock, .events = POLLIN},
			     {.fd = h->signals, .events = POLLIN}};
	do {
		int n = poll(p, countof(p), h->want_spare ? SPARE_PAUSE_MS : -1);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && p[1].revents)
			reap(h);
		if (n >= 0 && !p[0].revents && h->want_spare) {
			h->want_spare = false;
			spare_make(&h->spare, &h->config);
		}
	} while (!p[0].revents);
	return true;
}

static int block_signals(void)
{
	sigset_t all, child;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/** Let go of what came from the gateway: descriptors, terminal, directory. */
static bool settle(struct home *h, const char *data_dir)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int high = data < 0 ? -1 : fcntl(data, F_DUPFD_CLOEXEC, 10);
	if (high < 0)
		return false;
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	h->config.data_dir = data_dir;
	h->config.data = dup3(high, h->sock + 1, O_CLOEXEC);
	close_range((unsigned)h->config.data + 1, ~0U, 0);
	setsid();
	umask(077);
	prctl(PR_SET_NAME, WIRE_NAME);
	h->signals = block_signals();
	return h->config.data >= 0 && h->signals >= 0 && chdir("/") == 0;
}

static bool greet(int sock, const char *version)
{
	struct wire_greeting me = {.name = WIRE_NAME};
	snprintf(me.version, sizeof(me.version), "%s", version);
	return wire_send(sock, &me, sizeof(me), NULL, 0) == 0;
}

static bool take_settings(struct home *h, struct wire_settings *ret)
{
	int fds[WIRE_FDS_MAX];
	if (wire_receive(h->sock, ret, sizeof(*ret), fds, 0) || fds[0] >= 0 ||
	    !memchr(ret->cgroup, 0, sizeof(ret->cgroup)) || !identity_ok(&ret->user) ||
	    !identity_ok(&ret->keeps))
		return false;
	h->config.log_max = ret->log_max;
	h->config.shield = ret->shield;
	h->config.user = ret->user;
	return true;
}

static bool say_hello(int sock, const struct wire_hello *hello)
{
	return wire_send(sock, hello, sizeof(*hello), NULL, 0) == 0 && hello->error == 0;
}

static bool cannot(int sock, const char *what)
{
	struct wire_hello hello = {.error = errno ? errno : EINVAL};
	snprintf(hello.why, sizeof(hello.why), "%s", what);
	return say_hello(sock, &hello);
}

/** What can be promised, or why there is no spawner. */
static bool begin(struct home *h, const char *data_dir, const struct wire_settings *settings)
{
	struct wire_hello hello = {0};
	if (!settle(h, data_dir))
		return cannot(h->sock, "cannot use the data directory");
	if (!settings->no_cgroups)
		cgroups_find("", settings->cgroup, &h->config.cgroups);
	if (identity_become_spawner(&settings->keeps) < 0)
		return cannot(h->sock, "cannot become its user");
	hello.parts = cgroups_parts(&h->config.cgroups);
	snprintf(hello.why, sizeof(hello.why), "%s", h->config.cgroups.why);
	hello.users = identity_other(&settings->user);
	prctl(PR_SET_DUMPABLE, 0); /* once more: another user has it as the kernel likes */
	return say_hello(h->sock, &hello);
}

bool spawning_wanted(void)
{
	int type = 0;
	socklen_t len = sizeof(type);
	return getsockopt(WIRE_SPAWNER_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET;
}

void spawning_run(const char *data_dir, const char *version)
{
	struct wire_settings settings;
	struct home h = {.sock = WIRE_SPAWNER_FD};
	prctl(PR_SET_DUMPABLE, 0); /* nobody of the same user looks in */
	fcntl(h.sock, F_SETFD, FD_CLOEXEC);
	if (!greet(h.sock, version) || !take_settings(&h, &settings) ||
	    !begin(&h, data_dir, &settings))
		_exit(71);
	const struct asks_work work = {&h, start_supervisor, stop_supervisor, sweep, release};
	while (wait_for_ask(&h) && asks_serve(h.sock, &work))
		;
	spare_end(&h.spare);
	cgroups_leave(&h.config.cgroups);
	_exit(0);
}
