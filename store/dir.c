#include "store/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *path, const char *what, struct sl_error *err)
{
	return sl_fail(err, SL_E_IO, "store %s: cannot %s: %s", path, what, strerror(errno));
}

int dir_open(const char *path, bool create, struct dir *ret, struct sl_error *err)
{
	if (create && mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(path, "create the directory", err);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(path, "open the directory", err);
	*ret = (struct dir){path, fd, -1};
	return 0;
}

void dir_close(struct dir *dir)
{
	if (dir->lock_fd >= 0)
		close(dir->lock_fd);
	if (dir->fd >= 0)
		close(dir->fd);
	dir->lock_fd = dir->fd = -1;
}

bool dir_has(const struct dir *dir, const char *name)
{
	struct stat st;
	return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- whose it is ---- */

/* Members of its group may write where an administrator lets them, as Kubernetes does. */
static int check_own(const struct dir *dir, const char *file, const struct stat *st,
		     struct sl_error *err)
{
	if (st->st_mode & S_IWOTH)
		return sl_fail(
			err, SL_E_DENIED,
			"store %s: everybody may write to it (mode %03o of %s): look who did, "
			"then chmod o-w; it was left alone",
			dir->path, (unsigned)(st->st_mode & 0777), file);
	if (geteuid() && st->st_uid && st->st_uid != geteuid())
		return sl_fail(err, SL_E_DENIED,
			       "store %s: %s belongs to the user %u and this is user %u: run it as "
			       "that user, or chown it; it was left alone",
			       dir->path, file, (unsigned)st->st_uid, (unsigned)geteuid());
	return 0;
}

int dir_check_own(const struct dir *dir, struct sl_error *err)
{
	struct stat st;
	if (fstat(dir->fd, &st) < 0)
		return fail(dir->path, "look at it", err);
	int rc = check_own(dir, "the folder", &st, err);
	if (rc || fstatat(dir->fd, DIR_DATA_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return rc; /* no file, no fault */
	if (!S_ISREG(st.st_mode))
		return sl_fail(err, SL_E_DENIED,
			       "store %s: " DIR_DATA_FILE " is a link or no file; give the folder "
			       "where it lies; it was left alone",
			       dir->path);
	return check_own(dir, DIR_DATA_FILE, &st, err);
}

/* ---- lock ---- */

/** Say who has the lock. Its owner writes the pid after it got the lock, so it may be
 * missing for a moment. */
static int taken(const char *path, int fd, struct sl_error *err)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;
	if (pid > 0)
		return sl_fail(err, SL_E_CONFLICT, "another sluiced (pid %ld) uses the store %s",
			       pid, path);
	return sl_fail(err, SL_E_CONFLICT, "another sluiced uses the store %s", path);
}

static int lock_with(struct dir *dir, int fd, int how, struct sl_error *err)
{
	if (flock(fd, how | LOCK_NB) == 0) {
		dir->lock_fd = fd;
		return 0;
	}
	int rc = errno == EWOULDBLOCK ? taken(dir->path, fd, err) : fail(dir->path, "lock", err);
	close(fd);
	return rc;
}

int dir_lock(struct dir *dir, struct sl_error *err)
{
	int fd = openat(dir->fd, DIR_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(dir->path, "open " DIR_LOCK_FILE, err);
	int rc = lock_with(dir, fd, LOCK_EX, err);
	if (rc)
		return rc;
	char pid[16];
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) < 0)
		pid[0] = '\0'; /* only words for others; a full disk must not keep us out */
	return 0;
}

int dir_lock_shared(struct dir *dir, struct sl_error *err)
{
	int fd = openat(dir->fd, DIR_LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(dir->path, "open " DIR_LOCK_FILE, err);
	return lock_with(dir, fd, LOCK_SH, err);
}

/* ---- contents ---- */

static bool may_be_there(const char *name)
{
	static const char *const known[] = {".",           "..",       DIR_DATA_FILE,
					    DIR_LOCK_FILE, "lock.mdb", "lost+found"};
	for (size_t i = 0; i < countof(known); i++)
		if (strcmp(name, known[i]) == 0)
			return true;
	return false;
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int dir_check_empty(const struct dir *dir, struct sl_error *err)
{
	scoped(closedirp) DIR *d = opendir(dir->path);
	if (!d)
		return fail(dir->path, "read the directory", err);
	const struct dirent *e;
	while ((e = readdir(d)))
		if (!may_be_there(e->d_name))
			return sl_fail(err, SL_E_CORRUPT,
				       "store %s: holds other files (%s) and no store; give an "
				       "empty directory",
				       dir->path, e->d_name);
	return 0;
}

int dir_empty_data(const struct dir *dir, struct sl_error *err)
{
	int fd = openat(dir->fd, DIR_DATA_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(dir->path, "empty " DIR_DATA_FILE, err);
	close(fd);
	return 0;
}

int dir_sync(const struct dir *dir, struct sl_error *err)
{
	int parent = openat(dir->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fsync(dir->fd) < 0 ? fail(dir->path, "flush the directory", err) : 0;
	/* A parent that may not be opened cannot be flushed; it is old, as a rule. */
	if (parent >= 0) {
		if (!rc && fsync(parent) < 0)
			rc = fail(dir->path, "flush the parent directory", err);
		close(parent);
	}
	return rc;
}
