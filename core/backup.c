#include "core/backup.h"

#include "core/base/crash.h"
#include "core/ledger/ledger.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { GROWTH_LEAST = 64 << 20, READERS = 2, LOOK_EACH = 8 << 20 };

struct making {
	const struct backup_config *config;
	struct sl_error *err;
	char part[PATH_MAX], name[PATH_MAX]; /* what it is until it is whole, and then */
	int fd;
	struct crypt_digest digest;
	uint64_t done, looked, all, file_begin, growth_max;
};

bool backup_name_ok(struct bytes name)
{
	const unsigned char *c = name.at;
	bool fits = name.len > 0 && name.len <= BACKUP_NAME_MAX && c[0] != '.';
	for (size_t i = 0; i < name.len && fits; i++)
		fits = isascii(c[i]) && (isalnum(c[i]) || strchr("._-", c[i]));
	return fits;
}

static int fail(struct making *m, const char *path, const char *what)
{
	enum sl_err code = errno == ENOSPC || errno == EDQUOT ? SL_E_FULL : SL_E_IO;
	return sl_fail(m->err, code, "backup: %s: cannot %s: %s", path, what, strerror(errno));
}

/* ---- names ---- */

static void remove_folder(const char *folder)
{
	static const char *const names[] = {BACKUP_DATA, BACKUP_MANIFEST};
	char path[PATH_MAX + 32];
	for (size_t i = 0; i < countof(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

void backup_remove(const char *dir, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	remove_folder(path);
}

/* What a crash has left of an earlier one makes room. */
static int begin_folder(struct making *m)
{
	const struct backup_config *c = m->config;
	struct stat st;
	int a = snprintf(m->part, sizeof(m->part), "%s/.%s.part", c->dir, c->name);
	int b = snprintf(m->name, sizeof(m->name), "%s/%s", c->dir, c->name);
	if (a >= PATH_MAX || b >= PATH_MAX)
		return sl_fail(m->err, SL_E_INVALID, "backup: the name of its folder is too long");
	if (lstat(m->name, &st) == 0)
		return sl_fail(m->err, SL_E_CONFLICT,
			       "backup: %s is there already; take another name", m->name);
	remove_folder(m->part);
	return mkdir(m->part, 0700) < 0 ? fail(m, m->part, "make the folder") : 0;
}

static int sync_folder(struct making *m, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) < 0 ? fail(m, path, "flush the folder") : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_file(struct making *m, const char *name)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/%s", m->part, name);
	m->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return m->fd < 0 ? fail(m, path, "write") : 0;
}

static int write_all(struct making *m, struct bytes piece)
{
	const char *at = piece.at;
	while (piece.len) {
		ssize_t n = write(m->fd, at, piece.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(m, m->part, "write");
		at += n;
		piece.len -= (size_t)n;
	}
	return 0;
}

static int close_file(struct making *m, int rc)
{
	if (m->fd < 0)
		return rc;
	if (!rc && fsync(m->fd) < 0)
		rc = fail(m, m->part, "flush");
	close(m->fd);
	m->fd = -1;
	return rc;
}

/* ---- the copy ---- */

/* What is written meanwhile makes the store grow: not by more than half of what it has
 * left. */
static int look_at_growth(struct making *m)
{
	struct store_room room;
	int rc = store_room(m->config->store, &room);
	if (rc || room.file <= m->file_begin + m->growth_max)
		return rc;
	return sl_fail(
		m->err, SL_E_BUSY,
		"backup: broken off: the store grew by %llu MiB while it was copied, as what "
		"is read cannot be written over; try it in a calmer hour, to a faster disk, or "
		"with a larger store.size_max",
		(unsigned long long)((room.file - m->file_begin) >> 20));
}

static int take_piece(void *user, struct bytes piece)
{
	struct making *m = user;
	int rc = write_all(m, piece);
	if (rc)
		return rc;
	crypt_digest_add(&m->digest, piece);
	m->done += piece.len;
	if (m->done - m->looked < LOOK_EACH)
		return 0;
	m->looked = m->done;
	rc = look_at_growth(m);
	return rc || !m->config->step ? rc : m->config->step(m->config->user, m->done, m->all);
}

static int begin_room(struct making *m)
{
	struct store_room room;
	struct statvfs fs;
	int rc = store_room(m->config->store, &room);
	if (rc)
		return rc;
	uint64_t left = room.max > room.file ? room.max - room.file : 0;
	m->all = room.used;
	m->file_begin = room.file;
	m->growth_max = left / 2 > GROWTH_LEAST ? left / 2 : GROWTH_LEAST;
	if (statvfs(m->config->dir, &fs) < 0)
		return fail(m, m->config->dir, "look");
	if ((uint64_t)fs.f_bavail * fs.f_frsize > room.used + (16 << 20))
		return 0;
	return sl_fail(m->err, SL_E_FULL,
		       "backup: %s: the copy takes about %llu MiB, and the disk has %llu MiB left",
		       m->config->dir, (unsigned long long)(room.used >> 20),
		       (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize >> 20));
}

static int copy(struct making *m, struct backup_manifest *ret)
{
	int rc = begin_room(m);
	if (!rc)
		rc = open_file(m, BACKUP_DATA);
	crypt_digest_begin(&m->digest);
	if (!rc)
		rc = store_copy(m->config->store, take_piece, m);
	rc = close_file(m, rc);
	crypt_digest_end(&m->digest, ret->digest);
	ret->bytes = m->done;
	return rc;
}

/* ---- what is in it ---- */

static int count(struct store_txn *txn, struct backup_manifest *ret)
{
	int rc = store_count(txn, STORE_JOBS, &ret->jobs);
	if (!rc)
		rc = store_count(txn, STORE_FEATURES, &ret->features);
	return rc ? rc : store_count(txn, STORE_TOKENS, &ret->tokens);
}

static int look_into(struct making *m, struct backup_manifest *ret)
{
	scoped(store_closep) struct store *store = NULL;
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct store_config config = {
		.path = m->part, .size_max = ret->bytes, .readers_max = READERS, .read_only = true};
	int rc = store_open_lmdb(&config, &store, m->err);
	if (!rc)
		rc = store_begin(store, STORE_READ, &txn);
	return rc ? rc : count(txn, ret);
}

static int seal(const struct backup_config *c, struct backup_manifest *ret)
{
	scoped(buf_finip) struct buf sealed = {0};
	if (!c->secret_key || !c->password.len)
		return 0;
	buf_init(&sealed, BACKUP_SEALED_MAX);
	int rc = crypt_seal_password(c->password, bytes_of(c->secret_key, CRYPT_KEY_SIZE), &sealed);
	if (!rc) {
		memcpy(ret->sealed, sealed.at, sealed.len);
		ret->sealed_len = sealed.len;
	}
	return rc;
}

static int put_manifest(struct making *m, const struct backup_manifest *manifest)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, BACKUP_MANIFEST_MAX);
	backup_write_manifest(manifest, false, &text);
	int rc = text.rc ? text.rc : open_file(m, BACKUP_MANIFEST);
	if (!rc)
		rc = write_all(m, buf_bytes(&text));
	return close_file(m, rc);
}

static int give_name(struct making *m)
{
	int rc = sync_folder(m, m->part);
	if (!rc && renameat2(AT_FDCWD, m->part, AT_FDCWD, m->name, RENAME_NOREPLACE) < 0)
		rc = fail(m, m->name, "give it its name");
	return rc ? rc : sync_folder(m, m->config->dir);
}

int backup_make(const struct backup_config *config, struct backup_manifest *ret,
		struct sl_error *err)
{
	struct making m = {.config = config, .err = err, .fd = -1};
	struct backup_manifest made = {.store_format = STORE_FORMAT, .time_ms = config->now_ms};
	snprintf(made.version, sizeof(made.version), "%s", config->version);
	if (!backup_name_ok(bytes_str(config->name)))
		return sl_fail(err, SL_E_INVALID, "backup: %s is no name for a backup",
			       config->name);
	int rc = begin_folder(&m);
	if (rc)
		return rc;
	crash_at(CRASH_BACKUP_BEGUN);
	rc = copy(&m, &made);
	crash_at(CRASH_BACKUP_COPIED);
	if (!rc)
		rc = look_into(&m, &made);
	if (!rc)
		rc = seal(config, &made);
	if (!rc)
		rc = put_manifest(&m, &made);
	crash_at(CRASH_BACKUP_UNNAMED);
	if (!rc)
		rc = give_name(&m);
	crash_at(CRASH_BACKUP_NAMED);
	if (rc) {
		remove_folder(m.part);
		return err && err->code
			       ? rc
			       : sl_fail(err, (enum sl_err)rc, "backup: %s", sl_err_text(rc));
	}
	*ret = made;
	return 0;
}
