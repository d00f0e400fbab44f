#include "core/base/crash.h"
#include "store/dir.h"
#include "store/format.h"
#include "store/keep.h"
#include "store/layout.h"
#include "store/ops.h"
#include "store/room.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	COPY_PIECE = 256 << 10,
	OWN_READERS = 3, /* counting free pages, beside whoever reads */
};

/* Opened for reading, a store of a sluiced that did not know this table yet: it is empty. */
static const MDB_dbi no_table = UINT32_MAX;

struct lmdb_store {
	struct store base;
	struct dir dir;
	long format; /* as it was found */
	MDB_env *env;
	MDB_dbi table[STORE_TABLES];
	pthread_mutex_t lock; /* guards room */
	struct room room;
};

struct lmdb_txn {
	struct store_txn base;
	struct lmdb_store *store;
	MDB_txn *txn;
	struct growth growth;
};

struct lmdb_cursor {
	struct store_cursor base;
	MDB_cursor *cursor;
};

static struct lmdb_store *of_store(struct store *s)
{
	return container_of(s, struct lmdb_store, base);
}

static struct lmdb_txn *of_txn(struct store_txn *t)
{
	return container_of(t, struct lmdb_txn, base);
}

static MDB_val to_val(struct bytes b)
{
	return (MDB_val){b.len, (void *)(uintptr_t)(b.at ? b.at : "")};
}

static struct bytes to_bytes(MDB_val v) { return bytes_of(v.mv_data, v.mv_size); }

static int code_of(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return SL_E_NOT_FOUND;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SL_E_FULL;
	case ENOMEM:
		return SL_E_NO_MEMORY;
	case MDB_READERS_FULL:
		return SL_E_BUSY;
	case MDB_TXN_FULL:
		return SL_E_TOO_BIG;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
		return SL_E_CORRUPT;
	default:
		return SL_E_IO;
	}
}

/* ---- room ---- */

static uint64_t file_bytes(const struct lmdb_store *s)
{
	MDB_envinfo info;
	mdb_env_info(s->env, &info);
	return (info.me_last_pgno + 1) * s->room.page_size;
}

/** Count the pages in the lists of free pages. */
static int count_free(MDB_txn *txn, uint64_t *ret_pages, uint64_t *ret_lists)
{
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn, 0 /* the free pages */, &c);
	if (rc)
		return rc;
	uint64_t pages = 0, lists = 0;
	MDB_val key, val;
	while ((rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) == 0) {
		uint64_t n; /* a list begins with its length */
		memcpy(&n, val.mv_data, sizeof(n));
		pages += n;
		lists++;
	}
	mdb_cursor_close(c);
	*ret_pages = pages;
	*ret_lists = lists;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/** Count anew; with s->lock held. */
static int count(struct lmdb_store *s)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return code_of(rc);
	uint64_t pages, lists, all = file_bytes(s);
	rc = count_free(txn, &pages, &lists);
	if (!rc) {
		uint64_t spare = pages * s->room.page_size;
		s->room.counted = all > spare ? all - spare : 0;
		s->room.since = 0;
		s->room.txn = mdb_txn_id(txn);
		s->room.lists = lists;
	}
	mdb_txn_abort(txn);
	return code_of(rc);
}

static int room(struct store *store, struct store_room *ret)
{
	struct lmdb_store *s = of_store(store);
	MDB_envinfo info;
	mdb_env_info(s->env, &info);
	pthread_mutex_lock(&s->lock);
	int rc = room_is_old(&s->room, info.me_last_txnid) ? count(s) : 0;
	uint64_t used = s->room.counted;
	pthread_mutex_unlock(&s->lock);
	if (rc)
		return rc;
	uint64_t disk = disk_free(s->dir.fd), file = file_bytes(s);
	uint64_t can = disk > UINT64_MAX - file ? UINT64_MAX : file + disk;
	*ret = (struct store_room){used, can < s->room.size_max ? can : s->room.size_max, file};
	return 0;
}

