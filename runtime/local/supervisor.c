#include "runtime/local/supervisor.h"

#include "core/base/clock.h"
#include "core/base/crash.h"
#include "runtime/local/hunt.h"
#include "runtime/local/launch.h"
#include "runtime/local/logfile.h"
#include "runtime/local/record.h"
#include "runtime/local/volume.h"
#include "runtime/local/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITE_TRIES = 600, WRITE_PAUSE_MS = 1000 };

/** Descriptors that a supervisor keeps: 3 and 4 are its own, this is the data directory. */
enum { DATA = 5 };

struct supervisor {
	const struct supervisor_config *config;
	struct plan plan;
	struct rundir run;
	struct logfile out, err;
	struct shield shield;
	bool logged; /**< Their files are open. */
	char work_dir[PATH_MAX];
	int notice, signals;
	pid_t main; /**< The container's first process, 0 between containers. */
	int status; /**< Its wait status once it has ended. */
	bool stopping, killed;
	int64_t kill_at_ms;       /**< Monotonic; meaningful while stopping. */
	struct cgroup_events met; /**< Up to the container before. */
	struct outcome outcome;
};

static void notify(int fd, const struct notice *n)
{
	if (write(fd, n, sizeof(*n)) < 0)
		return; /* the gateway is gone; the next one looks into the run directory */
}

static _Noreturn void leave_with_notice(int fd, enum notice_kind kind, const char *text)
{
	struct notice n = {.kind = kind};
	snprintf(n.text, sizeof(n.text), "%s", text);
	notify(fd, &n);
	_exit(0);
}

/* ---- while a container runs ---- */

static void begin_stop(struct supervisor *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->kill_at_ms = clock_mono_ms(&clock_system) + (int64_t)s->plan.grace_s * 1000;
	if (s->main && s->plan.grace_s)
		kill(-s->main, SIGTERM);
}

static void kill_late(struct supervisor *s)
{
	if (!s->stopping || s->killed || clock_mono_ms(&clock_system) < s->kill_at_ms)
		return;
	s->killed = true;
	kill(-s->main, SIGKILL);
}

static int until_kill_ms(const struct supervisor *s)
{
	if (!s->stopping || s->killed)
		return -1;
	int64_t left = s->kill_at_ms - clock_mono_ms(&clock_system);
	return left < 0 ? 0 : (int)left;
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM)
			begin_stop(s);
	}
}

/** Reap; note the end of the container's own process. */
static void take_children(struct supervisor *s)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->main) {
			s->main = 0;
			s->status = status;
		}
	}
}

/** Until the container's process has ended. */
static void attend(struct supervisor *s)
{
	while (s->main) {
		struct pollfd p[] = {{.fd = s->signals, .events = POLLIN},
				     {.fd = s->out.in, .events = POLLIN},
				     {.fd = s->err.in, .events = POLLIN}};
		poll(p, countof(p), until_kill_ms(s));
		if (p[1].revents)
			logfile_copy(&s->out);
		if (p[2].revents)
			logfile_copy(&s->err);
		take_signals(s);
		take_children(s);
		if (s->main)
			kill_late(s);
	}
}

/* ---- one container ---- */

static void say_started(struct supervisor *s)
{
	if (s->outcome.started_ms)
		return;
	struct started note = {s->main, s->plan.slots, clock_wall_ms(&clock_system)};
	struct notice n = {.kind = NOTICE_STARTED, .pid = note.pid, .ms = note.ms};
	s->outcome.started_ms = note.ms;
	if (started_write(s->run.dir, &note))
		n.text[0] = 0; /* a full disk: only a gateway that starts anew misses it */
	notify(s->notice, &n);
}

/** Once; also for a replica that never began. */
static void open_logs(struct supervisor *s)
{
	char path[LOGFILE_PATH_SIZE];
	const struct replica_name *n = &s->plan.name;
	struct bytes role = bytes_str(s->plan.role);
	if (s->logged)
		return;
	s->logged = true;
	logfile_path(n->job, role, n->index, "stdout", path);
	logfile_open(&s->out, DATA, path, s->config->log_max);
	logfile_path(n->job, role, n->index, "stderr", path);
	logfile_open(&s->err, DATA, path, s->config->log_max);
}

/** While the child makes itself ready: its logs, and that this attempt was started goes to disk.
 * Then it is let go. */
static int let_go(struct supervisor *s, const struct launch *l, struct launched *child)
{
	open_logs(s);
	if (rundir_flush(&s->run) == 0)
		return launch_go(l, child, &s->main, s->outcome.message);
	snprintf(s->outcome.message, sizeof(s->outcome.message), "run directory: %s",
		 strerror(errno));
	launch_drop(child);
	return 126;
}

