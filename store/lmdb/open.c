#include "core/base/crash.h"
#include "store/format.h"
#include "store/keep.h"
#include "store/layout.h"
#include "store/lmdb/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { OWN_READERS = 3 }; /* counting free pages, beside whoever reads */

static struct lmdb_store *lmdb_free(struct lmdb_store *s)
{
	if (!s)
		return NULL;
	if (s->env)
		mdb_env_close(s->env);
	dir_close(&s->dir);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

SL_DEFINE_SCOPED(struct lmdb_store, lmdb_free)

static void lmdb_close(struct store *store) { lmdb_free(lmdb_of(store)); }

static const struct store_ops ops = {
	.close = lmdb_close,
	.begin = lmdb_begin,
	.commit = lmdb_commit,
	.abort = lmdb_abort,
	.get = lmdb_get,
	.count = lmdb_count_entries,
	.put = lmdb_put,
	.del = lmdb_del,
	.cursor_open = lmdb_cursor_new,
	.cursor_free = lmdb_cursor_free,
	.move = lmdb_move,
	.room = lmdb_room,
	.copy = lmdb_copy,
};

static int open_tables(struct lmdb_store *s, MDB_txn *txn, size_t tables, unsigned flags)
{
	static const char *const name[] = {
#define X(id, text) text,
		STORE_TABLE_MAP(X)
#undef X
	};
	int rc = 0;
	for (size_t i = 0; !rc && i < tables; i++) {
		rc = mdb_dbi_open(txn, name[i], flags, &s->table[i]);
		if (rc == MDB_NOTFOUND && i >= STORE_AUDIT) { /* they came later */
			s->table[i] = lmdb_no_table;
			rc = 0;
		}
	}
	return rc;
}

/** The environment, with no table open yet. Freed memory is zeroed by LMDB before it
 * goes to disk (no MDB_NOMEMINIT): a page must not carry secrets of the process. */
static int open_env(struct lmdb_store *s, const struct store_config *config, unsigned flags)
{
	const size_t unit = 1 << 20; /* a multiple of any page size */
	room_init(&s->room, config->size_max);
	size_t map = config->size_max + s->room.reserve + unit - 1;
	if (config->size_max > SIZE_MAX / 2)
		return EINVAL;
	int rc = mdb_env_create(&s->env);
	if (!rc)
		rc = mdb_env_set_mapsize(s->env, map / unit * unit);
	if (!rc)
		rc = mdb_env_set_maxreaders(s->env, config->readers_max + OWN_READERS);
	if (!rc)
		rc = mdb_env_set_maxdbs(s->env, STORE_TABLES);
	if (!rc)
		rc = mdb_env_open(s->env, s->dir.path, MDB_NOTLS | flags, 0600);
	if (rc)
		return rc;
	MDB_stat stat;
	int fd;
	mdb_env_stat(s->env, &stat);
	s->room.page_size = stat.ms_psize;
	/* LMDB leaves just this descriptor to be inherited. */
	mdb_env_get_fd(s->env, &fd);
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? errno : 0;
}

static int create(const struct store_config *config, struct lmdb_store **ret)
{
	struct lmdb_store *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->base.ops = &ops;
	s->dir = (struct dir){config->path, -1, -1};
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

static int fail(const struct store_config *config, int rc, struct sl_error *err)
{
	return sl_fail(err, (enum sl_err)lmdb_code(rc), "store %s: cannot open: %s", config->path,
		       mdb_strerror(rc));
}

/** Open for reading and open the first `tables` of the tables. */
static int open_to_read(struct lmdb_store *s, const struct store_config *config, size_t tables,
			struct sl_error *err)
{
	int rc = open_env(s, config, MDB_RDONLY | MDB_NOLOCK);
	MDB_txn *txn = NULL;
	if (!rc)
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return fail(config, rc, err);
	rc = open_tables(s, txn, tables, 0);
	if (rc)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn); /* keeps the handles */
	if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
		return sl_fail(err, SL_E_CORRUPT,
			       "store %s: a database of another program; it was left alone",
			       config->path);
	return rc ? fail(config, rc, err) : 0;
}

static int check_format(struct lmdb_store *s, const struct store_config *config,
			struct sl_error *err)
{
	struct store_txn *txn;
	int rc = store_begin(&s->base, STORE_READ, &txn);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "store %s: cannot read", s->dir.path);
	rc = format_check(txn, s->dir.path, &s->format, err);
	store_abort(txn);
	if (rc || s->format == STORE_FORMAT || config->read_only || config->moving)
		return rc;
	return sl_fail(
		err, SL_E_CORRUPT,
		"store %s: of an older format (%ld, now %d): start sluiced on it once, which "
		"moves it forward",
		s->dir.path, s->format, STORE_FORMAT);
}

/** Look at what is there through an environment that cannot write. */
static int probe(const struct store_config *config, long *ret, struct sl_error *err)
{
	scoped(lmdb_freep) struct lmdb_store *s = NULL;
	const size_t only_meta = STORE_META + 1;
	int rc = create(config, &s);
	if (!rc)
		rc = open_to_read(s, config, only_meta, err);
	rc = rc ? rc : check_format(s, config, err);
	*ret = rc ? 0 : s->format;
	return rc;
}

