#include "runtime/local/release.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 256 }; /* One descriptor each. */

static int open_folder(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void open_up(int dir)
{
	struct stat st;
	if (fstat(dir, &st) < 0 || (st.st_gid == getegid() && (st.st_mode & 0070) == 0070))
		return;
	if (fchown(dir, (uid_t)-1, getegid()) == 0 && fchmod(dir, (st.st_mode & 07777) | 0070) < 0)
		return;
}

/** `dir` is closed. */
static void release_folder(int dir, unsigned depth)
{
	open_up(dir);
	DIR *list = fdopendir(dir);
	if (!list) {
		close(dir);
		return;
	}
	for (struct dirent *e; depth && (e = readdir(list));) {
		bool folder = e->d_type == DT_DIR || e->d_type == DT_UNKNOWN;
		bool self = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
		int inner = !folder || self ? -1 : open_folder(dirfd(list), e->d_name);
		if (inner >= 0)
			release_folder(inner, depth - 1);
	}
	closedir(list);
}

void release_work(int data, struct uuid job)
{
	char path[sizeof("work/") + UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
	snprintf(path, sizeof(path), "work/%s", uuid_format(job, id));
	int dir = open_folder(data, path);
	if (dir >= 0)
		release_folder(dir, DEPTH_MAX);
}