static int start(struct supervisor *s, const struct plan_container *c)
{
	struct launch l = {.plan = &s->plan,
			   .container = c,
			   .data_dir = s->config->data_dir,
			   .work_dir = s->work_dir,
			   .shield = s->config->shield ? &s->shield : NULL,
			   .cgroups = &s->config->cgroups,
			   .user = &s->config->user,
			   .out = logfile_pipe(&s->out),
			   .err = logfile_pipe(&s->err)};
	struct limits limits = c->limits;
	struct launched child;
	int code = 126;
	shield_check(&s->shield);
	if (limits.pids == 0)
		limits.pids = PIDS_USUAL_MAX;
	if (l.out < 0 || l.err < 0)
		snprintf(s->outcome.message, sizeof(s->outcome.message), "cannot make a pipe: %s",
			 strerror(errno));
	else if (cgroup_limit(&s->config->cgroups, &s->plan.name, &limits) < 0)
		snprintf(s->outcome.message, sizeof(s->outcome.message), "cannot limit it: %s",
			 strerror(errno));
	else
		code = launch_prepare(&l, &child, s->outcome.message);
	if (code == 0)
		code = let_go(s, &l, &child);
	if (l.out >= 0)
		close(l.out);
	if (l.err >= 0)
		close(l.err);
	return code;
}

/** What its cgroup met while this container ran. */
static void judge_group(struct supervisor *s, const struct plan_container *c)
{
	struct outcome *o = &s->outcome;
	struct cgroup_events met, before = s->met;
	cgroup_events(&s->config->cgroups, &s->plan.name, &met);
	s->met = met;
	if (o->code && met.oom_kills > before.oom_kills) {
		o->reason = OUTCOME_OOM;
		snprintf(o->message, sizeof(o->message),
			 "went over its memory limit of %" PRId64 " bytes", c->limits.memory);
	} else if (o->code && met.pids_refused > before.pids_refused && !*o->message) {
		snprintf(o->message, sizeof(o->message),
			 "met its limit of %" PRId64 " processes and threads",
			 c->limits.pids ? c->limits.pids : PIDS_USUAL_MAX);
	}
}

static void judge(struct supervisor *s, const struct plan_container *c)
{
	struct outcome *o = &s->outcome;
	o->signal = WIFSIGNALED(s->status) ? WTERMSIG(s->status) : 0;
	o->code = o->signal ? 128 + o->signal : WEXITSTATUS(s->status);
	o->reason = s->stopping ? OUTCOME_STOPPED
		    : o->signal ? OUTCOME_SIGNALED
		    : o->code   ? OUTCOME_ERROR
				: OUTCOME_COMPLETED;
	if (s->stopping && c->init && o->code == 0) {
		o->signal = SIGTERM; /* what was asked for never ran: that is no success */
		o->code = 128 + SIGTERM;
	}
	if (s->killed)
		snprintf(o->message, sizeof(o->message), "killed %u s after it was asked to stop",
			 s->plan.grace_s);
	else if (o->code && c->init)
		snprintf(o->message, sizeof(o->message), "init container %.*s failed",
			 BYTES_FMT(c->name));
	if (!s->stopping)
		judge_group(s, c);
}

/** Run one container to its end, with everything it started. True: go on with the next. */
static bool run_container(struct supervisor *s, const struct plan_container *c)
{
	int code = start(s, c);
	if (code == 0) {
		say_started(s);
		attend(s);
	}
	cgroup_kill(&s->config->cgroups, &s->plan.name);
	hunt_children();
	logfile_drain(&s->out);
	logfile_drain(&s->err);
	take_signals(s);
	if (code) {
		s->outcome.code = code;
		s->outcome.reason = OUTCOME_START_ERROR;
		return false;
	}
	judge(s, c);
	return s->outcome.code == 0 && !s->stopping;
}

static void cannot_make(struct supervisor *s, const char *what)
{
	s->outcome.code = 126;
	s->outcome.reason = OUTCOME_START_ERROR;
	snprintf(s->outcome.message, sizeof(s->outcome.message), "cannot make its %s: %s", what,
		 strerror(errno));
}

static void run_all(struct supervisor *s)
{
	struct plan_container c;
	take_signals(s);
	if (s->stopping) {
		s->outcome.code = 128 + SIGTERM;
		s->outcome.signal = SIGTERM;
		s->outcome.reason = OUTCOME_STOPPED;
		snprintf(s->outcome.message, sizeof(s->outcome.message), "stopped before it began");
		return;
	}
	if (cgroup_note_write(s->run.dir, &s->config->cgroups) ||
	    cgroup_make(&s->config->cgroups, &s->plan.name) < 0) {
		cannot_make(s, "cgroup");
		return;
	}
	if (volume_make_all(&s->plan, s->work_dir, &s->config->user) < 0) {
		cannot_make(s, "volumes");
		return;
	}
	while (plan_next(&s->plan, &c)) {
		if (!run_container(s, &c))
			return;
	}
}

/* ---- before and after ---- */

/** Keep the descriptors `*a`, `*b` (the same one, perhaps) and `data` as 3, 4 and DATA, and
 * nothing else. */
