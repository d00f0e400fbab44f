#include "cli/sluicectl/restore_place.h"

#include "cli/sluicectl/disk.h"
#include "core/base/crash.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SAME_SECOND_MAX = 100 };

static int fail(const char *path)
{
	return ctl_fail(CTL_REFUSED, "%s: %s; nothing was changed", path, strerror(errno));
}

/* Names that nothing has: one that was killed in this second may have left some. */
static void name_old(struct place *p)
{
	struct stat st;
	size_t len = strlen(p->stamp);
	for (int n = 2; n < SAME_SECOND_MAX; n++) {
		snprintf(p->old_store, sizeof(p->old_store), "%s.%s", p->store, p->stamp);
		snprintf(p->old_key, sizeof(p->old_key), "%s.%s", p->key, p->stamp);
		if (lstat(p->old_store, &st) < 0 && lstat(p->old_key, &st) < 0)
			return;
		snprintf(p->stamp + len, sizeof(p->stamp) - len, "-%d", n);
	}
}

int place_name(struct place *p, const char *data)
{
	time_t now = time(NULL);
	struct tm tm;
	*p = (struct place){.data = data, .lock = -1};
	strftime(p->stamp, sizeof(p->stamp), "before-%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	int a = snprintf(p->store, PATH_MAX, "%s/store", data);
	int b = snprintf(p->fresh, PATH_MAX, "%s/store.restoring", data);
	int c = snprintf(p->key, PATH_MAX, "%s/secret.key", data);
	if (a >= PATH_MAX - 64 || b >= PATH_MAX - 64 || c >= PATH_MAX - 64)
		return ctl_fail(CTL_USAGE, "--data: the path is too long");
	name_old(p);
	return CTL_DONE;
}

void place_fini(struct place *p)
{
	if (p->lock >= 0)
		close(p->lock);
	p->lock = -1;
}

/* ---- what is there ---- */

static bool is_empty(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	bool empty = d != NULL;
	while (d && (e = readdir(d)))
		empty &= e->d_name[0] == '.' && (!e->d_name[1] || strcmp(e->d_name, "..") == 0);
	if (d)
		closedir(d);
	return empty;
}

static int tell_used(const struct sl_error *err)
{
	ctl_fail(CTL_REFUSED, "%s", err->text);
	ctl_next("stop that gateway first");
	return CTL_REFUSED;
}

/* Whether it can be read does not matter; nothing is written there. */
static int check_unused(const struct place *p)
{
	scoped(store_closep) struct store *store = NULL;
	struct store_config config = {
		.path = p->store, .size_max = 1 << 20, .readers_max = 1, .read_only = true};
	struct sl_error err = {0};
	return store_open_lmdb(&config, &store, &err) == SL_E_CONFLICT ? tell_used(&err) : CTL_DONE;
}

static int lock(struct place *p)
{
	struct sl_error err = {0};
	int rc = store_lock(p->store, &p->lock, &err);
	if (rc == SL_E_CONFLICT)
		return tell_used(&err);
	return rc ? ctl_fail(CTL_REFUSED, "%s; nothing was changed", err.text) : CTL_DONE;
}

int place_look(struct place *p, bool force)
{
	struct stat st;
	if (mkdir(p->data, 0700) < 0 && errno != EEXIST)
		return fail(p->data);
	if (lstat(p->store, &st) < 0)
		return errno == ENOENT ? CTL_DONE : fail(p->store);
	if (S_ISDIR(st.st_mode) && is_empty(p->store))
		return CTL_DONE;
	int code = check_unused(p);
	if (!code && force)
		return lock(p);
	if (code)
		return code;
	ctl_fail(CTL_REFUSED, "%s: there is a store already; nothing was changed", p->store);
	ctl_next("restore into another directory, or say --force: that store is then kept as %s",
		 p->old_store);
	return CTL_REFUSED;
}

/* ---- the key ---- */

static bool write_key(const char *path, const uint8_t *key)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && disk_write(fd, bytes_of(key, CRYPT_KEY_SIZE)) == 0 && fsync(fd) == 0;
	return (fd < 0 || close(fd) == 0) && good;
}

