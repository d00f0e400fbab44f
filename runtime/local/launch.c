#include "runtime/local/launch.h"

#include "runtime/local/environ.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum step { STEP_BORN, STEP_SETUP, STEP_CGROUP, STEP_SHIELD, STEP_USER, STEP_DIRECTORY, STEP_EXEC };

/** What the child says when it fails; a success is the pipe's end. */
struct failure {
	int32_t step, error;
};

static void clear_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;
	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &plain, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int set_streams(const struct launch *l)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(l->out, 1) < 0 || dup2(l->err, 2) < 0)
		return -1;
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

enum { FILES_USUAL = 1024, FILES_MOST = 1 << 19 };

static int set_limit(int which, rlim_t soft, rlim_t hard)
{
	struct rlimit now;
	if (getrlimit((__rlimit_resource_t)which, &now) < 0)
		return -1;
	hard = hard < now.rlim_max ? hard : now.rlim_max;
	struct rlimit limit = {soft < hard ? soft : hard, hard};
	return setrlimit((__rlimit_resource_t)which, &limit);
}

/** Those of each process but memory. */
static int set_limits(const struct launch *l)
{
	const struct limits *want = &l->container->limits;
	rlim_t file = (rlim_t)want->file;
	if (set_limit(RLIMIT_CORE, 0, 0) < 0 ||
	    set_limit(RLIMIT_NOFILE, FILES_USUAL, FILES_MOST) < 0)
		return -1;
	return file ? set_limit(RLIMIT_FSIZE, file, file) : 0;
}

/** The last step before exec, since it also holds for what comes before. */
static int set_memory(const struct launch *l)
{
	rlim_t most = (rlim_t)l->container->limits.memory;
	bool counted = cgroups_parts(l->cgroups) & CGROUP_MEMORY;
	return most && !counted ? set_limit(RLIMIT_AS, most, most) : 0;
}

