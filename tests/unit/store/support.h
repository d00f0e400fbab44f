/* What the tests of the store share: a directory of their own, and the two
 * implementations behind one rig. Asserts instead of returning errors. */
#pragma once

#include "store/store.h"
#include "store/store_mem.h"

enum { RIG_SIZE_MAX = 64 << 20, RIG_READERS = 16 };

/** A store under test; `lmdb` in a directory that goes away with rig_fini(). */
struct rig {
	bool lmdb;
	char path[64];
	struct store *store;
};

void rig_init(struct rig *rig, bool lmdb);
void rig_reopen(struct rig *rig); /**< Like a restart; what was not committed is gone. */
void rig_fini(struct rig *rig);

void dir_make(char path[64]);
void dir_remove(const char *path);
/** Open the store in a directory; the error is for the caller to look at. */
int store_at(const char *path, size_t size_max, struct store **ret, struct sl_error *err);

/** One put in a transaction of its own; its result. */
int put_one(struct store *store, enum store_table table, const char *key, const char *val);
/** Whether `key` is there with just this value. */
bool has_value(struct store_txn *txn, enum store_table table, const char *key, const char *val);
/** The same, in a transaction of its own. */
bool holds(struct store *store, enum store_table table, const char *key, const char *val);
