/* Stands in for calls of the C library: see faults.h. */
#undef _FILE_OFFSET_BITS /* both names of a function are made here */
#include "tests/lib/faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

static bool fails(enum fault which)
{
	int error = fault_due(which);
	if (error)
		errno = error;
	return error != 0;
}

/* ---- files ---- */

/* Only what is made or written: programs of the test read their settings. */
static bool is_written(int flags) { return (flags & (O_CREAT | O_WRONLY | O_RDWR)) != 0; }

static mode_t mode_of(int flags, va_list list)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list list;
	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	if (is_written(flags) && fails(FAULT_OPEN))
		return -1;
	return REAL("open", int (*)(const char *, int, ...))(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	va_list list;
	va_start(list, flags);
	mode_t mode = mode_of(flags, list);
	va_end(list);
	if (is_written(flags) && fails(FAULT_OPEN))
		return -1;
	return REAL("openat", int (*)(int, const char *, int, ...))(at, path, flags, mode);
}

/* The same functions under the names that programs with large files know. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));

int mkdirat(int at, const char *path, mode_t mode)
{
	if (fails(FAULT_MKDIR))
		return -1;
	return REAL("mkdirat", int (*)(int, const char *, mode_t))(at, path, mode);
}

static bool is_file(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *from, size_t n)
{
	if (fd > 2 && is_file(fd) && fails(FAULT_WRITE))
		return -1;
	return REAL("write", ssize_t(*)(int, const void *, size_t))(fd, from, n);
}

/* What is durable when the call returns, as the page that ends a commit is. */
static enum fault write_of(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && flags & O_DSYNC ? FAULT_META : FAULT_PWRITE;
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
	if (fails(write_of(fd)))
		return -1;
	return REAL("pwrite", ssize_t(*)(int, const void *, size_t, off_t))(fd, from, n, at);
}

ssize_t pwritev(int fd, const struct iovec *from, int n, off_t at)
{
	if (fails(write_of(fd)))
		return -1;
	return REAL("pwritev", ssize_t(*)(int, const struct iovec *, int, off_t))(fd, from, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) __attribute__((alias("pwrite")));

int fdatasync(int fd)
{
	if (fails(FAULT_FDATASYNC))
		return -1;
	return REAL("fdatasync", int (*)(int))(fd);
}

/* ---- connections, processes, threads ---- */

int accept(int fd, struct sockaddr *who, socklen_t *size)
{
	if (fails(FAULT_ACCEPT))
		return -1;
	return REAL("accept", int (*)(int, struct sockaddr *, socklen_t *))(fd, who, size);
}

int socket(int family, int type, int protocol)
{
	if (fails(FAULT_SOCKET))
		return -1;
	return REAL("socket", int (*)(int, int, int))(family, type, protocol);
}

int epoll_ctl(int fd, int what, int other, struct epoll_event *event)
{
	if (what == EPOLL_CTL_ADD && fails(FAULT_EPOLL_CTL))
		return -1;
	return REAL("epoll_ctl", int (*)(int, int, int, struct epoll_event *))(fd, what, other,
									       event);
}

pid_t fork(void)
{
	if (fails(FAULT_FORK))
		return -1;
	return REAL("fork", pid_t(*)(void))();
}

int posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *first,
		const posix_spawnattr_t *how, char *const argv[], char *const env[])
{
	int error = fault_due(FAULT_FORK);
	if (error)
		return error;
	return REAL("posix_spawn",
		    int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			    const posix_spawnattr_t *, char *const[],
			    char *const[]))(ret, path, first, how, argv, env);
}

int pthread_create(pthread_t *ret, const pthread_attr_t *how, void *(*run)(void *), void *user)
{
	int error = fault_due(FAULT_THREAD);
	if (error)
		return error;
	return REAL("pthread_create", int (*)(pthread_t *, const pthread_attr_t *,
					      void *(*)(void *), void *))(ret, how, run, user);
}

/* ---- the time of day ---- */

static int64_t shift_ms(void)
{
	struct faults *page = faults_page();
	return page ? __atomic_load_n(&page->wall_ms, __ATOMIC_RELAXED) : 0;
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
	int rc = REAL("clock_gettime", int (*)(clockid_t, struct timespec *))(which, ret);
	if (rc == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
		ret->tv_sec += shift_ms() / 1000;
	return rc;
}

time_t time(time_t *ret)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	int rc = REAL("gettimeofday", int (*)(struct timeval *, void *))(ret, zone);
	if (rc == 0)
		ret->tv_sec += shift_ms() / 1000;
	return rc;
}
