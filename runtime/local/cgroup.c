#include "runtime/local/cgroup.h"

#include "runtime/local/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FILE_PATH_MAX = CGROUP_PATH_MAX + 128,
	TEXT_MAX = 4096,
	ROUNDS_MAX = 400,
	PAUSE_MS = 5,
	REMOVE_ROUNDS = 40,
	MAKE_TRIES = 20,
	INNER_DEPTH_MAX = 8,
	NOTE_MAX = CGROUP_PLACES_MAX * (CGROUP_PATH_MAX + 16)
};

/** A file of the group in one place, or the group itself for "". Returns `out`. */
static const char *path_of(const struct cgroup_place *p, const struct replica_name *name,
			   const char *file, char out[FILE_PATH_MAX])
{
	char id[UUID_TEXT_SIZE], attempt[RUNDIR_PATH_SIZE];
	snprintf(out, FILE_PATH_MAX, "%s/%s-%s%s%s", p->path, uuid_format(name->job, id),
		 rundir_attempt(name, attempt), *file ? "/" : "", file);
	return out;
}

static int put(const struct cgroup_place *p, const struct replica_name *name, const char *file,
	       const char *text)
{
	char path[FILE_PATH_MAX];
	int fd = open(path_of(p, name, file, path), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

/** As put(), where the file may be missing: an older kernel, or no accounting of swap. */
static int put_if_there(const struct cgroup_place *p, const struct replica_name *name,
			const char *file, const char *text)
{
	return put(p, name, file, text) < 0 && errno != ENOENT ? -1 : 0;
}

static ssize_t get(const struct cgroup_place *p, const struct replica_name *name, const char *file,
		   char text[TEXT_MAX])
{
	char path[FILE_PATH_MAX];
	int fd = open(path_of(p, name, file, path), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return n;
}

/* ---- making, limiting, joining ---- */

int cgroup_make(const struct cgroups *all, const struct replica_name *name)
{
	char path[FILE_PATH_MAX];
	for (unsigned i = 0; i < all->n; i++) {
		int rc = mkdir(path_of(&all->place[i], name, "", path), 0755);
		for (int n = 0; rc < 0 && errno == ENOENT && n < MAKE_TRIES; n++) {
			mkdir(all->place[i].path, 0755); /* the last one before tidied up */
			rc = mkdir(path, 0755);
		}
		if (rc < 0 && errno != EEXIST) {
			int saved = errno;
			cgroup_remove(all, name);
			errno = saved;
			return -1;
		}
	}
	return 0;
}

/** "4096", or `none` for 0. */
static const char *number(int64_t n, const char *none, char out[24])
{
	snprintf(out, 24, "%" PRId64, n);
	return n ? out : none;
}

static int limit_memory(const struct cgroup_place *p, const struct replica_name *name, int64_t most)
{
	char text[24];
	if (p->v2) {
		if (put(p, name, "memory.max", number(most, "max", text)) < 0)
			return -1;
		/* All of it ends when a part must; and swap is no way around. */
		return put_if_there(p, name, "memory.oom.group", "1") < 0 ||
				       put_if_there(p, name, "memory.swap.max",
						    most ? "0" : "max") < 0
			       ? -1
			       : 0;
	}
	/* With swap it must never be the smaller one, so it is lifted first. */
	number(most, "-1", text);
	const char *value = most ? text : "-1";
	if (put_if_there(p, name, "memory.memsw.limit_in_bytes", "-1") < 0 ||
	    put(p, name, "memory.limit_in_bytes", value) < 0)
		return -1;
	return put_if_there(p, name, "memory.memsw.limit_in_bytes", value);
}

enum { PERIOD_US = 100000, QUOTA_LEAST_US = 1000 };

static int limit_cpu(const struct cgroup_place *p, const struct replica_name *name, int64_t milli)
{
	char text[48], quota[24];
	int64_t us = milli > INT64_MAX / PERIOD_US ? INT64_MAX / 1000 : milli * (PERIOD_US / 1000);
	if (us && us < QUOTA_LEAST_US)
		us = QUOTA_LEAST_US;
	if (!p->v2)
		return put(p, name, "cpu.cfs_quota_us", number(us, "-1", quota));
	snprintf(text, sizeof(text), "%s %d", number(us, "max", quota), PERIOD_US);
	return put(p, name, "cpu.max", text);
}

int cgroup_limit(const struct cgroups *all, const struct replica_name *name,
		 const struct limits *limits)
{
	char text[24];
	for (unsigned i = 0; i < all->n; i++) {
		const struct cgroup_place *p = &all->place[i];
		if (p->parts & CGROUP_MEMORY && limit_memory(p, name, limits->memory) < 0)
			return -1;
		if (p->parts & CGROUP_CPU && limit_cpu(p, name, limits->cpu_milli) < 0)
			return -1;
		if (p->parts & CGROUP_PIDS &&
		    put(p, name, "pids.max", number(limits->pids, "max", text)) < 0)
			return -1;
	}
	return 0;
}

static const struct cgroup_place *newest(const struct cgroups *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->place[i].v2)
			return &all->place[i];
	return NULL;
}

/* Moving a process waits until all processors have taken note of it: milliseconds. Being
 * born in its place, and moving one's own only thread, does not. */
pid_t cgroup_fork(const struct cgroups *all, const struct replica_name *name, bool *ret_born)
{
	char path[FILE_PATH_MAX];
	const struct cgroup_place *p = newest(all);
	int fd = p ? open(path_of(p, name, "", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	pid_t pid = -1;
	*ret_born = true; /* as the child sees it */
	if (fd >= 0) {
		struct clone_args how = {
			.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)fd};
		pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
		close(fd);
	}
	if (pid >= 0)
		return pid;
	*ret_born = false;
	return fork();
}

static int join(const struct cgroup_place *p, const struct replica_name *name)
{
	if (!p->v2 && put(p, name, "tasks", "0") == 0)
		return 0;
	return put(p, name, "cgroup.procs", "0");
}

int cgroup_join(const struct cgroups *all, const struct replica_name *name, bool born)
{
	for (unsigned i = 0; i < all->n; i++) {
		const struct cgroup_place *p = &all->place[i];
		if (!(born && p->v2) && join(p, name) < 0)
			return -1;
	}
	return 0;
}

/* ---- ending ---- */

/** Kill each process that is in it now; how many there were. */
static unsigned kill_each(const struct cgroup_place *p, const struct replica_name *name)
{
	char text[TEXT_MAX], path[FILE_PATH_MAX];
	unsigned n = 0;
	FILE *list = fopen(path_of(p, name, "cgroup.procs", path), "re");
	while (list && fgets(text, sizeof(text), list)) {
		long pid = strtol(text, NULL, 10);
		if (pid > 1)
			kill((pid_t)pid, SIGKILL);
		n++;
	}
	if (list)
		fclose(list);
	return n;
}

/** One round: with one word where the kernel has it, else held still meanwhile. */
static unsigned kill_round(const struct cgroup_place *p, const struct replica_name *name)
{
	if (p->v2 && put(p, name, "cgroup.kill", "1") == 0) {
		char text[TEXT_MAX];
		return get(p, name, "cgroup.procs", text) > 0;
	}
	const char *file = p->v2 ? "cgroup.freeze" : "freezer.state";
	bool frozen = put(p, name, file, p->v2 ? "1" : "FROZEN") == 0;
	unsigned n = kill_each(p, name);
	if (frozen && put(p, name, file, p->v2 ? "0" : "THAWED") < 0)
		n++; /* it must be thawed to die: another round */
	return n;
}

static void kill_in(const struct cgroup_place *p, const struct replica_name *name)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		if (kill_round(p, name) == 0)
			return;
		poll(NULL, 0, round ? PAUSE_MS : 0); /* until they are dead */
	}
}

/* Those where a whole group can be held still, or the others. */
static void kill_where(const struct cgroups *all, const struct replica_name *name, bool still)
{
	for (unsigned i = 0; i < all->n; i++)
		if (still == !!(all->place[i].parts & CGROUP_TREE))
			kill_in(&all->place[i], name);
}

void cgroup_kill(const struct cgroups *all, const struct replica_name *name)
{
	/* First where it can be held still: a fork bomb outruns one kill after another. */
	kill_where(all, name, true);
	kill_where(all, name, false);
}

/** The number behind `key` in lines of "key number", or 0. */
static uint64_t value_of(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *at = text; (at = strstr(at, key)); at += len) {
		if ((at == text || at[-1] == '\n') && at[len] == ' ')
			return strtoull(at + len, NULL, 10);
	}
	return 0;
}

