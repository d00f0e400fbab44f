#include "core/base/metric.h"
#include "tests/unit/base/unit.h"

static struct buf text_buf(void)
{
	struct buf b;
	buf_init(&b, 64 * 1024);
	return b;
}

static void test_buckets_are_cumulative(void **state SL_UNUSED)
{
	struct metric_histogram h = {0};
	metric_observe(&h, &metric_numbers, 1);
	metric_observe(&h, &metric_numbers, 2);
	metric_observe(&h, &metric_numbers, 1000);
	scoped(buf_finip) struct buf to = text_buf();
	metric_sample_histogram(&to, "x", "", &metric_numbers, &h);
	assert_non_null(strstr(buf_str(&to), "x_bucket{le=\"1\"} 1\n"));
	assert_non_null(strstr(buf_str(&to), "x_bucket{le=\"2\"} 2\n"));
	assert_non_null(strstr(buf_str(&to), "x_bucket{le=\"256\"} 2\n"));
	assert_non_null(strstr(buf_str(&to), "x_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(buf_str(&to), "x_sum 1003\nx_count 3\n"));
}

static void test_an_edge_belongs_to_its_bucket(void **state SL_UNUSED)
{
	struct metric_histogram h = {0};
	metric_observe(&h, &metric_seconds, 2500);
	scoped(buf_finip) struct buf to = text_buf();
	metric_sample_histogram(&to, "x_seconds", "a=\"b\"", &metric_seconds, &h);
	assert_non_null(strstr(buf_str(&to), "x_seconds_bucket{a=\"b\",le=\"0.001\"} 0\n"));
	assert_non_null(strstr(buf_str(&to), "x_seconds_bucket{a=\"b\",le=\"0.0025\"} 1\n"));
	assert_non_null(strstr(buf_str(&to), "x_seconds_bucket{a=\"b\",le=\"300\"} 1\n"));
	assert_non_null(strstr(buf_str(&to), "x_seconds_sum{a=\"b\"} 0.0025\n"));
	assert_non_null(strstr(buf_str(&to), "x_seconds_count{a=\"b\"} 1\n"));
}

static void test_a_label_cannot_break_out(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf labels = text_buf();
	metric_label(&labels, "a", BYTES("x\"} 1\nforged 2\\"));
	metric_label(&labels, "b", BYTES(""));
	assert_string_equal(buf_str(&labels), "a=\"x\\\"} 1\\nforged 2\\\\\",b=\"\"");
}

static void test_single_has_help_and_type(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf to = text_buf();
	metric_single(&to, "up", "gauge", "two\nlines", 1);
	assert_string_equal(buf_str(&to), "# HELP up two\\nlines\n# TYPE up gauge\nup 1\n");
}

static void test_microseconds_are_shown_as_seconds(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf to = text_buf();
	metric_sample_us(&to, "t", "", 3000000);
	metric_sample_us(&to, "t", "", 1000001);
	metric_sample_us(&to, "t", "", 10);
	assert_string_equal(buf_str(&to), "t 3\nt 1.000001\nt 0.00001\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets_are_cumulative),
		cmocka_unit_test(test_an_edge_belongs_to_its_bucket),
		cmocka_unit_test(test_a_label_cannot_break_out),
		cmocka_unit_test(test_single_has_help_and_type),
		cmocka_unit_test(test_microseconds_are_shown_as_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
