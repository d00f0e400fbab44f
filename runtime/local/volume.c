#include "runtime/local/volume.h"

#include "runtime/local/rundir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 256 }; /* One descriptor each. */

/** WORK/.volumes/2-0-1, where the emptyDir volumes of one attempt lie. */
static void own_dir(const struct plan *plan, const char *work_dir, char out[PATH_MAX])
{
	char attempt[RUNDIR_PATH_SIZE];
	snprintf(out, PATH_MAX, "%s/.volumes/%s", work_dir, rundir_attempt(&plan->name, attempt));
}

char *volume_variable(const struct plan *plan, const char *name, const char *path,
		      const char *work_dir)
{
	char upper[PLAN_ROLE_MAX + 1], own[PATH_MAX], *text;
	size_t i = 0;
	for (; name[i] && i < PLAN_ROLE_MAX; i++)
		upper[i] = isalnum((unsigned char)name[i]) ? (char)toupper(name[i]) : '_';
	upper[i] = 0;
	own_dir(plan, work_dir, own);
	int n = *path ? asprintf(&text, "SLUICE_VOLUME_%s=%s", upper, path)
		      : asprintf(&text, "SLUICE_VOLUME_%s=%s/%s", upper, own, name);
	return n < 0 ? NULL : text;
}

/* Replicas of the job may be writing in its work directory, and we are not barred from
 * anything: every step down is taken from an open directory, and never through a link. */

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int close_keeping_errno(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/** Make `name`, step down into it from `at`, which is closed; -1 with errno. */
static int make_inside(int at, const char *name, const struct identity *user)
{
	if (at < 0)
		return -1;
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return close_keeping_errno(at);
	int fd = open_dir(at, name);
	close_keeping_errno(at);
	if (fd >= 0 && identity_other(user) && fchown(fd, user->uid, (gid_t)-1) < 0)
		return close_keeping_errno(fd);
	return fd;
}

int volume_make_all(const struct plan *plan, const char *work_dir, const struct identity *user)
{
	char attempt[RUNDIR_PATH_SIZE];
	const char *name = plan->volumes;
	rundir_attempt(&plan->name, attempt);
	for (uint32_t i = 0; i < plan->volumec; i++, name = plan_after(plan_after(name))) {
		if (*plan_after(name))
			continue;
		int fd = make_inside(open_dir(AT_FDCWD, work_dir), ".volumes", user);
		fd = make_inside(make_inside(fd, attempt, user), name, user);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return 0;
}

static void remove_tree(int at, const char *name, unsigned depth);

static void remove_inside(int dir, unsigned depth)
{
	DIR *list = fdopendir(dir);
	if (!list) {
		close(dir);
		return;
	}
	for (struct dirent *e; (e = readdir(list));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(dirfd(list), e->d_name, depth);
	closedir(list);
}

static bool same_device(int a, int b)
{
	struct stat one, other;
	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev;
}

/** What resists stays, and the rest goes on. */
static void remove_tree(int at, const char *name, unsigned depth)
{
	if (unlinkat(at, name, 0) == 0 || depth == 0)
		return;
	int dir = open_dir(at, name);
	if (dir >= 0 && same_device(at, dir))
		remove_inside(dir, depth - 1);
	else if (dir >= 0)
		close(dir);
	unlinkat(at, name, AT_REMOVEDIR);
}

void volume_remove_all(const struct plan *plan, const char *work_dir)
{
	char attempt[RUNDIR_PATH_SIZE];
	if (plan->volumec == 0)
		return;
	int work = open_dir(AT_FDCWD, work_dir), all = work < 0 ? -1 : open_dir(work, ".volumes");
	if (all >= 0) {
		remove_tree(all, rundir_attempt(&plan->name, attempt), DEPTH_MAX);
		close(all);
		unlinkat(work, ".volumes", AT_REMOVEDIR); /* the last one out */
	}
	if (work >= 0)
		close(work);
}