void cgroup_events(const struct cgroups *all, const struct replica_name *name,
		   struct cgroup_events *ret)
{
	*ret = (struct cgroup_events){0};
	for (unsigned i = 0; i < all->n; i++) {
		const struct cgroup_place *p = &all->place[i];
		char text[TEXT_MAX];
		const char *file = p->v2 ? "memory.events" : "memory.oom_control";
		if (p->parts & CGROUP_MEMORY && get(p, name, file, text) > 0)
			ret->oom_kills += value_of(text, "oom_kill");
		if (p->parts & CGROUP_PIDS && get(p, name, "pids.events", text) > 0)
			ret->pids_refused += value_of(text, "max");
	}
}

/** A replica that runs as root may have made groups of its own in it. */
static void remove_inner(const char *path, unsigned depth)
{
	char inner[FILE_PATH_MAX];
	DIR *list = opendir(path);
	for (struct dirent *e; list && (e = readdir(list));) {
		if (e->d_type != DT_DIR || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 || depth == 0)
			continue;
		if (snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name) >= FILE_PATH_MAX)
			continue;
		remove_inner(inner, depth - 1);
		rmdir(inner);
	}
	if (list)
		closedir(list);
}

void cgroup_remove(const struct cgroups *all, const struct replica_name *name)
{
	char path[FILE_PATH_MAX];
	for (unsigned i = 0; i < all->n; i++) {
		path_of(&all->place[i], name, "", path);
		for (unsigned round = 0; rmdir(path) < 0 && errno == EBUSY && round < REMOVE_ROUNDS;
		     round++) {
			remove_inner(path, INNER_DEPTH_MAX);
			poll(NULL, 0, PAUSE_MS); /* the last one is still on its way out */
		}
	}
	cgroups_leave(all);
}