static void close_others(int data, int *a, int *b)
{
	int high[3], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int from[3] = {*a, *b, data};
	for (int i = 0; i < 3; i++)
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++) {
		dup2(null, i);
		dup3(high[i], i + 3, O_CLOEXEC);
	}
	close_range(DATA + 1, ~0U, 0);
	*a = 3;
	*b = 4;
}

static int read_plan(int fd, struct plan *ret)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_WRITE) || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0)
		return SL_E_CORRUPT;
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return at == MAP_FAILED ? SL_E_NO_MEMORY : plan_open(bytes_of(at, (size_t)st.st_size), ret);
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/** The work directory belongs to the user of replicas; we, its group, may look into it. The
 * folders above let one through who knows the name. What fails shows when it is entered. */
static void hand_over_dir(int data, const char *path, const struct identity *user)
{
	int fd = openat(data, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fchmodat(data, ".", 0711, 0) == 0 && fchmodat(data, "work", 0711, 0) == 0 &&
	    fchown(fd, user->uid, getegid()) == 0)
		(void)fchmod(fd, 02770);
	close(fd);
}

static void open_work_dir(struct supervisor *s)
{
	char path[RUNDIR_PATH_SIZE], id[UUID_TEXT_SIZE];
	snprintf(path, sizeof(path), "work/%s", uuid_format(s->plan.name.job, id));
	mkdirat(DATA, "work", 0700);
	mkdirat(DATA, path, 0700);
	if (identity_other(&s->config->user))
		hand_over_dir(DATA, path, &s->config->user);
	snprintf(s->work_dir, sizeof(s->work_dir), "%s/%s", s->config->data_dir, path);
}

/** A full disk gets some minutes to become less so: the outcome is worth waiting for. */
static void leave_outcome(struct supervisor *s)
{
	s->outcome.finished_ms = clock_wall_ms(&clock_system);
	int rc;
	for (int i = 0; (rc = outcome_write(s->run.dir, &s->outcome)) && i < WRITE_TRIES; i++) {
		if (errno == ENOENT)
			return; /* the directory was removed: nobody will ask */
		poll(NULL, 0, WRITE_PAUSE_MS);
	}
	if (rc)
		return;
	struct notice n = {.kind = NOTICE_ENDED};
	close(s->run.lock); /* first: whoever is told may remove the directory at once */
	notify(s->notice, &n);
	if (rundir_flush(&s->run) || outcome_flush(s->run.dir))
		return; /* removed meanwhile, or a disk that fails: it can be read till then */
}

static void settle(const struct supervisor_config *config, const char *name, int *a, int *b)
{
	setsid();
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	close_others(config->data, a, b);
}

static _Noreturn void supervise(struct supervisor *s, int plan, int notice)
{
	struct sl_error err = {0};
	crash_at(CRASH_SUPERVISOR_BEGUN);
	s->notice = notice;
	if (read_plan(plan, &s->plan))
		leave_with_notice(notice, NOTICE_FAILED, "the plan cannot be read");
	int rc = rundir_create(DATA, &s->plan.name, &s->run, &err);
	if (rc || s->signals < 0)
		leave_with_notice(notice, rc == SL_E_CONFLICT ? NOTICE_EXISTS : NOTICE_FAILED,
				  err.text);
	crash_at(CRASH_SUPERVISOR_NOTED);
	open_work_dir(s);
	run_all(s);
	open_logs(s);
	volume_remove_all(&s->plan, s->work_dir);
	cgroup_remove(&s->config->cgroups, &s->plan.name);
	logfile_close(&s->out);
	logfile_close(&s->err);
	crash_at(CRASH_SUPERVISOR_OVER);
	leave_outcome(s);
	crash_at(CRASH_SUPERVISOR_WRITTEN);
	_exit(0);
}

void supervisor_run(const struct supervisor_config *config, int plan, int notice)
{
	struct supervisor s = {
		.config = config, .shield = SHIELD_NONE, .out = LOGFILE_NONE, .err = LOGFILE_NONE};
	settle(config, "sluice-super", &plan, &notice);
	s.signals = open_signals();
	supervise(&s, plan, notice);
}

void supervisor_wait(const struct supervisor_config *config, int sock)
{
	struct supervisor s = {
		.config = config, .shield = SHIELD_NONE, .out = LOGFILE_NONE, .err = LOGFILE_NONE};
	int fds[WIRE_FDS_MAX], also = sock;
	char byte;
	settle(config, "sluice-spare", &sock, &also);
	close(also);
	if (config->shield)
		shield_prepare(&s.shield, config->data_dir);
	s.signals = open_signals();
	if (wire_receive(sock, &byte, 1, fds, 0) || fds[0] < 0 || fds[1] < 0)
		_exit(0);
	close(sock);
	take_signals(&s);
	s.stopping = false; /* nobody could stop a replica of which there was nothing */
	prctl(PR_SET_NAME, "sluice-super");
	supervise(&s, fds[0], fds[1]);
}