/* At each moment one of the two has its name: without, a gateway would make a third. */
static int take_key(struct place *p, const uint8_t *key)
{
	char beside[PATH_MAX + 16];
	struct stat st;
	snprintf(beside, sizeof(beside), "%s.new", p->key);
	p->had_key = lstat(p->key, &st) == 0;
	if (write_key(beside, key) && (!p->had_key || link(p->key, p->old_key) == 0)) {
		crash_at(CRASH_RESTORE_KEY_ASIDE);
		p->key_changed = rename(beside, p->key) == 0;
		crash_at(CRASH_RESTORE_KEY_PUT);
		if (p->key_changed)
			return CTL_DONE;
		if (p->had_key)
			unlink(p->old_key);
	}
	int code = fail(p->key);
	unlink(beside);
	return code;
}

static bool give_key_back(struct place *p)
{
	if (!p->key_changed)
		return true;
	return p->had_key ? rename(p->old_key, p->key) == 0 : unlink(p->key) == 0;
}

/* ---- names change ---- */

/* At no moment is there no store, which a gateway would begin anew. False: as before. */
static bool exchange_store(const struct place *p)
{
	if (rename(p->fresh, p->old_store) < 0)
		return false;
	crash_at(CRASH_RESTORE_NAMED);
	if (renameat2(AT_FDCWD, p->old_store, AT_FDCWD, p->store, RENAME_EXCHANGE) == 0) {
		crash_at(CRASH_RESTORE_EXCHANGED);
		return true;
	}
	int why = errno;
	(void)rename(p->old_store, p->fresh);
	errno = why;
	return false;
}

/* With whatever had the name kept; or as before, which `errno` tells the reason for. */
static bool take_store(const struct place *p)
{
	bool moved = p->lock >= 0;
	if (moved && exchange_store(p))
		return true;
	if (moved && errno != EINVAL && errno != ENOSYS)
		return false; /* else a file system that cannot exchange two names */
	if (moved ? rename(p->store, p->old_store) < 0 : rmdir(p->store) < 0 && errno != ENOENT)
		return false;
	if (rename(p->fresh, p->store) == 0)
		return true;
	int why = errno;
	if (moved && rename(p->old_store, p->store) < 0) {
		ctl_fail(CTL_REFUSED, "%s: %s; the store that was there is now %s", p->store,
			 strerror(errno), p->old_store);
		ctl_next("give it its name back: mv %s %s", p->old_store, p->store);
	}
	errno = why;
	return false;
}

static int undo(struct place *p)
{
	int code = ctl_fail(CTL_REFUSED, "%s: %s; nothing was restored", p->store, strerror(errno));
	if (!give_key_back(p)) {
		ctl_fail(CTL_REFUSED, "%s: %s; it is the key of the backup", p->key,
			 strerror(errno));
		ctl_next("give the one that was there its name back: mv %s %s", p->old_key, p->key);
	}
	return code;
}

int place_take(struct place *p, const uint8_t *key)
{
	if (disk_flush_folder(p->fresh) < 0)
		return fail(p->fresh);
	int code = key ? take_key(p, key) : CTL_DONE;
	if (code)
		return code;
	if (!take_store(p))
		return undo(p);
	if (p->lock >= 0)
		fprintf(stderr, "the store that was there is now %s\n", p->old_store);
	int flushed = disk_flush_folder(p->data);
	crash_at(CRASH_RESTORE_DONE);
	if (flushed == 0)
		return CTL_DONE;
	ctl_fail(CTL_REFUSED, "%s: %s; it is restored, but a power cut now could undo that",
		 p->data, strerror(errno));
	ctl_next("run sync, and look at the disk");
	return CTL_REFUSED;
}