/* ---- a copy ---- */

struct copying {
	MDB_env *env;
	int to; /* the pipe's end that LMDB writes to */
	int rc;
};

static void *write_copy(void *user)
{
	struct copying *c = user;
	c->rc = mdb_env_copyfd2(c->env, c->to, MDB_CP_COMPACT);
	close(c->to);
	return NULL;
}

static int read_copy(int from, int (*piece)(void *user, struct bytes piece), void *user)
{
	char *at = malloc(COPY_PIECE);
	int rc = at ? 0 : SL_E_NO_MEMORY;
	while (!rc) {
		ssize_t n = read(from, at, COPY_PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n ? SL_E_IO : 0;
			break;
		}
		rc = piece(user, bytes_of(at, (size_t)n));
	}
	free(at);
	return rc;
}

/* LMDB writes into a pipe on a thread of its own, so that it can be broken off: its write
 * fails when nobody reads any more. */
static int copy(struct store *store, int (*piece)(void *user, struct bytes piece), void *user)
{
	int ends[2];
	pthread_t thread;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return SL_E_IO;
	struct copying c = {.env = of_store(store)->env, .to = ends[1]};
	if (pthread_create(&thread, NULL, write_copy, &c) != 0) {
		close(ends[0]);
		close(ends[1]);
		return SL_E_NO_MEMORY;
	}
	int rc = read_copy(ends[0], piece, user);
	close(ends[0]);
	pthread_join(thread, NULL);
	return rc ? rc : code_of(c.rc);
}

static int begin_growth(struct lmdb_txn *t)
{
	struct lmdb_store *s = t->store;
	pthread_mutex_lock(&s->lock);
	int rc = room_may_be_tight(&s->room) ? count(s) : 0;
	growth_begin(&t->growth, &s->room);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/** Take what lies under `key` off the growth, when that matters. */
static int unweigh(struct lmdb_txn *t, MDB_dbi dbi, MDB_val *key)
{
	if (!t->growth.tight)
		return 0;
	MDB_val old;
	int rc = mdb_get(t->txn, dbi, key, &old);
	if (!rc)
		t->growth.net -= (int64_t)growth_weight(&t->store->room, key->mv_size, old.mv_size);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- transactions ---- */

static int begin(struct store *store, enum store_mode mode, struct store_txn **ret)
{
	struct lmdb_store *s = of_store(store);
	struct lmdb_txn *t = calloc(1, sizeof(*t));
	if (!t)
		return SL_E_NO_MEMORY;
	t->store = s;
	int rc = code_of(mdb_txn_begin(s->env, NULL, mode == STORE_READ ? MDB_RDONLY : 0, &t->txn));
	if (rc == SL_E_IO && mode == STORE_WRITE) /* a meta page was lost half way, it says */
		store_break(store);
	if (!rc && mode == STORE_WRITE && (rc = begin_growth(t)))
		mdb_txn_abort(t->txn);
	if (rc)
		free(t);
	else
		*ret = &t->base;
	return rc;
}

static void lmdb_abort(struct store_txn *txn)
{
	struct lmdb_txn *t = of_txn(txn);
	mdb_txn_abort(t->txn);
	free(t);
}

static int commit(struct store_txn *txn)
{
	struct lmdb_txn *t = of_txn(txn);
	struct lmdb_store *s = t->store;
	if (growth_is_over(&t->growth, &s->room)) {
		lmdb_abort(txn);
		return SL_E_FULL;
	}
	errno = 0;
	int rc = mdb_txn_commit(t->txn); /* ends it, whatever it returns */
	bool cut = rc == EIO && !errno;  /* LMDB's word for a write that was taken in part */
	if (!rc && txn->mode == STORE_WRITE) {
		pthread_mutex_lock(&s->lock);
		s->room.since += t->growth.written;
		pthread_mutex_unlock(&s->lock);
	}
	free(t);
	if (cut)
		return SL_E_FULL;
	if (code_of(rc) == SL_E_IO)
		store_break(&s->base);
	return code_of(rc);
}

static int get(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes *ret)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_val k = to_val(key), v;
	if (t->store->table[table] == no_table)
		return SL_E_NOT_FOUND;
	int rc = mdb_get(t->txn, t->store->table[table], &k, &v);
	if (!rc)
		*ret = to_bytes(v);
	return code_of(rc);
}

static int count_entries(struct store_txn *txn, enum store_table table, uint64_t *ret)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_stat stat = {0};
	int rc = t->store->table[table] == no_table
			 ? 0
			 : mdb_stat(t->txn, t->store->table[table], &stat);
	if (!rc)
		*ret = stat.ms_entries;
	return code_of(rc);
}

