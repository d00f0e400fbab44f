#include "runtime/local/rundir.h"

#include "runtime/local/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BOOT_ID_SIZE = 37 };

static const char *job_path(struct uuid job, char out[RUNDIR_PATH_SIZE])
{
	char id[UUID_TEXT_SIZE];
	snprintf(out, RUNDIR_PATH_SIZE, "run/%s", uuid_format(job, id));
	return out;
}

const char *rundir_attempt(const struct replica_name *n, char out[RUNDIR_PATH_SIZE])
{
	snprintf(out, RUNDIR_PATH_SIZE, "%u-%u-%u", n->role, n->index, n->attempt);
	return out;
}

const char *rundir_path(const struct replica_name *n, char out[RUNDIR_PATH_SIZE])
{
	char id[UUID_TEXT_SIZE];
	snprintf(out, RUNDIR_PATH_SIZE, "run/%s/%u-%u-%u", uuid_format(n->job, id), n->role,
		 n->index, n->attempt);
	return out;
}

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static void close_if(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool boot_id(char out[BOOT_ID_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, out, BOOT_ID_SIZE - 1);
	close(fd);
	out[n > 0 ? n : 0] = 0;
	return n == BOOT_ID_SIZE - 1;
}

static struct flock whole(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/** The lock file, held, with the boot id in it. */
static int make_lock(int dir)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	char boot[BOOT_ID_SIZE] = "";
	size_t len = boot_id(boot) ? BOOT_ID_SIZE - 1 : 0;
	struct flock lock = whole(F_WRLCK);
	if (fcntl(fd, F_SETLK, &lock) == 0 && write(fd, boot, len) == (ssize_t)len)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/** run/, durable, and run/JOB; a descriptor of the latter or -1. `*ret_run`: that of the
 * former, which does not have the latter on disk yet, or -1. */
static int open_job(int data, struct uuid job, int *ret_run)
{
	char path[RUNDIR_PATH_SIZE];
	if (mkdirat(data, "run", 0700) == 0)
		fsync(data);
	else if (errno != EEXIST)
		return -1;
	int run = open_dir(data, "run");
	if (run < 0)
		return -1;
	const char *id = job_path(job, path) + strlen("run/");
	bool fresh = mkdirat(run, id, 0700) == 0;
	int dir = fresh || errno == EEXIST ? open_dir(run, id) : -1;
	int saved = errno;
	*ret_run = fresh && dir >= 0 ? run : -1;
	if (*ret_run < 0)
		close(run);
	errno = saved;
	return dir;
}

static void discard(int job, const char *aside, struct rundir *r)
{
	int saved = errno;
	if (r->dir >= 0) {
		unlinkat(r->dir, "lock", 0);
		unlinkat(r->dir, "outcome.new", 0);
		close(r->dir);
	}
	if (r->lock >= 0)
		close(r->lock);
	unlinkat(job, aside, AT_REMOVEDIR);
	errno = saved;
}

/** Build it aside, then give it its name unless that exists. */
static int make(int job, const struct replica_name *name, struct rundir *ret)
{
	char aside[RUNDIR_PATH_SIZE], attempt[RUNDIR_PATH_SIZE];
	struct rundir r = {.dir = -1, .lock = -1, .job = -1, .run = -1};
	snprintf(aside, sizeof(aside), ".new-%ld", (long)getpid());
	rundir_attempt(name, attempt);
	if (mkdirat(job, aside, 0700) < 0 && errno != EEXIST)
		return SL_E_IO;
	r.dir = open_dir(job, aside);
	if (r.dir >= 0)
		unlinkat(r.dir, "lock", 0); /* left by an earlier process of this id */
	if (r.dir >= 0 && (r.lock = make_lock(r.dir)) >= 0 && outcome_reserve(r.dir) == 0 &&
	    renameat2(job, aside, job, attempt, RENAME_NOREPLACE) == 0) {
		*ret = r;
		return 0;
	}
	bool exists = errno == EEXIST;
	discard(job, aside, &r);
	return exists ? SL_E_CONFLICT : SL_E_IO;
}

int rundir_create(int data, const struct replica_name *name, struct rundir *ret,
		  struct sl_error *err)
{
	int run = -1, job = open_job(data, name->job, &run);
	int rc = job < 0 ? SL_E_IO : make(job, name, ret);
	if (rc == 0) {
		ret->job = job;
		ret->run = run;
		return 0;
	}
	sl_fail(err, (enum sl_err)rc, "run directory: %s", strerror(errno));
	close_if(&job);
	close_if(&run);
	return rc;
}

static bool flushed(int dir) { return dir < 0 || fsync(dir) == 0 || errno == EINVAL; }

int rundir_flush(struct rundir *r)
{
	/* run/ after what lies in it: with a journal that has written both. */
	int rc = flushed(r->job) && flushed(r->run) ? 0 : SL_E_IO, saved = errno;
	close_if(&r->job);
	close_if(&r->run);
	errno = saved;
	return rc;
}

int rundir_open(int data, const struct replica_name *name)
{
	char path[RUNDIR_PATH_SIZE];
	return open_dir(data, rundir_path(name, path));
}

static int holder_pid(int lock_fd)
{
	struct flock lock = whole(F_WRLCK);
	if (fcntl(lock_fd, F_GETLK, &lock) < 0)
		return SL_E_IO;
	if (lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : SL_E_IO; /* 0: of another pid namespace */
}

int rundir_holder(int dir, int *ret_pidfd)
{
	int fd = openat(dir, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : SL_E_IO;
	int pid, pidfd = -1;
	while ((pid = holder_pid(fd)) > 0) {
		pidfd = pidfd_open(pid, 0);
		/* Whoever still holds it now held it all the time, so this is its pidfd. */
		if (pidfd >= 0 && holder_pid(fd) == pid)
			break;
		bool gone = pidfd >= 0 || errno == ESRCH;
		if (pidfd >= 0)
			close(pidfd);
		if (!gone) {
			pid = SL_E_IO;
			break;
		}
	}
	close(fd);
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

bool rundir_same_boot(int dir)
{
	char now[BOOT_ID_SIZE], then[BOOT_ID_SIZE] = "";
	int fd = openat(dir, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, then, BOOT_ID_SIZE - 1);
	close(fd);
	return n == BOOT_ID_SIZE - 1 && boot_id(now) && memcmp(now, then, sizeof(now)) == 0;
}

/** Remove one attempt with its files, unless it is held. Is it gone? */
static bool remove_attempt(int job, const char *name)
{
	static const char *const files[] = {"started",     "started.new", "outcome",
					    "outcome.new", "cgroup",      "lock"};
	int dir = open_dir(job, name), pidfd;
	if (dir < 0)
		return false;
	int holder = rundir_holder(dir, &pidfd);
	if (holder > 0)
		close(pidfd);
	for (size_t i = 0; holder == 0 && i < countof(files); i++)
		unlinkat(dir, files[i], 0);
	close(dir);
	return holder == 0 && unlinkat(job, name, AT_REMOVEDIR) == 0;
}

bool rundir_forget_some(int data, struct uuid job, unsigned max)
{
	char path[RUNDIR_PATH_SIZE];
	int fd = open_dir(data, job_path(job, path));
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	unsigned removed = 0;
	for (struct dirent *e; removed < max && (e = readdir(list));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			removed += remove_attempt(fd, e->d_name);
	}
	closedir(list);
	/* What could not be removed now cannot be removed by coming back at once. */
	return unlinkat(data, path, AT_REMOVEDIR) < 0 && removed == max;
}
