#include "store/lmdb/internal.h"

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

int lmdb_count_pages(struct lmdb_store *s)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (rc)
		return lmdb_code(rc);
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
	return lmdb_code(rc);
}

int lmdb_room(struct store *store, struct store_room *ret)
{
	struct lmdb_store *s = lmdb_of(store);
	MDB_envinfo info;
	mdb_env_info(s->env, &info);
	pthread_mutex_lock(&s->lock);
	int rc = room_is_old(&s->room, info.me_last_txnid) ? lmdb_count_pages(s) : 0;
	uint64_t used = s->room.counted;
	pthread_mutex_unlock(&s->lock);
	if (rc)
		return rc;
	uint64_t disk = disk_free(s->dir.fd), file = file_bytes(s);
	uint64_t can = disk > UINT64_MAX - file ? UINT64_MAX : file + disk;
	*ret = (struct store_room){used, can < s->room.size_max ? can : s->room.size_max, file};
	return 0;
}

int lmdb_begin_growth(struct lmdb_txn *t)
{
	struct lmdb_store *s = t->store;
	pthread_mutex_lock(&s->lock);
	int rc = room_may_be_tight(&s->room) ? lmdb_count_pages(s) : 0;
	growth_begin(&t->growth, &s->room);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int lmdb_unweigh(struct lmdb_txn *t, MDB_dbi dbi, MDB_val *key)
{
	if (!t->growth.tight)
		return 0;
	MDB_val old;
	int rc = mdb_get(t->txn, dbi, key, &old);
	if (!rc)
		t->growth.net -= (int64_t)growth_weight(&t->store->room, key->mv_size, old.mv_size);
	return rc == MDB_NOTFOUND ? 0 : rc;
}