/* ---- the note ---- */

int cgroup_note_write(int dir, const struct cgroups *all)
{
	char text[NOTE_MAX];
	size_t len = 0;
	if (all->n == 0)
		return 0;
	for (unsigned i = 0; i < all->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u %d %s\n",
					all->place[i].parts, all->place[i].v2, all->place[i].path);
	int fd = openat(dir, "cgroup", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return SL_E_IO;
	bool whole = write(fd, text, len) == (ssize_t)len;
	close(fd);
	return whole ? 0 : SL_E_IO;
}

/** One line: the parts, the version, an absolute path that leads nowhere else. */
static bool read_place(char *line, struct cgroup_place *ret)
{
	unsigned v2;
	int path = 0;
	if (sscanf(line, "%4u %1u %n", &ret->parts, &v2, &path) != 2 || !path || v2 > 1 ||
	    ret->parts > CGROUP_ALL || line[path] != '/' || strstr(line + path, "/../") ||
	    strlen(line + path) >= sizeof(ret->path))
		return false;
	ret->v2 = v2;
	snprintf(ret->path, sizeof(ret->path), "%s", line + path);
	return true;
}

static bool read_places(char *text, struct cgroups *ret)
{
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end || ret->n == CGROUP_PLACES_MAX)
			return false;
		*end = '\0';
		if (!read_place(line, &ret->place[ret->n]))
			return false;
		ret->n++;
	}
	return true;
}

void cgroup_note_read(int dir, struct cgroups *ret)
{
	char text[NOTE_MAX + 1];
	*ret = (struct cgroups){0};
	int fd = openat(dir, "cgroup", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	ssize_t n = read(fd, text, NOTE_MAX);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n < 0 || strlen(text) != (size_t)n || !read_places(text, ret))
		*ret = (struct cgroups){0};
}
