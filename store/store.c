#include "store/ops.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

struct store *store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
	return NULL;
}

int store_room(struct store *store, struct store_room *ret) { return store->ops->room(store, ret); }

/* ---- when the disk has failed ---- */

void store_on_broken(struct store *store, void (*broken)(void *user), void *user)
{
	store->broken = broken;
	store->user = user;
}

void store_break(struct store *store)
{
	if (!__atomic_exchange_n(&store->is_broken, 1, __ATOMIC_ACQ_REL) && store->broken)
		store->broken(store->user);
}

int store_copy(struct store *store, int (*piece)(void *user, struct bytes piece), void *user)
{
	return store->ops->copy ? store->ops->copy(store, piece, user) : SL_E_METHOD;
}

/* ---- transactions ---- */

int store_begin(struct store *store, enum store_mode mode, struct store_txn **ret)
{
	struct store_txn *txn;
	if (mode == STORE_WRITE && __atomic_load_n(&store->is_broken, __ATOMIC_ACQUIRE))
		return SL_E_IO;
	int rc = store->ops->begin(store, mode, &txn);
	if (rc)
		return rc;
	txn->ops = store->ops;
	txn->mode = mode;
	txn->adds = NULL;
	txn->lent = NULL;
	*ret = txn;
	return 0;
}

int store_failed(const struct store_txn *txn) { return txn->failed; }

int store_keep(struct store_txn *txn, int rc)
{
	if (rc && rc != SL_E_NOT_FOUND && txn->mode == STORE_WRITE && !txn->failed)
		txn->failed = rc;
	return rc;
}

void store_fail(struct store_txn *txn, int rc) { store_keep(txn, rc); }

static bool key_fits(struct bytes key) { return key.len > 0 && key.len <= STORE_KEY_MAX; }

int store_get(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes *ret)
{
	if (txn->failed)
		return txn->failed;
	if (!key_fits(key))
		return SL_E_NOT_FOUND;
	int rc;
	if (adds_get(txn, table, key, &rc, ret))
		return rc;
	return store_keep(txn, txn->ops->get(txn, table, key, ret));
}

int store_count(struct store_txn *txn, enum store_table table, uint64_t *ret)
{
	adds_write_of(txn, table);
	return txn->failed ? txn->failed : store_keep(txn, txn->ops->count(txn, table, ret));
}

bool store_has(struct store_txn *txn, enum store_table table, struct bytes key)
{
	struct bytes val;
	return store_get(txn, table, key, &val) == 0;
}

static void put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val,
		bool last)
{
	assert(txn->mode == STORE_WRITE);
	if (txn->failed)
		return;
	txn->changes++;
	adds_write_of(txn, table);
	if (!key_fits(key) || val.len > UINT32_MAX)
		store_keep(txn, SL_E_INVALID);
	else
		store_keep(txn, txn->ops->put(txn, table, key, val, last));
}

void store_put(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val)
{
	put(txn, table, key, val, false);
}

void store_append(struct store_txn *txn, enum store_table table, struct bytes key, struct bytes val)
{
	put(txn, table, key, val, true);
}

void store_put_buf(struct store_txn *txn, enum store_table table, struct bytes key,
		   const struct buf *record)
{
	if (record->rc)
		store_fail(txn, record->rc);
	else
		store_put(txn, table, key, buf_bytes(record));
}

void store_del(struct store_txn *txn, enum store_table table, struct bytes key)
{
	assert(txn->mode == STORE_WRITE);
	if (txn->failed || !key_fits(key))
		return;
	txn->changes++;
	adds_write_of(txn, table);
	store_keep(txn, txn->ops->del(txn, table, key));
}

struct store_lent {
	struct store_lent *next;
	max_align_t at[];
};

void *store_lend(struct store_txn *txn, size_t len)
{
	struct store_lent *lent = len < SIZE_MAX / 2 ? malloc(sizeof(*lent) + len) : NULL;
	if (!lent)
		return NULL;
	lent->next = txn->lent;
	txn->lent = lent;
	return lent->at;
}

void store_take_back(struct store_txn *txn)
{
	for (struct store_lent *lent; (lent = txn->lent);) {
		txn->lent = lent->next;
		free(lent);
	}
}

