/* The audit log: numbers, times, what is let go of, what is read. */
#include "core/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t day_ms = 24 * 3600 * 1000;

static int start(void **state)
{
	struct store *store;
	int rc = store_open_mem(&store);
	*state = store;
	return rc;
}

static int stop(void **state)
{
	store_close(*state);
	return 0;
}

static void put(struct store *store, int64_t time_ms, const struct audit_entry *like)
{
	struct store_txn *txn;
	struct audit_entry e = like ? *like : (struct audit_entry){.action = "a.b"};
	e.time_ms = time_ms;
	assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
	audit_append(txn, &e);
	assert_int_equal(store_commit(&txn), 0);
}

struct seen {
	uint64_t number[1000];
	int64_t last_ms;
	size_t n, most;
	char text[512];
};

static bool see(void *user, const struct audit_shown *e)
{
	struct seen *s = user;
	if (s->n == s->most)
		return false;
	s->number[s->n++] = e->number;
	s->last_ms = e->time_ms;
	snprintf(s->text, sizeof(s->text), "%.*s", BYTES_FMT(bytes_cut(e->text, 500)));
	return true;
}

static struct seen look(struct store *store, struct audit_range range)
{
	struct seen s = {.most = countof(s.number)};
	struct store_txn *txn;
	if (!range.until_ms)
		range.until_ms = INT64_MAX;
	assert_int_equal(store_begin(store, STORE_READ, &txn), 0);
	assert_int_equal(audit_read(txn, &range, see, &s), 0);
	store_abort(txn);
	return s;
}

static void an_empty_one_is_read(void **state)
{
	assert_int_equal(look(*state, (struct audit_range){0}).n, 0);
	assert_int_equal(look(*state, (struct audit_range){.newest_first = true}).n, 0);
}

static void an_entry_is_one_object(void **state)
{
	const struct audit_entry e = {.by = {BYTES("tok"), BYTES("10.0.0.1")},
				      .action = "feature.delete",
				      .target = BYTES("f\"x"),
				      .reason = BYTES("why"),
				      .before = BYTES("{\"a\":1}")};
	put(*state, 0, &e);
	assert_string_equal(look(*state, (struct audit_range){0}).text,
			    "{\"id\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"token\":\"tok\","
			    "\"address\":\"10.0.0.1\",\"action\":\"feature.delete\","
			    "\"target\":\"f\\\"x\",\"reason\":\"why\",\"before\":{\"a\":1}}");
}

/* A clock that is set back must not put a later entry in front of an earlier one. */
static void times_never_go_back(void **state)
{
	put(*state, 5000, NULL);
	put(*state, 3000, NULL);
	struct seen s = look(*state, (struct audit_range){.since_ms = 5000});
	assert_int_equal(s.n, 2);
	assert_int_equal(s.last_ms, 5000);
}

static void ranges_and_orders(void **state)
{
	for (int i = 1; i <= 9; i++)
		put(*state, i * 1000, NULL);
	struct seen s = look(*state, (struct audit_range){.since_ms = 3000, .until_ms = 6000});
	assert_int_equal(s.n, 3);
	assert_int_equal(s.number[0], 3);
	s = look(*state,
		 (struct audit_range){.since_ms = 3000, .until_ms = 6000, .newest_first = true});
	assert_int_equal(s.n, 3);
	assert_int_equal(s.number[0], 5);
	s = look(*state, (struct audit_range){.since_ms = 2500, .beyond = 7});
	assert_int_equal(s.n, 2);
	s = look(*state, (struct audit_range){.since_ms = 2500, .beyond = 5, .newest_first = true});
	assert_int_equal(s.n, 2);
	assert_int_equal(s.number[0], 4);
	assert_int_equal(look(*state, (struct audit_range){.since_ms = 10000}).n, 0);
	assert_int_equal(look(*state, (struct audit_range){.beyond = 1, .newest_first = true}).n,
			 0);
}

static void what_is_too_old_goes_step_by_step(void **state)
{
	for (int i = 0; i < 700; i++)
		put(*state, 0, NULL);
	put(*state, AUDIT_KEEP_DAYS * day_ms, NULL);
	assert_int_equal(look(*state, (struct audit_range){0}).n, 701);
	put(*state, AUDIT_KEEP_DAYS * day_ms + 1, NULL);
	size_t left = look(*state, (struct audit_range){0}).n;
	assert_true(left > 2 && left < 300);
	put(*state, AUDIT_KEEP_DAYS * day_ms + 2, NULL);
	struct seen s = look(*state, (struct audit_range){0});
	assert_int_equal(s.n, 3);
	assert_int_equal(s.number[2], 703);
}

static void bytes_are_bounded(void **state)
{
	char *part = malloc(AUDIT_PART_MAX);
	assert_non_null(part);
	memset(part, '1', AUDIT_PART_MAX);
	struct audit_entry e = {.action = "a.b",
				.before = bytes_of(part, AUDIT_PART_MAX),
				.after = bytes_of(part, AUDIT_PART_MAX)};
	size_t fits = AUDIT_BYTES_MAX / (2 * AUDIT_PART_MAX);
	for (size_t i = 0; i < fits + 50; i++)
		put(*state, 0, &e);
	struct store_txn *txn;
	struct seen s = {.most = 1};
	struct audit_range range = {.until_ms = INT64_MAX};
	assert_int_equal(store_begin(*state, STORE_READ, &txn), 0);
	assert_int_equal(audit_read(txn, &range, see, &s), 0);
	store_abort(txn);
	assert_true(s.number[0] > 50 && s.number[0] < 60);
	free(part);
}

static void a_great_part_is_left_out(void **state)
{
	char part[AUDIT_PART_MAX + 1];
	memset(part, '1', sizeof(part));
	struct audit_entry e = {.action = "a.b", .after = bytes_of(part, sizeof(part))};
	put(*state, 0, &e);
	assert_non_null(strstr(look(*state, (struct audit_range){0}).text,
			       "\"after\":{\"leftOut\":\"65537 bytes\"}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_one_is_read, start, stop),
		cmocka_unit_test_setup_teardown(an_entry_is_one_object, start, stop),
		cmocka_unit_test_setup_teardown(times_never_go_back, start, stop),
		cmocka_unit_test_setup_teardown(ranges_and_orders, start, stop),
		cmocka_unit_test_setup_teardown(what_is_too_old_goes_step_by_step, start, stop),
		cmocka_unit_test_setup_teardown(bytes_are_bounded, start, stop),
		cmocka_unit_test_setup_teardown(a_great_part_is_left_out, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