static int put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val,
	       bool last)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_dbi dbi = t->store->table[table];
	MDB_val k = to_val(key), v = to_val(val);
	uint64_t bytes = growth_weight(&t->store->room, key.len, val.len);
	int rc = unweigh(t, dbi, &k);
	t->growth.written += bytes;
	t->growth.net += (int64_t)bytes;
	if (!rc)
		rc = mdb_put(t->txn, dbi, &k, &v, last ? MDB_APPEND : 0);
	return rc == MDB_KEYEXIST ? SL_E_INVALID : code_of(rc);
}

static int del(struct store_txn *txn, enum store_table table, struct bytes key)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_dbi dbi = t->store->table[table];
	MDB_val k = to_val(key);
	int rc = unweigh(t, dbi, &k);
	if (!rc)
		rc = mdb_del(t->txn, dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : code_of(rc);
}

/* ---- cursors ---- */

static int cursor_open(struct store_txn *txn, enum store_table table, struct store_cursor **ret)
{
	struct lmdb_txn *t = of_txn(txn);
	struct lmdb_cursor *c = calloc(1, sizeof(*c));
	if (!c)
		return SL_E_NO_MEMORY;
	MDB_dbi dbi = t->store->table[table];
	int rc = dbi == no_table ? 0 : mdb_cursor_open(t->txn, dbi, &c->cursor);
	if (rc)
		free(c);
	else
		*ret = &c->base;
	return code_of(rc);
}

static void cursor_free(struct store_cursor *cursor)
{
	struct lmdb_cursor *c = container_of(cursor, struct lmdb_cursor, base);
	if (c->cursor)
		mdb_cursor_close(c->cursor);
	free(c);
}

static int move(struct store_cursor *cursor, enum store_move how, struct bytes from,
		struct bytes *key, struct bytes *val)
{
	static const MDB_cursor_op op[] = {
		[MOVE_FIRST] = MDB_FIRST,
		[MOVE_LAST] = MDB_LAST,
		[MOVE_AT_OR_AFTER] = MDB_SET_RANGE,
		[MOVE_NEXT] = MDB_NEXT,
		[MOVE_PREV] = MDB_PREV,
	};
	struct lmdb_cursor *c = container_of(cursor, struct lmdb_cursor, base);
	MDB_val k = to_val(from), v;
	if (!c->cursor)
		return SL_E_NOT_FOUND;
	int rc = mdb_cursor_get(c->cursor, &k, &v, op[how]);
	if (!rc) {
		*key = to_bytes(k);
		*val = to_bytes(v);
	}
	return code_of(rc);
}

/* ---- opening and closing ---- */

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

static void lmdb_close(struct store *store) { lmdb_free(of_store(store)); }

static const struct store_ops ops = {
	.close = lmdb_close,
	.begin = begin,
	.commit = commit,
	.abort = lmdb_abort,
	.get = get,
	.count = count_entries,
	.put = put,
	.del = del,
	.cursor_open = cursor_open,
	.cursor_free = cursor_free,
	.move = move,
	.room = room,
	.copy = copy,
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
			s->table[i] = no_table;
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
	return sl_fail(err, (enum sl_err)code_of(rc), "store %s: cannot open: %s", config->path,
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
	rc = count(s);
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