int store_commit(struct store_txn **txn)
{
	struct store_txn *t = take_ptr(txn);
	assert(t->cursors == 0);
	store_take_back(t);
	adds_write(t);
	free(t->adds);
	int failed = t->failed;
	if (!failed)
		return t->ops->commit(t);
	t->ops->abort(t);
	return failed;
}

struct store_txn *store_abort(struct store_txn *txn)
{
	if (txn) {
		assert(txn->cursors == 0);
		store_take_back(txn);
		free(txn->adds);
		txn->ops->abort(txn);
	}
	return NULL;
}

/* ---- cursors ---- */

int store_cursor_open(struct store_txn *txn, enum store_table table, struct store_cursor **ret)
{
	if (txn->failed)
		return txn->failed;
	struct store_cursor *c;
	adds_write_of(txn, table);
	int rc = store_keep(txn, txn->ops->cursor_open(txn, table, &c));
	if (rc)
		return rc;
	c->txn = txn;
	txn->cursors++;
	*ret = c;
	return 0;
}

struct store_cursor *store_cursor_free(struct store_cursor *c)
{
	if (c) {
		c->txn->cursors--;
		c->txn->ops->cursor_free(c);
	}
	return NULL;
}

static int move(struct store_cursor *c, enum store_move how, struct bytes from, struct bytes *key,
		struct bytes *val)
{
	return store_keep(c->txn, c->txn->ops->move(c, how, from, key, val));
}

/** Remember where the cursor stands, and pass `rc` on. */
static int place(struct store_cursor *c, int rc, const struct bytes *key)
{
	c->placed = rc == 0;
	if (rc || c->txn->mode == STORE_READ)
		return rc;
	c->changes = c->txn->changes;
	c->key_len = key->len;
	memcpy(c->key, key->at, key->len);
	return 0;
}

int store_seek(struct store_cursor *c, struct bytes from, struct bytes *key, struct bytes *val)
{
	if (c->txn->failed)
		return c->txn->failed;
	if (from.len > STORE_KEY_MAX)
		from.len = STORE_KEY_MAX;
	return place(c, move(c, from.len ? MOVE_AT_OR_AFTER : MOVE_FIRST, from, key, val), key);
}

int store_seek_last(struct store_cursor *c, struct bytes upto, struct bytes *key, struct bytes *val)
{
	if (c->txn->failed)
		return c->txn->failed;
	if (upto.len > STORE_KEY_MAX)
		upto.len = STORE_KEY_MAX;
	int rc = upto.len ? move(c, MOVE_AT_OR_AFTER, upto, key, val) : SL_E_NOT_FOUND;
	if (rc == SL_E_NOT_FOUND)
		rc = move(c, MOVE_LAST, upto, key, val);
	else if (!rc && !bytes_eq(*key, upto))
		rc = move(c, MOVE_PREV, upto, key, val);
	return place(c, rc, key);
}

/** Whether something was written since the cursor was placed, so that it must look again. */
static bool stale(const struct store_cursor *c)
{
	return c->txn->mode == STORE_WRITE && c->changes != c->txn->changes;
}

int store_next(struct store_cursor *c, struct bytes *key, struct bytes *val)
{
	if (c->txn->failed)
		return c->txn->failed;
	if (!c->placed)
		return SL_E_NOT_FOUND;
	struct bytes here = bytes_of(c->key, c->key_len);
	int rc = 0;
	bool at_next = false;
	if (stale(c)) {
		rc = move(c, MOVE_AT_OR_AFTER, here, key, val);
		at_next = !rc && !bytes_eq(*key, here);
	}
	if (!rc && !at_next)
		rc = move(c, MOVE_NEXT, here, key, val);
	return place(c, rc, key);
}

int store_prev(struct store_cursor *c, struct bytes *key, struct bytes *val)
{
	if (c->txn->failed)
		return c->txn->failed;
	if (!c->placed)
		return SL_E_NOT_FOUND;
	struct bytes here = bytes_of(c->key, c->key_len);
	int rc = stale(c) ? move(c, MOVE_AT_OR_AFTER, here, key, val) : 0;
	if (rc == SL_E_NOT_FOUND)
		rc = move(c, MOVE_LAST, here, key, val);
	else if (!rc)
		rc = move(c, MOVE_PREV, here, key, val);
	return place(c, rc, key);
}
