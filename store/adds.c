/* Counters of a writing transaction, gathered: a batch of many writes changes the same few
 * of them again and again. They are put when the transaction is committed, or before
 * somebody walks over their table or puts into it himself. */
#include "store/ops.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t number_of(struct bytes value)
{
	uint64_t n = 0;
	for (size_t i = 0; value.len == STORE_COUNTER_SIZE && i < value.len; i++)
		n = n << 8 | ((const uint8_t *)value.at)[i];
	return n;
}

/* What the counter is with what was added, or 0 when that is not known. */
static uint64_t sum(struct store_txn *txn, const struct store_add *a)
{
	struct bytes key = bytes_of(a->key, a->key_len), old;
	int rc = store_keep(txn, txn->ops->get(txn, a->table, key, &old));
	uint64_t n = rc ? 0 : number_of(old);
	return a->by < 0 && n < (uint64_t)-a->by ? 0 : n + (uint64_t)a->by;
}

static void write_text(uint64_t n, uint8_t to[STORE_COUNTER_SIZE])
{
	for (size_t i = 0; i < STORE_COUNTER_SIZE; i++)
		to[i] = (uint8_t)(n >> 8 * (STORE_COUNTER_SIZE - 1 - i));
}

static void write_one(struct store_txn *txn, const struct store_add *a)
{
	struct bytes key = bytes_of(a->key, a->key_len);
	uint8_t value[STORE_COUNTER_SIZE];
	uint64_t n = a->by ? sum(txn, a) : 0;
	if (!a->by || txn->failed)
		return;
	write_text(n, value);
	store_keep(txn, n ? txn->ops->put(txn, a->table, key, bytes_of(value, sizeof(value)), false)
			  : txn->ops->del(txn, a->table, key));
}

void adds_write(struct store_txn *txn)
{
	for (size_t i = 0; txn->adds && i < txn->adds->n; i++)
		write_one(txn, &txn->adds->add[i]);
	if (txn->adds)
		txn->adds->n = 0;
}

void adds_write_of(struct store_txn *txn, enum store_table table)
{
	for (size_t i = 0; txn->adds && i < txn->adds->n; i++)
		if (txn->adds->add[i].table == table) {
			adds_write(txn);
			return;
		}
}

static struct store_add *find(struct store_adds *adds, enum store_table table, struct bytes key)
{
	for (size_t i = 0; adds && i < adds->n; i++) {
		struct store_add *a = &adds->add[i];
		if (a->table == table && bytes_eq(bytes_of(a->key, a->key_len), key))
			return a;
	}
	return NULL;
}

bool adds_get(struct store_txn *txn, enum store_table table, struct bytes key, int *ret_rc,
	      struct bytes *ret)
{
	struct store_add *a = find(txn->adds, table, key);
	if (!a)
		return false;
	uint64_t n = sum(txn, a);
	write_text(n, a->value);
	*ret_rc = txn->failed ? txn->failed : n ? 0 : SL_E_NOT_FOUND;
	*ret = bytes_of(a->value, sizeof(a->value));
	return true;
}

/* Its entry, or a new one. */
static struct store_add *find_or_make(struct store_txn *txn, enum store_table table,
				      struct bytes key)
{
	struct store_add *a = find(txn->adds, table, key);
	if (a)
		return a;
	if (txn->adds->n == STORE_ADDS_MAX)
		adds_write(txn);
	a = &txn->adds->add[txn->adds->n++];
	a->table = table;
	a->by = 0;
	a->key_len = key.len;
	memcpy(a->key, key.at, key.len);
	return a;
}

void store_add(struct store_txn *txn, enum store_table table, struct bytes key, int64_t by)
{
	assert(txn->mode == STORE_WRITE);
	if (txn->failed)
		return;
	txn->changes++;
	if (!txn->adds) {
		txn->adds = malloc(sizeof(*txn->adds));
		if (txn->adds)
			txn->adds->n = 0;
	}
	if (!txn->adds)
		store_keep(txn, SL_E_NO_MEMORY);
	else if (key.len == 0 || key.len > STORE_ADD_KEY_MAX)
		store_keep(txn, SL_E_INVALID);
	else
		find_or_make(txn, table, key)->by += by;
}
