#include "runtime/local/spawner.h"

#include "runtime/local/asks.h"
#include "runtime/local/hunt.h"
#include "runtime/local/release.h"
#include "runtime/local/spare.h"
#include "runtime/local/supervisor.h"

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
	if (pid == 0) {
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

/** Let go of what came with the fork: descriptors, terminal, handlers, directory. */
static void settle(struct home *h)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int data = fcntl(h->config.data, F_DUPFD_CLOEXEC, 10);
	int sock = fcntl(h->sock, F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	h->config.data = dup3(data, 3, O_CLOEXEC);
	h->sock = dup3(sock, 4, O_CLOEXEC);
	close_range(5, ~0U, 0);
	sigaction(SIGCHLD, &plain, NULL);
	setsid();
	umask(077);
	prctl(PR_SET_NAME, "sluice-spawner");
	if (chdir("/") < 0)
		_exit(71);
	h->signals = block_signals();
}

/** The first message: what can be promised, or why there is no spawner. */
static bool say_hello(struct home *h, const struct spawner_config *config)
{
	struct wire_hello hello = {0};
	if (!config->no_cgroups)
		cgroups_find("", config->cgroup ? config->cgroup : "", &h->config.cgroups);
	hello.parts = cgroups_parts(&h->config.cgroups);
	snprintf(hello.why, sizeof(hello.why), "%s", h->config.cgroups.why);
	if (identity_become_spawner(&config->keeps) < 0) {
		hello.error = errno;
		snprintf(hello.why, sizeof(hello.why), "cannot become its user");
	}
	hello.users = identity_other(&config->user);
	prctl(PR_SET_DUMPABLE, 0);
	return wire_send(h->sock, &hello, sizeof(hello), NULL, 0) == 0 && hello.error == 0;
}

static _Noreturn void run(struct home *h, const struct spawner_config *config)
{
	settle(h);
	if (!say_hello(h, config))
		_exit(71);
	const struct asks_work work = {h, start_supervisor, stop_supervisor, sweep, release};
	while (wait_for_ask(h) && asks_serve(h->sock, &work))
		;
	spare_end(&h->spare);
	cgroups_leave(&h->config.cgroups);
	_exit(0);
}

/** A new one is the gateway's; one that is there is left as it is. */
static void make_data_dir(const struct spawner_config *config)
{
	if (mkdir(config->data_dir, 0700) == 0 && identity_other(&config->keeps) &&
	    chown(config->data_dir, config->keeps.uid, config->keeps.gid) < 0)
		rmdir(config->data_dir); /* what follows fails and says why */
}

int spawner_start(const struct spawner_config *config, struct spawner *ret, struct sl_error *err)
{
	char path[PATH_MAX];
	int pair[2];
	struct home h = {.config = {.log_max = config->log_max,
				    .shield = config->shield,
				    .user = config->user}};
	make_data_dir(config);
	if (!realpath(config->data_dir, path))
		return sl_fail(err, SL_E_IO, "%s: %s", config->data_dir, strerror(errno));
	h.config.data_dir = path;
	h.config.data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h.config.data < 0)
		return sl_fail(err, SL_E_IO, "%s: %s", path, strerror(errno));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		close(h.config.data);
		return sl_fail(err, SL_E_IO, "spawner: %s", strerror(errno));
	}
	h.sock = pair[1];
	pid_t pid = fork();
	if (pid == 0)
		run(&h, config);
	close(pair[1]);
	close(h.config.data);
	if (pid < 0) {
		close(pair[0]);
		return sl_fail(err, SL_E_IO, "spawner: %s", strerror(errno));
	}
	*ret = (struct spawner){.pid = pid, .sock = pair[0]};
	int fds[WIRE_FDS_MAX] = {-1, -1};
	int rc = wire_receive(pair[0], &ret->can, sizeof(ret->can), fds, 0);
	if (rc == 0 && ret->can.error == 0)
		return 0;
	sl_fail(err, SL_E_IO, "spawner: %.119s: %s", rc ? "it ended" : ret->can.why,
		rc ? sl_err_text(rc) : strerror(ret->can.error));
	spawner_stop(ret);
	return SL_E_IO;
}

void spawner_stop(struct spawner *s)
{
	if (s->pid <= 0)
		return;
	close(s->sock);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*s = (struct spawner){.sock = -1};
}
