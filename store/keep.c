#include "store/keep.h"

#include "core/base/crash.h"
#include "store/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 256 << 10, COPIES_MAX = 100, SPARE = 16 << 20 };

static int fail(const char *path, const char *what, struct sl_error *err)
{
	enum sl_err code = errno == ENOSPC || errno == EDQUOT ? SL_E_FULL : SL_E_IO;
	return sl_fail(err, code, "store %s: it is of an older format, and %s cannot be %s: %s",
		       path, path, what, strerror(errno));
}

/* Without any '/' at its end: the copy lies beside, not inside. */
static int free_name(const char *path, long format, char ret[PATH_MAX])
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	for (int i = 1; i < COPIES_MAX; i++) {
		struct stat st;
		char more[16] = "";
		if (i > 1)
			snprintf(more, sizeof(more), "-%d", i);
		int n = snprintf(ret, PATH_MAX, "%.*s.format-%ld%s", (int)len, path, format, more);
		if (n < 0 || n >= PATH_MAX - 32) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (lstat(ret, &st) < 0 && errno == ENOENT)
			return 0;
	}
	errno = EEXIST;
	return -1;
}

static int copy_all(int from, int to, char *piece)
{
	ssize_t n;
	while ((n = read(from, piece, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (ssize_t done = 0; done < n;) {
			ssize_t m = write(to, piece + done, (size_t)(n - done));
			if (m < 0 && errno != EINTR)
				return -1;
			done += m < 0 ? 0 : m;
		}
	}
	return fsync(to);
}

static int copy_file(const struct dir *dir, const char *folder)
{
	char path[PATH_MAX + 32];
	char *piece = malloc(PIECE);
	snprintf(path, sizeof(path), "%s/" DIR_DATA_FILE, folder);
	int from = openat(dir->fd, DIR_DATA_FILE, O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = piece && from >= 0 && to >= 0 ? copy_all(from, to, piece) : -1;
	int why = errno;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	free(piece);
	if (!rc) {
		int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = at < 0 ? -1 : fsync(at);
		why = errno;
		if (at >= 0)
			close(at);
	}
	errno = why;
	return rc;
}

static int check_room(const struct dir *dir, struct sl_error *err)
{
	struct stat st;
	if (fstatat(dir->fd, DIR_DATA_FILE, &st, 0) < 0)
		return fail(dir->path, "read", err);
	int beside = openat(dir->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t left = disk_free(beside < 0 ? dir->fd : beside);
	if (beside >= 0)
		close(beside);
	if (left > (uint64_t)st.st_size + SPARE)
		return 0;
	return sl_fail(
		err, SL_E_FULL,
		"store %s: it is of an older format; moving it forward begins with a copy of "
		"%llu MiB beside it, and the disk has %llu MiB left: make room; it was left "
		"alone",
		dir->path, (unsigned long long)st.st_size >> 20, (unsigned long long)left >> 20);
}

int keep_copy(const struct dir *dir, long format, char ret[PATH_MAX], struct sl_error *err)
{
	char part[PATH_MAX + 8], file[PATH_MAX + 32];
	int rc = check_room(dir, err);
	if (rc)
		return rc;
	if (free_name(dir->path, format, ret))
		return fail(dir->path, "copied beside it", err);
	snprintf(part, sizeof(part), "%s.part", ret);
	bool good = mkdir(part, 0700) == 0 || errno == EEXIST;
	crash_at(CRASH_MOVE_BEGUN);
	good = good && copy_file(dir, part) == 0;
	crash_at(CRASH_MOVE_COPIED);
	good = good && rename(part, ret) == 0;
	crash_at(CRASH_MOVE_KEPT);
	if (good)
		return dir_sync(dir, err); /* its name in the folder above, too */
	rc = fail(dir->path, "copied beside it", err);
	snprintf(file, sizeof(file), "%s/" DIR_DATA_FILE, part);
	unlink(file);
	rmdir(part);
	return rc;
}
