/* What an implementation of the store provides: lmdb/ and mem.c behind store.c.
 *
 * Private to store/. store.c checks arguments, keeps the sticky error and knows where a
 * cursor stands; an implementation only moves bytes. Its structs begin with the ones
 * here. Threads as in store/store.h. */
#pragma once

#include "store/store.h"

/** Where a cursor goes. AT_OR_AFTER takes a key; NEXT and PREV start where it stands. */
enum store_move { MOVE_FIRST, MOVE_LAST, MOVE_AT_OR_AFTER, MOVE_NEXT, MOVE_PREV };

struct store_ops {
	void (*close)(struct store *store);
	int (*begin)(struct store *store, enum store_mode mode, struct store_txn **ret);
	/** Both end the transaction, whatever they return. */
	int (*commit)(struct store_txn *txn);
	void (*abort)(struct store_txn *txn);

	int (*get)(struct store_txn *txn, enum store_table table, struct bytes key,
		   struct bytes *ret);
	/** `last`: behind all keys of the table; SL_E_INVALID where it is not. */
	int (*put)(struct store_txn *txn, enum store_table table, struct bytes key,
		   struct bytes val, bool last);
	int (*del)(struct store_txn *txn, enum store_table table, struct bytes key);

	int (*count)(struct store_txn *txn, enum store_table table, uint64_t *ret);
	int (*cursor_open)(struct store_txn *txn, enum store_table table,
			   struct store_cursor **ret);
	void (*cursor_free)(struct store_cursor *c);
	int (*move)(struct store_cursor *c, enum store_move how, struct bytes from,
		    struct bytes *key, struct bytes *val);

	/** NULL: cannot. */
	int (*copy)(struct store *store, int (*piece)(void *user, struct bytes piece), void *user);
	int (*room)(struct store *store, struct store_room *ret);
};

struct store {
	const struct store_ops *ops;
	int is_broken; /**< Set once, by store_break(). */
	void (*broken)(void *user);
	void *user;
};

/** Nobody knows what of a commit is on the disk: nothing is written from here on. */
void store_break(struct store *store);

enum { STORE_ADDS_MAX = 32, STORE_ADD_KEY_MAX = 336, STORE_COUNTER_SIZE = 8 };

/** Counters that are still to be changed: adds.c. */
struct store_adds {
	size_t n;
	struct store_add {
		enum store_table table;
		int64_t by;
		uint8_t value[STORE_COUNTER_SIZE]; /**< Lent to who asked for it. */
		size_t key_len;
		uint8_t key[STORE_ADD_KEY_MAX];
	} add[STORE_ADDS_MAX];
};

struct store_txn {
	const struct store_ops *ops;
	enum store_mode mode;
	int failed;              /**< The first failure. */
	uint64_t changes;        /**< Puts and deletes so far. */
	unsigned cursors;        /**< Open now. */
	struct store_adds *adds; /**< NULL: none so far. */
	struct store_lent *lent; /**< Memory that was lent. */
};

struct store_cursor {
	struct store_txn *txn;
	bool placed;      /**< It stands on a key: in a writing transaction, on `key`. */
	uint64_t changes; /**< The transaction's when it was placed. */
	size_t key_len;
	uint8_t key[STORE_KEY_MAX];
};

/** Let the first failure of a writing transaction stick; returns `rc`. */
int store_keep(struct store_txn *txn, int rc);

/** Put what was gathered. */
void adds_write(struct store_txn *txn);
/** Likewise, if there is something of this table. */
void adds_write_of(struct store_txn *txn, enum store_table table);
/** Is this a counter that was added to? Then `*ret_rc` and `*ret` are as of store_get(). */
bool adds_get(struct store_txn *txn, enum store_table table, struct bytes key, int *ret_rc,
	      struct bytes *ret);
