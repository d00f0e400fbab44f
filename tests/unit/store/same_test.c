/* The two implementations beside each other: the same random steps, the same answers. */
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 4, TXNS = 150, STEPS = 60, KEYS = 400, VALUE_MAX = 9000 };

struct pair {
	struct rig rig[2];
	struct store_txn *txn[2];
	struct store_cursor *c[2];
	uint64_t random;
};

static unsigned below(struct pair *p, unsigned n)
{
	p->random = p->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(p->random >> 33) % n;
}

static struct bytes a_key(struct pair *p, char to[16])
{
	snprintf(to, 16, "%0*u", 2 + (int)below(p, 2), below(p, KEYS));
	return bytes_str(to);
}

static const enum store_table table[] = {STORE_JOBS, STORE_DOCS, STORE_INDEX};

static void step_get(struct pair *p)
{
	char text[16];
	struct bytes key = a_key(p, text), got[2];
	enum store_table t = table[below(p, countof(table))];
	int rc[2];
	for (int i = 0; i < 2; i++)
		rc[i] = store_get(p->txn[i], t, key, &got[i]);
	assert_int_equal(rc[0], rc[1]);
	assert_true(rc[0] || bytes_eq(got[0], got[1]));
}

static void step_write(struct pair *p)
{
	char text[16], val[VALUE_MAX];
	struct bytes key = a_key(p, text);
	enum store_table t = table[below(p, countof(table))];
	size_t len = below(p, 8) ? below(p, 200) : below(p, VALUE_MAX);
	memset(val, (int)('a' + below(p, 26)), sizeof(val));
	bool put = below(p, 5) < 3;
	for (int i = 0; i < 2; i++) {
		if (put)
			store_put(p->txn[i], t, key, bytes_of(val, len));
		else
			store_del(p->txn[i], t, key);
	}
}

/** One of the four moves, on both cursors, which stand in the first table. */
static void step_move(struct pair *p)
{
	char text[16];
	struct bytes at = below(p, 10) ? a_key(p, text) : bytes_of(NULL, 0), key[2], val[2];
	unsigned how = below(p, 8);
	int rc[2];
	for (int i = 0; i < 2; i++)
		rc[i] = how == 0   ? store_seek(p->c[i], at, &key[i], &val[i])
			: how == 1 ? store_seek_last(p->c[i], at, &key[i], &val[i])
			: how < 5  ? store_next(p->c[i], &key[i], &val[i])
				   : store_prev(p->c[i], &key[i], &val[i]);
	assert_int_equal(rc[0], rc[1]);
	assert_true(rc[0] || (bytes_eq(key[0], key[1]) && bytes_eq(val[0], val[1])));
}

static void one_transaction(struct pair *p)
{
	enum store_mode mode = below(p, 4) ? STORE_WRITE : STORE_READ;
	bool keep = below(p, 5) != 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_begin(p->rig[i].store, mode, &p->txn[i]), 0);
		assert_int_equal(store_cursor_open(p->txn[i], table[0], &p->c[i]), 0);
	}
	for (unsigned n = below(p, STEPS); n > 0; n--) {
		unsigned kind = below(p, 3);
		if (kind == 0)
			step_get(p);
		else if (kind == 1 && mode == STORE_WRITE)
			step_write(p);
		else
			step_move(p);
	}
	for (int i = 0; i < 2; i++) {
		store_cursor_free(p->c[i]);
		if (keep)
			assert_int_equal(store_commit(&p->txn[i]), 0);
		else
			store_abort(p->txn[i]);
	}
}

static size_t compare_all(struct pair *p)
{
	size_t n = 0;
	for (size_t t = 0; t < countof(table); t++) {
		struct bytes key[2], val[2];
		int rc[2] = {0};
		for (int i = 0; i < 2; i++) {
			assert_int_equal(store_begin(p->rig[i].store, STORE_READ, &p->txn[i]), 0);
			assert_int_equal(store_cursor_open(p->txn[i], table[t], &p->c[i]), 0);
			rc[i] = store_seek(p->c[i], bytes_of(NULL, 0), &key[i], &val[i]);
		}
		for (; rc[0] == 0 && rc[1] == 0; n++) {
			assert_true(bytes_eq(key[0], key[1]) && bytes_eq(val[0], val[1]));
			for (int i = 0; i < 2; i++)
				rc[i] = store_next(p->c[i], &key[i], &val[i]);
		}
		assert_int_equal(rc[0], rc[1]);
		for (int i = 0; i < 2; i++) {
			store_cursor_free(p->c[i]);
			store_abort(p->txn[i]);
		}
	}
	return n;
}

static void both_answer_alike(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct pair p = {.random = seed};
		rig_init(&p.rig[0], false);
		rig_init(&p.rig[1], true);
		for (int i = 0; i < TXNS; i++) {
			one_transaction(&p);
			if (below(&p, 40) == 0) { /* a restart */
				rig_reopen(&p.rig[0]);
				rig_reopen(&p.rig[1]);
			}
		}
		assert_true(compare_all(&p) > 100);
		rig_fini(&p.rig[0]);
		rig_fini(&p.rig[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_answer_alike)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
