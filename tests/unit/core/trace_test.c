#include "core/base/crypt.h"
#include "core/telemetry/otlp.h"
#include "core/telemetry/trace.h"
#include "tests/unit/core/support.h"

#include <stdlib.h>

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static const struct uuid job = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0x80, 0}};

static int set_up(void **state SL_UNUSED) { return crypt_start(); }

static void test_what_a_traceparent_is(void **state SL_UNUSED)
{
	assert_true(trace_is_parent(BYTES(PARENT)));
	assert_true(
		trace_is_parent(BYTES("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")));
	static const char *const others[] = {
		"",
		"00",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
	};
	for (size_t i = 0; i < countof(others); i++)
		assert_false(trace_is_parent(bytes_str(others[i])));
}

static void test_a_job_goes_on_with_its_submitters_trace(void **state SL_UNUSED)
{
	struct trace trace;
	char text[TRACE_TEXT_SIZE];
	trace_of_job(job, BYTES(PARENT), 0, &trace);
	assert_true(trace.sampled);
	trace_format(&trace, trace.parent, text);
	assert_string_equal(text, PARENT);
}

static void test_without_one_it_has_its_own(void **state SL_UNUSED)
{
	struct trace trace, again;
	char text[TRACE_TEXT_SIZE];
	trace_of_job(job, BYTES("nonsense"), 100, &trace);
	trace_of_job(job, BYTES(PARENT), 100, &again);
	trace_format(&trace, trace.job, text);
	assert_memory_equal(text, "00-0102030405060708090a0b0c0d0e8000-", 36);
	assert_string_equal(text + 53, "01");
	assert_memory_equal(trace.job, again.job, TRACE_SPAN_SIZE); /* its span has one name */
}

static void test_so_many_in_a_hundred_are_sampled(void **state SL_UNUSED)
{
	struct uuid id = job;
	size_t sampled = 0;
	for (unsigned i = 0; i < 65536; i += 16) {
		struct trace trace;
		id.at[14] = (uint8_t)(i >> 8);
		id.at[15] = (uint8_t)i;
		trace_of_job(id, BYTES(""), 25, &trace);
		sampled += trace.sampled;
		trace_of_job(id, BYTES(""), 0, &trace);
		assert_false(trace.sampled);
		trace_of_job(id, BYTES(""), 100, &trace);
		assert_true(trace.sampled);
	}
	assert_int_equal(sampled, 4096 / 4);
}

static void test_a_span_holds_what_it_can(void **state SL_UNUSED)
{
	struct trace trace;
	char wide[2000];
	memset(wide, 'w', sizeof(wide));
	trace_of_job(job, BYTES(""), 100, &trace);
	scoped(span_freep) struct span *s =
		span_create(&trace, trace.job, trace.parent, SPAN_CLIENT, BYTES("name"));
	for (int i = 0; i < SPAN_ATTRIBUTES + 5; i++)
		span_add_text(s, "wide", bytes_of(wide, sizeof(wide)));
	span_add_number(s, "number", 1);
	span_fail(s, bytes_of(wide, sizeof(wide)));
	scoped(buf_finip) struct buf to = {0};
	buf_init(&to, 1 << 20);
	assert_int_equal(otlp_print((const struct span *const *)&s, 1, "1.0", &to), 0);
	assert_non_null(strstr(buf_str(&to), "\"name\":\"name\""));
	assert_non_null(strstr(buf_str(&to), "\"key\":\"number\",\"value\":{\"intValue\":\"1\"}"));
	assert_non_null(strstr(buf_str(&to), "\"status\":{\"code\":2}"));
	assert_null(strstr(buf_str(&to), "parentSpanId"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_traceparent_is),
		cmocka_unit_test(test_a_job_goes_on_with_its_submitters_trace),
		cmocka_unit_test(test_without_one_it_has_its_own),
		cmocka_unit_test(test_so_many_in_a_hundred_are_sampled),
		cmocka_unit_test(test_a_span_holds_what_it_can),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
