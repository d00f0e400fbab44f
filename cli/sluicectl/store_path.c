#include "cli/sluicectl/store_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READERS_MAX = 8 };

static const size_t size_max = (size_t)64 << 30; /* address space only */

static bool has_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	return n > 0 && (size_t)n < sizeof(path) && lstat(path, &st) == 0;
}

static int join(char to[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(to, PATH_MAX, "%s%s%s", dir, *name ? "/" : "", name);
	return n < 0 || n >= PATH_MAX ? ctl_fail(CTL_REFUSED, "%.80s...: the path is too long", dir)
				      : CTL_DONE;
}

/* A backup in one file begins with the store: it gets the name that it needs by a link. */
static int find_file(const char *path, struct store_path *ret)
{
	char whole[PATH_MAX], name[PATH_MAX + 16];
	const char *tmp = getenv("TMPDIR");
	snprintf(ret->dir, sizeof(ret->dir), "%s/sluicectl-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!realpath(path, whole) || !mkdtemp(ret->dir)) {
		*ret->dir = '\0';
		return ctl_fail(CTL_REFUSED, "%s: %s", path, strerror(errno));
	}
	ret->linked = true;
	snprintf(name, sizeof(name), "%s/data.mdb", ret->dir);
	return symlink(whole, name) < 0 ? ctl_fail(CTL_REFUSED, "%s: %s", name, strerror(errno))
					: CTL_DONE;
}

void store_path_fini(struct store_path *path)
{
	char name[PATH_MAX + 16];
	if (!path->linked)
		return;
	snprintf(name, sizeof(name), "%s/data.mdb", path->dir);
	unlink(name);
	rmdir(path->dir);
}

int store_path_find(const char *path, struct store_path *ret)
{
	struct stat st;
	*ret = (struct store_path){.data = ""};
	if (stat(path, &st) != 0)
		return ctl_fail(CTL_REFUSED, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return find_file(path, ret);
	if (has_file(path, "data.mdb"))
		return join(ret->dir, path, "");
	if (has_file(path, "store")) {
		int code = join(ret->data, path, "");
		return code ? code : join(ret->dir, path, "store");
	}
	ctl_fail(CTL_REFUSED, "%s: holds no store", path);
	ctl_next("name the data directory of a gateway that does not run, or a backup");
	return CTL_REFUSED;
}

int store_path_open(const struct store_path *path, struct store **ret)
{
	struct store_config config = {.path = path->dir,
				      .size_max = size_max,
				      .readers_max = READERS_MAX,
				      .read_only = true};
	struct sl_error err = {0};
	int rc = store_open_lmdb(&config, ret, &err);
	if (!rc)
		return CTL_DONE;
	ctl_fail(CTL_REFUSED, "%s", err.text);
	if (rc == SL_E_CONFLICT)
		ctl_next("stop that gateway first, or check a backup of it: sluicectl backup");
	return rc == SL_E_CORRUPT ? STORE_UNREADABLE : CTL_REFUSED;
}
