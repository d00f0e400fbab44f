#include "runtime/local/volume.h"

#include "runtime/local/rundir.h"

#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WALK_FDS = 16 };

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

static int make(const char *path) { return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0; }

int volume_make_all(const struct plan *plan, const char *work_dir)
{
	char parent[PATH_MAX], own[PATH_MAX], path[PATH_MAX + PLAN_ROLE_MAX + 2];
	const char *name = plan->volumes;
	own_dir(plan, work_dir, own);
	snprintf(parent, sizeof(parent), "%s/.volumes", work_dir);
	for (uint32_t i = 0; i < plan->volumec; i++, name = plan_after(plan_after(name))) {
		if (*plan_after(name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", own, name);
		if (make(parent) < 0 || make(own) < 0 || make(path) < 0)
			return -1;
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *st SL_UNUSED, int kind,
		      struct FTW *at SL_UNUSED)
{
	int rc = kind == FTW_DP ? rmdir(path) : unlink(path);
	return rc < 0 ? 0 : rc; /* what resists stays, and the rest goes on */
}

void volume_remove_all(const struct plan *plan, const char *work_dir)
{
	char own[PATH_MAX], *last;
	if (plan->volumec == 0)
		return;
	own_dir(plan, work_dir, own);
	nftw(own, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	last = strrchr(own, '/');
	*last = 0;
	rmdir(own); /* the last one out */
}
