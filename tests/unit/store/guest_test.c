/* The writer's guest: what it puts is in the transaction that it saw, or nothing is. */
#include "store/writer.h"
#include "tests/unit/store/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

struct house {
	struct rig rig;
	struct writer *writer;
	struct writer_guest guest;
	unsigned before, after;
	const char *refuses; /* a transaction that holds this key */
};

struct one {
	struct write write;
	const char *key;
	int rc;
	bool refuse;
};

static int apply(struct write *w, struct store_txn *txn)
{
	struct one *one = container_of(w, struct one, write);
	if (one->refuse)
		return SL_E_CONFLICT;
	store_put(txn, STORE_JOBS, bytes_str(one->key), BYTES("v"));
	return 0;
}

static void done(struct write *w, int rc) { container_of(w, struct one, write)->rc = rc; }

/* A copy of every job into another table. */
static int before_commit(void *user, struct store_txn *txn)
{
	struct house *h = user;
	static const char *const keys[] = {"a", "b", "c"};
	h->before++;
	for (size_t i = 0; i < countof(keys); i++)
		if (store_has(txn, STORE_JOBS, bytes_str(keys[i])))
			store_put(txn, STORE_META, bytes_str(keys[i]), BYTES("seen"));
	return h->refuses && store_has(txn, STORE_JOBS, bytes_str(h->refuses)) ? SL_E_NO_MEMORY : 0;
}

static void after_commit(void *user) { ((struct house *)user)->after++; }

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	rig_init(&h->rig, false);
	assert_int_equal(writer_create(h->rig.store, 100, &h->writer), 0);
	h->guest = (struct writer_guest){before_commit, after_commit, h};
	writer_invite(h->writer, &h->guest);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	writer_free(h->writer);
	rig_fini(&h->rig);
	free(h);
	return 0;
}

static void submit(struct house *h, struct one *one, const char *key)
{
	*one = (struct one){.write = {.apply = apply, .done = done}, .key = key, .rc = 1};
	assert_int_equal(writer_submit(h->writer, &one->write), 0);
}

static void it_sees_all_writes_of_a_commit(void **state)
{
	struct house *h = *state;
	struct one a, b;
	submit(h, &a, "a");
	submit(h, &b, "b");
	assert_int_equal(writer_turn(h->writer), 2);
	assert_int_equal(a.rc, 0);
	assert_int_equal(b.rc, 0);
	assert_int_equal(h->before, 1);
	assert_int_equal(h->after, 1);
	assert_true(holds(h->rig.store, STORE_META, "a", "seen"));
	assert_true(holds(h->rig.store, STORE_META, "b", "seen"));
}

/* Tried together, then each by itself: only the one that it cannot serve fails. */
static void what_it_refuses_fails_alone(void **state)
{
	struct house *h = *state;
	struct one a, b;
	h->refuses = "b";
	submit(h, &a, "a");
	submit(h, &b, "b");
	assert_int_equal(writer_turn(h->writer), 2);
	assert_int_equal(a.rc, 0);
	assert_int_equal(b.rc, SL_E_NO_MEMORY);
	assert_int_equal(h->after, 1);
	assert_true(holds(h->rig.store, STORE_META, "a", "seen"));
	assert_false(holds(h->rig.store, STORE_JOBS, "b", "v"));
	assert_false(holds(h->rig.store, STORE_META, "b", "seen"));
}

static void a_commit_that_fails_is_none(void **state)
{
	struct house *h = *state;
	struct one a;
	store_mem_fail(h->rig.store, STORE_MEM_COMMIT, 0, SL_E_IO);
	submit(h, &a, "a");
	assert_int_equal(writer_turn(h->writer), 1);
	assert_int_equal(a.rc, SL_E_IO);
	assert_int_equal(h->after, 0);
	assert_false(holds(h->rig.store, STORE_META, "a", "seen"));
}

static void nothing_written_nothing_seen(void **state)
{
	struct house *h = *state;
	struct one a;
	submit(h, &a, "a");
	a.refuse = true;
	assert_int_equal(writer_turn(h->writer), 1);
	assert_int_equal(a.rc, SL_E_CONFLICT);
	assert_int_equal(h->before + h->after, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_sees_all_writes_of_a_commit),
		TEST(what_it_refuses_fails_alone),
		TEST(a_commit_that_fails_is_none),
		TEST(nothing_written_nothing_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
