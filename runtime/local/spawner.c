#include "runtime/local/spawner.h"

#include "runtime/local/hunt.h"
#include "runtime/local/supervisor.h"
#include "runtime/local/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct home {
	struct supervisor_config config;
	int sock, signals;
};

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

/** Fork a supervisor with its end of the notice pipe. 0 or errno. */
static int fork_supervisor(const struct home *h, int plan, int notice, struct wire_answer *ret,
			   int *ret_pidfd)
{
	pid_t pid = fork();
	if (pid == 0)
		supervisor_run(&h->config, plan, notice);
	if (pid < 0)
		return errno;
	ret->pid = pid;
	*ret_pidfd = pidfd_open(pid, 0); /* not reaped yet, so this is the one */
	if (*ret_pidfd >= 0)
		return 0;
	int error = errno;
	kill(pid, SIGKILL); /* nobody could follow it */
	return error;
}

static int answer_start(const struct home *h, int plan)
{
	struct wire_answer answer = {0};
	int ends[2] = {-1, -1}, pidfd = -1;
	if (plan < 0)
		answer.error = EBADF;
	else if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		answer.error = errno;
	else
		answer.error = fork_supervisor(h, plan, ends[1], &answer, &pidfd);
	const int fds[] = {pidfd, ends[0]};
	int rc = wire_send(h->sock, &answer, sizeof(answer), fds, answer.error ? 0 : 2);
	close_if(pidfd);
	close_if(ends[0]);
	close_if(ends[1]);
	return rc;
}

static int stop_supervisor(const struct home *h, const struct replica_name *name)
{
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

static int answer_ask(const struct home *h, const struct wire_ask *ask, int plan)
{
	struct wire_answer answer = {0};
	switch ((enum wire_kind)ask->kind) {
	case WIRE_START:
		return answer_start(h, plan);
	case WIRE_STOP:
		answer.error = stop_supervisor(h, &ask->name);
		break;
	case WIRE_SWEEP:
		hunt_marked(&ask->name, ask->session);
		break;
	default:
		answer.error = EINVAL;
	}
	return wire_send(h->sock, &answer, sizeof(answer), NULL, 0);
}

/** False when the gateway is gone. */
static bool serve(const struct home *h)
{
	struct wire_ask ask;
	int fds[WIRE_FDS_MAX];
	int rc = wire_receive(h->sock, &ask, sizeof(ask), fds, 0);
	if (rc)
		return rc == SL_E_PEER;
	rc = answer_ask(h, &ask, fds[0]);
	close_if(fds[0]);
	close_if(fds[1]);
	return rc == 0;
}

static void reap(int signals)
{
	struct signalfd_siginfo info;
	while (read(signals, &info, sizeof(info)) == sizeof(info))
		;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
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
	prctl(PR_SET_DUMPABLE, 0);
	if (chdir("/") < 0)
		_exit(71);
	h->signals = block_signals();
}

static _Noreturn void run(struct home *h)
{
	settle(h);
	struct pollfd p[] = {{.fd = h->sock, .events = POLLIN},
			     {.fd = h->signals, .events = POLLIN}};
	do {
		if (poll(p, countof(p), -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			reap(h->signals);
	} while (!p[0].revents || serve(h));
	_exit(0);
}

int spawner_start(const struct spawner_config *config, struct spawner *ret, struct sl_error *err)
{
	char path[PATH_MAX];
	int pair[2];
	struct home h = {.config = {.log_max = config->log_max, .shield = config->shield}};
	mkdir(config->data_dir, 0700);
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
		run(&h);
	close(pair[1]);
	close(h.config.data);
	if (pid < 0) {
		close(pair[0]);
		return sl_fail(err, SL_E_IO, "spawner: %s", strerror(errno));
	}
	*ret = (struct spawner){pid, pair[0]};
	return 0;
}

void spawner_stop(struct spawner *s)
{
	if (s->pid <= 0)
		return;
	close(s->sock);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*s = (struct spawner){0, -1};
}
