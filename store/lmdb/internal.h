/* The store by LMDB: what the files of this folder share. No other one includes <lmdb.h>.
 *
 *   open.c   from a directory to a store, also one of an older format; the list of operations
 *   txn.c    transactions, entries, cursors
 *   space.c  how much is used and how much there is room for, by counting free pages
 *   copy.c   a copy of the whole, for a backup
 *
 * Private to store/lmdb. Threads: as store/store.h says; `room` is guarded by `lock`. Errors:
 * SL_E_ by lmdb_code(). */
#pragma once

#include "store/dir.h"
#include "store/ops.h"
#include "store/room.h"

#include <lmdb.h>
#include <pthread.h>

/** Of a table that a store, opened for reading, does not have: it is of a sluiced that did not
 * know it yet. Such a table is empty. */
static const MDB_dbi lmdb_no_table = UINT32_MAX;

struct lmdb_store {
	struct store base;
	struct dir dir;
	long format; /**< As it was found. */
	MDB_env *env;
	MDB_dbi table[STORE_TABLES];
	pthread_mutex_t lock; /**< Guards room. */
	struct room room;
};

struct lmdb_txn {
	struct store_txn base;
	struct lmdb_store *store;
	MDB_txn *txn;
	struct growth growth;
};

static inline struct lmdb_store *lmdb_of(struct store *s)
{
	return container_of(s, struct lmdb_store, base);
}

SL_BEGIN_DECLS

/** What LMDB or the system returned, in our words. */
int lmdb_code(int rc);

/* ---- txn.c ---- */

int lmdb_begin(struct store *store, enum store_mode mode, struct store_txn **ret);
int lmdb_commit(struct store_txn *txn);
void lmdb_abort(struct store_txn *txn);
int lmdb_get(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes *ret);
int lmdb_count_entries(struct store_txn *txn, enum store_table table, uint64_t *ret);
int lmdb_put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val,
	     bool last);
int lmdb_del(struct store_txn *txn, enum store_table table, struct bytes key);
int lmdb_cursor_new(struct store_txn *txn, enum store_table table, struct store_cursor **ret);
void lmdb_cursor_free(struct store_cursor *cursor);
int lmdb_move(struct store_cursor *cursor, enum store_move how, struct bytes from,
	      struct bytes *key, struct bytes *val);

/* ---- space.c ---- */

/** Count the free pages anew; with the lock held, or while nobody else has the store. */
int lmdb_count_pages(struct lmdb_store *s);
int lmdb_room(struct store *store, struct store_room *ret);
/** A writing transaction begins: count first where room may be tight. */
int lmdb_begin_growth(struct lmdb_txn *t);
/** Take what lies under `key` off the growth, when that matters. */
int lmdb_unweigh(struct lmdb_txn *t, MDB_dbi dbi, MDB_val *key);

/* ---- copy.c ---- */

int lmdb_copy(struct store *store, int (*piece)(void *user, struct bytes piece), void *user);

SL_END_DECLS
