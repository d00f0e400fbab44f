/* When a breaker opens, what it lets through meanwhile, and when it closes. */
#include "core/calls/breaker.h"
#include "tests/unit/core/support.h"

enum { T0 = 1000 };

static void call(struct breaker *b, bool failed, int64_t now)
{
	assert_true(breaker_lets(b, now));
	bool probe = breaker_begin(b, now);
	breaker_end(b, probe, failed, now);
}

static void test_ten_in_a_row(void **state SL_UNUSED)
{
	struct breaker b = {0};
	for (int i = 0; i < 9; i++)
		call(&b, true, T0);
	call(&b, false, T0); /* begins the count anew */
	for (int i = 0; i < 9; i++)
		call(&b, true, T0);
	assert_int_equal(b.state, BREAKER_CLOSED);
	call(&b, true, T0);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_int_equal(b.openings, 1);
	assert_false(breaker_lets(&b, T0));
	assert_false(breaker_lets(&b, T0 + 4999));
	assert_true(breaker_lets(&b, T0 + 5000));
}

/* Once there were 50 calls: over half of the last 50, no matter in which order. */
static void test_over_half_of_fifty(void **state SL_UNUSED)
{
	struct breaker b = {0};
	for (int i = 0; i < 48; i++)
		call(&b, i % 2, T0);
	call(&b, true, T0); /* 25 of 49 */
	assert_int_equal(b.state, BREAKER_CLOSED);
	call(&b, false, T0); /* 25 of 50: not over half */
	assert_int_equal(b.state, BREAKER_CLOSED);
	call(&b, true, T0); /* a success leaves the window */
	assert_int_equal(b.state, BREAKER_OPEN);
}

static void test_old_failures_are_forgotten(void **state SL_UNUSED)
{
	struct breaker b = {0};
	for (int i = 0; i < 9; i++)
		call(&b, true, T0);
	for (int i = 0; i < 50; i++)
		call(&b, false, T0);
	assert_true(breaker_is_blank(&b));
	for (int i = 0; i < 9; i++)
		call(&b, true, T0);
	assert_int_equal(b.state, BREAKER_CLOSED);
}

static void open_it(struct breaker *b)
{
	for (int i = 0; i < 10; i++)
		call(b, true, T0);
}

static void test_one_probe_that_succeeds(void **state SL_UNUSED)
{
	struct breaker b = {0};
	open_it(&b);
	assert_true(breaker_begin(&b, T0 + 5000));
	assert_int_equal(b.state, BREAKER_PROBING);
	assert_false(breaker_lets(&b, T0 + 5000)); /* one only */
	assert_false(breaker_lets(&b, T0 + 500000));
	breaker_end(&b, true, false, T0 + 5100);
	assert_int_equal(b.state, BREAKER_CLOSED);
	assert_true(breaker_is_blank(&b));
	for (int i = 0; i < 9; i++)
		call(&b, true, T0 + 6000);
	assert_int_equal(b.state, BREAKER_CLOSED);
}

static void test_one_probe_that_fails(void **state SL_UNUSED)
{
	struct breaker b = {0};
	open_it(&b);
	assert_true(breaker_begin(&b, T0 + 5000));
	breaker_end(&b, true, true, T0 + 7000);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_int_equal(b.openings, 2);
	assert_false(breaker_lets(&b, T0 + 11999));
	assert_true(breaker_lets(&b, T0 + 12000));
}

static void test_a_probe_that_was_dropped(void **state SL_UNUSED)
{
	struct breaker b = {0};
	open_it(&b);
	assert_true(breaker_begin(&b, T0 + 5000));
	breaker_abandon(&b, true, T0 + 5500);
	assert_true(breaker_lets(&b, T0 + 5500));
	assert_true(breaker_begin(&b, T0 + 5500));
}

/* Calls that were under way when it opened say nothing any more, good or bad. */
static void test_late_answers(void **state SL_UNUSED)
{
	struct breaker b = {0};
	open_it(&b);
	breaker_end(&b, false, false, T0 + 10);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_true(breaker_begin(&b, T0 + 5000));
	breaker_end(&b, false, false, T0 + 5001);
	breaker_end(&b, false, true, T0 + 5001);
	assert_int_equal(b.state, BREAKER_PROBING);
	breaker_abandon(&b, false, T0 + 5001);
	assert_int_equal(b.state, BREAKER_PROBING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_in_a_row),
		cmocka_unit_test(test_over_half_of_fifty),
		cmocka_unit_test(test_old_failures_are_forgotten),
		cmocka_unit_test(test_one_probe_that_succeeds),
		cmocka_unit_test(test_one_probe_that_fails),
		cmocka_unit_test(test_a_probe_that_was_dropped),
		cmocka_unit_test(test_late_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
