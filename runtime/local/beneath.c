#include "runtime/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { AGAIN_MAX = 16 }; /* The kernel saw something moved on the way. */

/* NONBLOCK: a pipe that has taken the place of a file meanwhile does not hold us. */
static const int reading = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
static const int looking = O_PATH | O_CLOEXEC | O_NOFOLLOW;

typedef int (*open_fn)(int dir, const char *path, int flags);

static int fail(int fd, int error)
{
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

/* A file with several names may have been linked in here by one who may not read it. */
static bool may_serve(int dir, const struct stat *st)
{
	struct stat top;
	if (S_ISDIR(st->st_mode))
		return true;
	if (!S_ISREG(st->st_mode))
		return false;
	return st->st_nlink <= 1 || (fstat(dir, &top) == 0 && top.st_uid == st->st_uid);
}

static int check(int dir, int fd, struct stat *ret)
{
	if (fd < 0)
		return -1;
	if (fstat(fd, ret) < 0)
		return fail(fd, errno);
	if (S_ISLNK(ret->st_mode))
		return fail(fd, ELOOP);
	return may_serve(dir, ret) ? fd : fail(fd, ENOTSUP);
}

/* Looked at first, as opening a device or a pipe already does something. */
static int open_by(open_fn open_it, int dir, const char *path, struct stat *ret)
{
	int fd = check(dir, open_it(dir, path, looking), ret);
	if (fd < 0)
		return -1;
	close(fd);
	return check(dir, open_it(dir, path, reading), ret);
}

/* ---- in one call ---- */

static int open_at_once(int dir, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)flags,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
					  RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
	long fd = -1;
	for (int i = 0; i < AGAIN_MAX; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return (int)fd;
}

/* ---- step by step ---- */

static int step(int dir, struct bytes name, int flags)
{
	char text[NAME_MAX + 1];
	if (name.len > NAME_MAX)
		return fail(-1, ENAMETOOLONG);
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	return openat(dir, text, flags);
}

/* A folder on the way: a link is told as such. */
static int step_down(int dir, struct bytes name, dev_t dev)
{
	struct stat st;
	int fd = step(dir, name, looking);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail(fd, errno);
	if (!S_ISDIR(st.st_mode))
		return fail(fd, S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR);
	return st.st_dev == dev ? fd : fail(fd, EXDEV);
}

static void close_quietly(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
}

static int last_step(int at, const char *name, int flags, dev_t dev)
{
	struct stat st;
	int fd = strcmp(name, "..") == 0 ? fail(-1, EXDEV) : step(at, bytes_str(name), flags);
	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_dev != dev))
		return fail(fd, EXDEV);
	return fd;
}

static int open_by_steps(int dir, const char *path, int flags)
{
	struct stat top;
	int at = openat(dir, ".", looking | O_DIRECTORY);
	if (at < 0 || fstat(at, &top) < 0)
		return fail(at, errno);
	for (size_t len; path[len = strcspn(path, "/")]; path += len + 1) {
		struct bytes name = bytes_of(path, len);
		bool odd = len == 0 || bytes_is(name, ".") || bytes_is(name, "..");
		int next = odd ? fail(-1, EXDEV) : step_down(at, name, top.st_dev);
		close_quietly(at);
		if (next < 0)
			return -1;
		at = next;
	}
	int fd = last_step(at, path, flags, top.st_dev);
	close_quietly(at);
	return fd;
}

int beneath_walk(int dir, const char *path, struct stat *ret)
{
	return open_by(open_by_steps, dir, *path ? path : ".", ret);
}

int beneath_open(int dir, const char *path, struct stat *ret)
{
	int fd = open_by(open_at_once, dir, *path ? path : ".", ret);
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	return beneath_walk(dir, path, ret);
}
