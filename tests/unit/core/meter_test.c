#include "core/telemetry/meter.h"
#include "tests/unit/core/support.h"

#include <stdio.h>

static int set_up(void **state) { return meter_create((struct meter **)state); }

static int tear_down(void **state)
{
	meter_free(*state);
	return 0;
}

static bool says(const struct meter *m, const char *line)
{
	scoped(buf_finip) struct buf to;
	buf_init(&to, 8 << 20);
	meter_write(m, &to);
	assert_int_equal(to.rc, 0);
	return strstr(buf_str(&to), line) != NULL;
}

static void test_calls_are_kept_apart(void **state)
{
	struct meter *m = *state;
	meter_call(m, "AccessGate.a.qa", METER_ANSWERED, 1500);
	meter_call(m, "AccessGate.a.qa", METER_ANSWERED, 1500);
	meter_call(m, "AccessGate.b.qa", METER_TIMEOUT, 1500);
	assert_true(says(m, "sluice_plugin_call_duration_seconds_count{plugin=\"AccessGate.a.qa\","
			    "outcome=\"answered\"} 2\n"));
	assert_true(says(m, "sluice_plugin_call_duration_seconds_count{plugin=\"AccessGate.b.qa\","
			    "outcome=\"timeout\"} 1\n"));
	assert_false(says(m, "plugin=\"AccessGate.b.qa\",outcome=\"answered\""));
}

static void test_the_number_of_plugins_is_bounded(void **state)
{
	struct meter *m = *state;
	char key[40];
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < METER_PLUGINS + 20; i++) {
			snprintf(key, sizeof(key), "AccessGate.f%d.qa", i);
			meter_call(m, key, METER_ANSWERED, 10);
		}
	assert_true(says(m, "_count{plugin=\"AccessGate.f99.qa\",outcome=\"answered\"} 2\n"));
	assert_false(says(m, "AccessGate.f100.qa"));
	assert_true(says(m, "_count{plugin=\"other\",outcome=\"answered\"} 40\n"));
}

static void test_every_number_is_there_from_the_start(void **state)
{
	struct meter *m = *state;
	meter_decision(m, GATE_SUSPEND);
	assert_true(says(m, "sluice_decisions_total{decision=\"pass\"} 0\n"));
	assert_true(says(m, "sluice_decisions_total{decision=\"suspend\"} 1\n"));
	assert_true(says(m, "sluice_job_admission_seconds_count 0\n"));
	assert_true(says(m, "sluice_stage_duration_seconds_count{stage=\"SchedulerBinder\"} 0\n"));
	assert_true(says(m, "sluice_fail_open_total 0\n"));
	assert_true(says(m, "sluice_decorator_conflicts_total 0\n"));
	assert_true(says(m, "sluice_selector_seconds_count 0\n"));
}

static void test_no_meter_counts_nothing(void **state SL_UNUSED)
{
	meter_call(NULL, "x", METER_ILLEGAL, 1);
	meter_decision(NULL, GATE_PASS);
	meter_admission(NULL, 1);
	meter_stage(NULL, PLUGIN_GATE, 1);
	meter_selector(NULL, 1);
	meter_conflict(NULL);
	meter_fail_open(NULL);
	meter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calls_are_kept_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_number_of_plugins_is_bounded, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_every_number_is_there_from_the_start, set_up,
						tear_down),
		cmocka_unit_test(test_no_meter_counts_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
