#include "runtime/local/shield.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Rights newer than the kernel headers of our oldest build machine. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

/* The kernel's landlock_ruleset_attr, which those headers know the beginning of. */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};

static const uint64_t file_rights =
	LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

static const uint64_t dir_rights = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
				   LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
				   LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
				   LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
				   LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

struct ruleset {
	int fd;
	uint64_t rights;       /**< Those this kernel knows. */
	struct shield *folder; /**< The folders that are listed are noted here, or NULL. */
	bool flawed;           /**< Not all of them could be. */
};

/* ---- the folders that were listed ---- */

enum { STILL_MS = 100 }; /* the times of some file systems have steps of 10 ms */

static bool is_still(const struct stat *st)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t ms = (int64_t)(now.tv_sec - st->st_ctim.tv_sec) * 1000 +
		     (now.tv_nsec - st->st_ctim.tv_nsec) / 1000000;
	return ms > STILL_MS;
}

static void note_folder(struct ruleset *set, int dir)
{
	struct shield *s = set->folder;
	struct stat st;
	if (!s || set->flawed)
		return;
	int fd = s->n < SHIELD_FOLDERS_MAX && fstat(dir, &st) == 0 && is_still(&st)
			 ? fcntl(dir, F_DUPFD_CLOEXEC, 0)
			 : -1;
	if (fd < 0)
		set->flawed = true;
	else
		s->folder[s->n++] = (struct shield_folder){fd, st.st_nlink, st.st_ctim};
}

static bool is_same(const struct shield_folder *f)
{
	struct stat st;
	return fstat(f->fd, &st) == 0 && st.st_nlink == f->links &&
	       st.st_ctim.tv_sec == f->changed.tv_sec && st.st_ctim.tv_nsec == f->changed.tv_nsec;
}

static void forget(struct shield *s)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->mounts >= 0)
		close(s->mounts);
	for (unsigned i = 0; i < s->n; i++)
		close(s->folder[i].fd);
	*s = SHIELD_NONE;
}

void shield_check(struct shield *s)
{
	struct pollfd mounts = {.fd = s->mounts, .events = POLLPRI};
	bool same = s->fd >= 0 && poll(&mounts, 1, 0) == 0;
	for (unsigned i = 0; same && i < s->n; i++)
		same = is_same(&s->folder[i]);
	if (!same)
		forget(s);
}

/* ---- the ruleset ---- */

/** The rights of ruleset version `abi`: the second brought REFER, the third TRUNCATE. */
static uint64_t known_rights(long abi)
{
	uint64_t rights = file_rights | dir_rights;
	if (abi < 2)
		rights &= ~LANDLOCK_ACCESS_FS_REFER;
	if (abi < 3)
		rights &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
	return rights;
}

/** Allow `rights` on what `name` is and holds; 0 also where it is nothing to allow. */
static int allow(const struct ruleset *set, int at, const char *name, uint64_t rights)
{
	struct stat st;
	int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -1;
	int rc = fstat(fd, &st);
	if (rc == 0 && !S_ISLNK(st.st_mode)) {
		struct landlock_path_beneath_attr rule = {
			.allowed_access =
				set->rights & rights & (S_ISDIR(st.st_mode) ? ~0ULL : file_rights),
			.parent_fd = fd};
		rc = (int)syscall(SYS_landlock_add_rule, set->fd, LANDLOCK_RULE_PATH_BENEATH, &rule,
				  0);
		if (rc < 0 && errno == EBADFD) /* a thing without a place, like a socket */
			rc = 0;
	}
	close(fd);
	return rc;
}

/** A path that is not simply allowed, and what is allowed there instead. */
struct guard {
	const char *path;
	uint64_t rights;
};

enum nearness { APART, ABOVE, THERE };

static enum nearness near(const struct guard *guard, const char *path)
{
	size_t len = strlen(path);
	if (strncmp(guard->path, path, len) != 0)
		return APART;
	return guard->path[len] == 0 ? THERE : guard->path[len] == '/' ? ABOVE : APART;
}

/** All that lies in `dir` is allowed but what is guarded; that, as its guard says. */
static int allow_inside(struct ruleset *set, const char *dir, const struct guard *guard, size_t n)
{
	DIR *list = opendir(*dir ? dir : "/");
	int rc = 0;
	if (!list) {
		set->flawed = true; /* another time there may be something */
		return errno == EACCES || errno == ENOENT ? 0 : -1;
	}
	note_folder(set, dirfd(list));
	for (struct dirent *e; !rc && (e = readdir(list));) {
		char path[PATH_MAX];
		uint64_t rights = ~0ULL;
		enum nearness nearest = APART;
		if (e->d_type == DT_LNK || strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= PATH_MAX)
			continue;
		for (size_t i = 0; i < n; i++) {
			enum nearness it = near(&guard[i], path);
			if (it == THERE)
				rights = guard[i].rights;
			nearest = it > nearest ? it : nearest;
		}
		if (nearest == ABOVE)
			rc = allow_inside(set, path, guard, n);
		else if (rights)
			rc = allow(set, dirfd(list), e->d_name, rights);
	}
	closedir(list);
	return rc;
}

/** 0: this kernel has no Landlock. */
static long known_abi(struct ruleset *set)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	set->rights = known_rights(abi);
	return abi < 1 ? 0 : abi;
}

/** All but the work directory. 0 or -1 with errno; then nothing is left of it. */
static int build(struct ruleset *set, long abi, const char *data_dir)
{
	/* The sixth version keeps signals inside: none to its supervisor or to the gateway. */
	struct ruleset_attr attr = {.fs = set->rights, .scoped = LANDLOCK_SCOPE_SIGNAL};
	size_t size = abi < 6 ? sizeof(attr.fs) : sizeof(attr);
	set->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (set->fd < 0)
		return -1;
	const struct guard guards[] = {{data_dir, 0},
				       {"/sys/fs/cgroup", LANDLOCK_ACCESS_FS_READ_FILE}};
	if (allow_inside(set, "", guards, countof(guards)) == 0)
		return 0;
	int saved = errno;
	close(set->fd);
	errno = saved;
	return -1;
}

void shield_prepare(struct shield *s, const char *data_dir)
{
	struct ruleset set = {.folder = s};
	long abi = known_abi(&set);
	forget(s);
	if (!abi)
		return;
	s->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (s->mounts >= 0 && build(&set, abi, data_dir) == 0)
		s->fd = set.fd;
	if (s->fd < 0 || set.flawed)
		forget(s);
}

int shield_enter(const struct shield *s, const char *data_dir, const char *work_dir)
{
	struct ruleset set = {.fd = s->fd};
	long abi = known_abi(&set);
	if (!abi)
		return 0;
	if (set.fd < 0 && build(&set, abi, data_dir) < 0)
		return -1;
	int rc = allow(&set, AT_FDCWD, work_dir, ~0ULL);
	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, set.fd, 0);
	close(set.fd);
	return rc;
}