static int make_bare(const struct launch *l)
{
	umask(identity_other(l->user) ? 002 : 022); /* the gateway is the work directory's group */
	if (setsid() < 0 || set_streams(l) < 0 || set_limits(l) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	clear_signals();
	return 0;
}

/** After the user has changed: that would take the death signal away. */
static int become_user(const struct launch *l, pid_t supervisor)
{
	if (identity_become(l->user) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	errno = ESRCH;
	return getppid() == supervisor ? 0 : -1;
}

static int enter_directory(const struct launch *l)
{
	if (chdir(l->work_dir) < 0)
		return -1;
	return *l->container->cwd ? chdir(l->container->cwd) : 0;
}

static void wait_for_go(int link)
{
	char go;
	ssize_t n;
	do
		n = read(link, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125); /* nobody wants it any more */
}

/** In the child: everything up to exec. Returns only the step that failed, errno set. */
static enum step become(const struct launch *l, pid_t supervisor, int link, bool born)
{
	const struct plan_container *c = l->container;
	char **argv = calloc((size_t)c->argc + 1, sizeof(*argv));
	char **env = environ_build(l->plan, c, l->work_dir);
	const char *word = c->argv;
	if (!argv || !env)
		return STEP_SETUP;
	/* First: a session of its own, too, costs a turn on a busy machine, but not in a group. */
	if (cgroup_join(l->cgroups, &l->plan->name, born) < 0)
		return STEP_CGROUP;
	if (make_bare(l) < 0)
		return STEP_SETUP;
	for (uint32_t i = 0; i < c->argc; i++, word = plan_after(word))
		argv[i] = (char *)(uintptr_t)word;
	if (l->shield && shield_enter(l->shield, l->data_dir, l->work_dir) < 0)
		return STEP_SHIELD;
	if (become_user(l, supervisor) < 0)
		return STEP_USER;
	if (enter_directory(l) < 0)
		return STEP_DIRECTORY;
	if (set_memory(l) < 0)
		return STEP_SETUP;
	wait_for_go(link);
	environ = env; /* so that the command is looked for in its own PATH */
	execvp(argv[0], argv);
	return STEP_EXEC;
}

static int explain(const struct launch *l, struct failure f, char message[200])
{
	const struct plan_container *c = l->container;
	const char *why = strerror(f.error);
	switch ((enum step)f.step) {
	case STEP_DIRECTORY:
		snprintf(message, 200, "cannot enter the directory '%.100s': %s",
			 *c->cwd ? c->cwd : "work", why);
		return 126;
	case STEP_EXEC:
		snprintf(message, 200, "cannot run '%.100s': %s", c->argv,
			 f.error == ENOENT ? "command not found" : why);
		return f.error == ENOENT ? 127 : 126;
	case STEP_CGROUP:
		snprintf(message, 200, "cannot enter its cgroup: %s", why);
		return 126;
	case STEP_USER:
		snprintf(message, 200, "cannot become the user of replicas: %s", why);
		return 126;
	case STEP_SHIELD:
		snprintf(message, 200, "cannot bar it from the data directory: %s", why);
		return 126;
	case STEP_BORN:
	case STEP_SETUP:
		break;
	}
	snprintf(message, 200, "cannot set up a process for '%.100s': %s", c->argv, why);
	return 126;
}

/** A child that ended without having heard that it may go resets the link, which is told once,
 * before what it has said. */
static bool read_failure(int link, struct failure *ret)
{
	ssize_t n;
	do
		n = read(link, ret, sizeof(*ret));
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n == sizeof(*ret);
}

static _Noreturn void be_child(const struct launch *l, pid_t supervisor, int link, bool born)
{
	struct failure f = {STEP_BORN, 0};
	if (born && send(link, &f, sizeof(f), MSG_NOSIGNAL) != sizeof(f))
		_exit(125);
	f.step = become(l, supervisor, link, born);
	f.error = errno;
	_exit(send(link, &f, sizeof(f), MSG_NOSIGNAL) == sizeof(f) ? 126 : 125);
}

/** A child on its way to exec. -1 with errno. */
static int bear(const struct launch *l, bool may_be_born, struct launched *ret)
{
	int ends[2];
	bool born = false;
	pid_t self = getpid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	pid_t pid = may_be_born ? cgroup_fork(l->cgroups, &l->plan->name, &born) : fork();
	if (pid == 0) {
		close(ends[0]); /* so that it sees when nobody is there to let it go */
		be_child(l, self, ends[1], born);
	}
	int saved = errno;
	close(ends[1]);
	if (pid < 0)
		close(ends[0]);
	errno = saved;
	*ret = (struct launched){pid, ends[0], born};
	return pid < 0 ? -1 : 0;
}

/** Some kernels, 6.18 is one, end at once who is born in a group that was ever ended: then
 * there is another child, born plainly. -1 with errno. */
static int is_born(const struct launch *l, struct launched *child)
{
	struct failure f;
	if (!child->born || read_failure(child->link, &f))
		return 0;
	launch_drop(child);
	return bear(l, false, child);
}

void launch_drop(struct launched *child)
{
	close(child->link); /* which ends it if nothing else does */
	waitpid(child->pid, NULL, 0);
}

int launch_prepare(const struct launch *l, struct launched *ret, char message[200])
{
	struct failure f = {STEP_SETUP, 0};
	if (bear(l, true, ret) == 0)
		return 0;
	f.error = errno;
	return explain(l, f, message);
}

int launch_go(const struct launch *l, struct launched *child, pid_t *ret_pid, char message[200])
{
	struct failure f = {STEP_SETUP, 0};
	if (is_born(l, child) < 0) {
		f.error = errno;
		return explain(l, f, message);
	}
	/* One that has failed meanwhile does not listen: it has said why, or its end will. */
	(void)!send(child->link, "", 1, MSG_NOSIGNAL);
	if (read_failure(child->link, &f)) {
		launch_drop(child);
		return explain(l, f, message);
	}
	close(child->link);
	*ret_pid = child->pid;
	return 0;
}
