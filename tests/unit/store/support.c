#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void dir_make(char path[64])
{
	snprintf(path, 64, "/tmp/store-test-XXXXXX");
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

void dir_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int store_at(const char *path, size_t size_max, struct store **ret, struct sl_error *err)
{
	struct store_config config = {
		.path = path, .size_max = size_max, .readers_max = RIG_READERS};
	return store_open_lmdb(&config, ret, err);
}

void rig_init(struct rig *rig, bool lmdb)
{
	*rig = (struct rig){.lmdb = lmdb};
	if (lmdb) {
		dir_make(rig->path);
		assert_int_equal(store_at(rig->path, RIG_SIZE_MAX, &rig->store, NULL), 0);
	} else {
		assert_int_equal(store_open_mem(&rig->store), 0);
	}
}

void rig_reopen(struct rig *rig)
{
	struct store *old = rig->store;
	if (rig->lmdb) {
		store_close(old);
		assert_int_equal(store_at(rig->path, RIG_SIZE_MAX, &rig->store, NULL), 0);
	} else {
		assert_int_equal(store_mem_reopen(old, &rig->store), 0);
		store_close(old);
	}
}

void rig_fini(struct rig *rig)
{
	rig->store = store_close(rig->store);
	if (rig->lmdb)
		dir_remove(rig->path);
}

int put_one(struct store *store, enum store_table table, const char *key, const char *val)
{
	struct store_txn *txn;
	int rc = store_begin(store, STORE_WRITE, &txn);
	if (rc)
		return rc;
	store_put(txn, table, bytes_str(key), bytes_str(val));
	return store_commit(&txn);
}

bool has_value(struct store_txn *txn, enum store_table table, const char *key, const char *val)
{
	struct bytes got;
	return store_get(txn, table, bytes_str(key), &got) == 0 && bytes_is(got, val);
}

bool holds(struct store *store, enum store_table table, const char *key, const char *val)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
	return has_value(txn, table, key, val);
}
