#include "runtime/local/hunt.h"

#include "runtime/local/rundir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 200,
	GONE_WAIT_MS = 2000,
	ENVIRON_MAX = 1 << 20,
};

struct process {
	pid_t pid, parent;
	int session;
};

/** Fields of /proc/PID/stat; the name in it may hold anything, so look behind its end. */
static bool look(int proc, const char *name, struct process *ret)
{
	char path[32], text[512];
	if (!isdigit((unsigned char)name[0]) || strlen(name) > 12)
		return false;
	snprintf(path, sizeof(path), "%s/stat", name);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	const char *end = strrchr(text, ')');
	char state;
	int group;
	ret->pid = (pid_t)strtol(name, NULL, 10);
	return end &&
	       sscanf(end + 1, " %c %d %d %d", &state, &ret->parent, &group, &ret->session) == 4;
}

static unsigned kill_children(void)
{
	DIR *proc = opendir("/proc");
	unsigned n = 0;
	if (!proc)
		return 0;
	pid_t self = getpid();
	for (struct dirent *e; (e = readdir(proc));) {
		struct process p;
		if (look(dirfd(proc), e->d_name, &p) && p.parent == self) {
			kill(p.pid, SIGKILL);
			n++;
		}
	}
	closedir(proc);
	return n;
}

/** Reap what is dead; are there children left? */
static bool reap(void)
{
	pid_t pid;
	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid == 0;
}

void hunt_children(void)
{
	for (unsigned blind = 0; reap() && blind < ROUNDS_MAX;) {
		if (kill_children())
			waitpid(-1, NULL, 0);
		else
			blind++; /* it died just now, or /proc cannot be read */
	}
}

void hunt_marks(const struct replica_name *name, char job[64], char attempt[64])
{
	char id[UUID_TEXT_SIZE], text[RUNDIR_PATH_SIZE];
	snprintf(job, 64, "SLUICE_JOB_ID=%s", uuid_format(name->job, id));
	snprintf(attempt, 64, "SLUICE_ATTEMPT=%s", rundir_attempt(name, text));
}

/** Is `mark` one of the NUL-ended strings? */
static bool holds(const char *text, size_t len, const char *mark)
{
	for (const char *at = text; at < text + len; at += strlen(at) + 1) {
		if (strcmp(at, mark) == 0)
			return true;
	}
	return false;
}

struct search {
	char job[64], attempt[64];
	int32_t session;
	const uid_t *only;
	char *text; /**< ENVIRON_MAX + 1 bytes. */
};

static bool marked(const struct search *s, int proc, const char *name)
{
	char path[32];
	snprintf(path, sizeof(path), "%.12s/environ", name);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t len = 0;
	ssize_t n;
	while (len < ENVIRON_MAX && (n = read(fd, s->text + len, ENVIRON_MAX - len)) > 0)
		len += (size_t)n;
	close(fd);
	s->text[len] = 0;
	return holds(s->text, len, s->job) && holds(s->text, len, s->attempt);
}

/** Is it the user whose processes are looked for? The owner of /proc/PID does not tell: of a
 * process that may not be traced it is root. */
static bool owned(const struct search *s, int proc, const char *name)
{
	char path[32], text[2048];
	snprintf(path, sizeof(path), "%.12s/status", name);
	int fd = s->only ? openat(proc, path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return !s->only;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *line = strstr(text, "\nUid:"); /* the name before it has its newlines escaped */
	unsigned uid;
	return line && sscanf(line, " Uid: %u", &uid) == 1 && uid == *s->only;
}

static bool wanted(const struct search *s, int proc, const char *name)
{
	struct process p;
	if (!look(proc, name, &p) || p.pid == getpid() || !owned(s, proc, name))
		return false;
	return (s->session && p.session == s->session) || marked(s, proc, name);
}

/** Kill through a pidfd, after a second look, and wait for the end. */
static bool end_process(const struct search *s, int proc, const char *name)
{
	int pidfd = pidfd_open((pid_t)strtol(name, NULL, 10), 0);
	if (pidfd < 0)
		return false;
	bool hit = wanted(s, proc, name) && pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0;
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};
	if (hit && poll(&gone, 1, 0) == 0)
		poll(&gone, 1, GONE_WAIT_MS);
	close(pidfd);
	return hit;
}

void hunt_marked(const struct replica_name *name, int32_t session, const uid_t *only)
{
	struct search s = {.session = session, .only = only, .text = malloc(ENVIRON_MAX + 1)};
	hunt_marks(name, s.job, s.attempt);
	bool found = s.text;
	for (unsigned round = 0; found && round < ROUNDS_MAX; round++) {
		DIR *proc = opendir("/proc");
		found = false;
		for (struct dirent *e; proc && (e = readdir(proc));) {
			if (wanted(&s, dirfd(proc), e->d_name))
				found |= end_process(&s, dirfd(proc), e->d_name);
		}
		if (proc)
			closedir(proc);
	}
	free(s.text);
}