/** Open for writing; into a new store put its tables and marks. */
static int open_to_write(struct lmdb_store *s, const struct store_config *config, bool fresh,
			 struct sl_error *err)
{
	int stale, rc = open_env(s, config, 0);
	if (!rc)
		rc = mdb_reader_check(s->env, &stale);
	struct lmdb_txn t = {.base = {.ops = &ops, .mode = STORE_WRITE}, .store = s};
	if (!rc)
		rc = mdb_txn_begin(s->env, NULL, 0, &t.txn);
	if (rc)
		return fail(config, rc, err);
	rc = open_tables(s, t.txn, STORE_TABLES, MDB_CREATE);
	if (!rc && fresh)
		format_write(&t.base);
	if (rc || t.base.failed)
		mdb_txn_abort(t.txn);
	else
		rc = mdb_txn_commit(t.txn);
	if (t.base.failed)
		return sl_fail(err, (enum sl_err)t.base.failed, "store %s: no room", config->path);
	if (rc)
		return fail(config, rc, err);
	rc = lmdb_count_pages(s);
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "store %s: cannot count its pages",
			       config->path);
	return dir_sync(&s->dir, err);
}

/** All in one transaction: after a crash it is as it was. */
static int run_steps(struct lmdb_store *s, const struct store_config *config)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	int rc = store_begin(&s->base, STORE_WRITE, &txn);
	for (long f = s->format; !rc && f < STORE_FORMAT; f++)
		rc = config->moving->step[f - 1](txn);
	if (rc)
		return rc;
	format_put(txn);
	crash_at(CRASH_MOVE_APPLIED);
	rc = store_commit(&txn);
	crash_at(CRASH_MOVE_COMMITTED);
	return rc;
}

/** Open one of an older format, with a copy of it put beside first. */
static int open_older(struct lmdb_store *s, const struct store_config *config, struct sl_error *err)
{
	char kept[PATH_MAX];
	long from = s->format;
	int rc = keep_copy(&s->dir, from, kept, err);
	if (!rc)
		rc = open_to_write(s, config, false, err);
	if (rc)
		return rc;
	rc = run_steps(s, config);
	if (rc)
		return sl_fail(
			err, (enum sl_err)rc,
			"store %s: cannot be moved from format %ld to %d: %s; it is as it was, "
			"and so is the copy in %s",
			config->path, from, STORE_FORMAT, sl_err_text(rc), kept);
	if (config->moving->moved)
		config->moving->moved(config->moving->user, from, kept);
	return 0;
}

/** What does the directory hold, and is it a store of ours, or could one be made there? */
static int look(const struct dir *dir, const struct store_config *config, enum layout *ret,
		long *ret_format, struct sl_error *err)
{
	int rc = layout_check(dir, config->read_only, ret, err);
	if (rc)
		return rc;
	if (*ret == LAYOUT_DATA)
		return probe(config, ret_format, err);
	*ret_format = STORE_FORMAT;
	if (config->must_be_there && dir_has(dir, DIR_DATA_FILE))
		return sl_fail(
			err, SL_E_CORRUPT,
			"store %s/" DIR_DATA_FILE ": holds nothing, and there was a store: "
			"restore a backup, or remove the file to begin anew; it was left alone",
			dir->path);
	if (config->read_only)
		return sl_fail(err, SL_E_CORRUPT, "store %s: there is no store", dir->path);
	return dir_check_empty(dir, err);
}

/** A first start that ended before anything of it was on the disk: it begins once more. */
static int begin_anew(struct lmdb_store *s, const struct store_config *config, struct sl_error *err)
{
	int rc = dir_empty_data(&s->dir, err);
	if (!rc && config->moving && config->moving->moved)
		config->moving->moved(config->moving->user, 0, config->path);
	return rc;
}

static int open_found(struct lmdb_store *s, const struct store_config *config, enum layout layout,
		      struct sl_error *err)
{
	if (config->read_only)
		return open_to_read(s, config, STORE_TABLES, err);
	if (s->format < STORE_FORMAT)
		return open_older(s, config, err);
	int rc = layout == LAYOUT_ZEROS ? begin_anew(s, config, err) : 0;
	return rc ? rc : open_to_write(s, config, layout != LAYOUT_DATA, err);
}

int store_lock(const char *path, int *ret_fd, struct sl_error *err)
{
	struct dir dir = {.path = path, .fd = -1, .lock_fd = -1};
	int rc = dir_open(path, false, &dir, err);
	if (!rc)
		rc = dir_lock(&dir, err);
	if (!rc)
		*ret_fd = dir.lock_fd;
	dir.lock_fd = -1;
	dir_close(&dir);
	return rc;
}

int store_open_lmdb(const struct store_config *config, struct store **ret, struct sl_error *err)
{
	scoped(lmdb_freep) struct lmdb_store *s = NULL;
	enum layout layout;
	int rc = create(config, &s);
	if (!rc)
		rc = dir_open(config->path, !config->read_only, &s->dir, err);
	if (!rc && !config->read_only)
		rc = dir_check_own(&s->dir, err);
	/* Where no lock file is, no sluiced has been: what is refused gets none. */
	if (!rc && !dir_has(&s->dir, DIR_LOCK_FILE))
		rc = look(&s->dir, config, &layout, &s->format, err);
	if (!rc)
		rc = config->read_only ? dir_lock_shared(&s->dir, err) : dir_lock(&s->dir, err);
	if (!rc)
		rc = look(&s->dir, config, &layout, &s->format, err);
	if (!rc)
		rc = open_found(s, config, layout, err);
	if (rc)
		return rc;
	s->dir.path = NULL; /* was only lent for opening */
	*ret = &take_ptr(&s)->base;
	return 0;
}
