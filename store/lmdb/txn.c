#include "store/lmdb/internal.h"

#include <errno.h>
#include <stdlib.h>

struct lmdb_cursor {
	struct store_cursor base;
	MDB_cursor *cursor;
};

static struct lmdb_txn *of_txn(struct store_txn *t)
{
	return container_of(t, struct lmdb_txn, base);
}

static MDB_val to_val(struct bytes b)
{
	return (MDB_val){b.len, (void *)(uintptr_t)(b.at ? b.at : "")};
}

static struct bytes to_bytes(MDB_val v) { return bytes_of(v.mv_data, v.mv_size); }

int lmdb_code(int rc)
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

/* ---- transactions ---- */

int lmdb_begin(struct store *store, enum store_mode mode, struct store_txn **ret)
{
	struct lmdb_store *s = lmdb_of(store);
	struct lmdb_txn *t = calloc(1, sizeof(*t));
	if (!t)
		return SL_E_NO_MEMORY;
	t->store = s;
	int rc = lmdb_code(
		mdb_txn_begin(s->env, NULL, mode == STORE_READ ? MDB_RDONLY : 0, &t->txn));
	if (rc == SL_E_IO && mode == STORE_WRITE) /* a meta page was lost half way, it says */
		store_break(store);
	if (!rc && mode == STORE_WRITE && (rc = lmdb_begin_growth(t)))
		mdb_txn_abort(t->txn);
	if (rc)
		free(t);
	else
		*ret = &t->base;
	return rc;
}

void lmdb_abort(struct store_txn *txn)
{
	struct lmdb_txn *t = of_txn(txn);
	mdb_txn_abort(t->txn);
	free(t);
}

int lmdb_commit(struct store_txn *txn)
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
	if (lmdb_code(rc) == SL_E_IO)
		store_break(&s->base);
	return lmdb_code(rc);
}

int lmdb_get(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes *ret)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_val k = to_val(key), v;
	if (t->store->table[table] == lmdb_no_table)
		return SL_E_NOT_FOUND;
	int rc = mdb_get(t->txn, t->store->table[table], &k, &v);
	if (!rc)
		*ret = to_bytes(v);
	return lmdb_code(rc);
}

int lmdb_count_entries(struct store_txn *txn, enum store_table table, uint64_t *ret)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_stat stat = {0};
	int rc = t->store->table[table] == lmdb_no_table
			 ? 0
			 : mdb_stat(t->txn, t->store->table[table], &stat);
	if (!rc)
		*ret = stat.ms_entries;
	return lmdb_code(rc);
}

int lmdb_put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val,
	     bool last)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_dbi dbi = t->store->table[table];
	MDB_val k = to_val(key), v = to_val(val);
	uint64_t bytes = growth_weight(&t->store->room, key.len, val.len);
	int rc = lmdb_unweigh(t, dbi, &k);
	t->growth.written += bytes;
	t->growth.net += (int64_t)bytes;
	if (!rc)
		rc = mdb_put(t->txn, dbi, &k, &v, last ? MDB_APPEND : 0);
	return rc == MDB_KEYEXIST ? SL_E_INVALID : lmdb_code(rc);
}

int lmdb_del(struct store_txn *txn, enum store_table table, struct bytes key)
{
	struct lmdb_txn *t = of_txn(txn);
	MDB_dbi dbi = t->store->table[table];
	MDB_val k = to_val(key);
	int rc = lmdb_unweigh(t, dbi, &k);
	if (!rc)
		rc = mdb_del(t->txn, dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? 0 : lmdb_code(rc);
}

/* ---- cursors ---- */

int lmdb_cursor_new(struct store_txn *txn, enum store_table table, struct store_cursor **ret)
{
	struct lmdb_txn *t = of_txn(txn);
	struct lmdb_cursor *c = calloc(1, sizeof(*c));
	if (!c)
		return SL_E_NO_MEMORY;
	MDB_dbi dbi = t->store->table[table];
	int rc = dbi == lmdb_no_table ? 0 : mdb_cursor_open(t->txn, dbi, &c->cursor);
	if (rc)
		free(c);
	else
		*ret = &c->base;
	return lmdb_code(rc);
}

void lmdb_cursor_free(struct store_cursor *cursor)
{
	struct lmdb_cursor *c = container_of(cursor, struct lmdb_cursor, base);
	if (c->cursor)
		mdb_cursor_close(c->cursor);
	free(c);
}

int lmdb_move(struct store_cursor *cursor, enum store_move how, struct bytes from,
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
	return lmdb_code(rc);
}
