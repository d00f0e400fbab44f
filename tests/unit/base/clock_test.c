#include "tests/unit/base/unit.h"

#include "core/base/clock.h"
#include "core/base/err.h"
#include "tests/lib/fake_clock.h"

static void check(const char *text, int64_t want)
{
	int64_t ms = -1;
	if (time_parse(bytes_str(text), &ms) != 0 || ms != want)
		fail_msg("%s is %lld, not %lld", text, (long long)ms, (long long)want);
}

static void refuse(struct bytes text)
{
	int64_t ms = 42;
	if (time_parse(text, &ms) != SL_E_INVALID || ms != 42)
		fail_msg("\"%.*s\" was taken", BYTES_FMT(text));
}

static void test_format(void **state SL_UNUSED)
{
	char out[TIME_TEXT_SIZE];
	assert_string_equal(time_format(0, out), "1970-01-01T00:00:00.000Z");
	assert_string_equal(time_format(1, out), "1970-01-01T00:00:00.001Z");
	assert_string_equal(time_format(1795291200123, out), "2026-11-21T20:00:00.123Z");
	assert_string_equal(time_format(951782400000, out), "2000-02-29T00:00:00.000Z");
	assert_string_equal(time_format(253402300799999, out), "9999-12-31T23:59:59.999Z");
	assert_string_equal(time_format(-1, out), "1969-12-31T23:59:59.999Z");
	assert_string_equal(time_format(-60505660800000, out), "0052-08-26T00:00:00.000Z");
	assert_string_equal(time_format(-1000, out), "1969-12-31T23:59:59.000Z");
}

static void test_parse(void **state SL_UNUSED)
{
	check("2026-11-21T20:00:00Z", 1795291200000);
	check("2026-11-21t20:00:00z", 1795291200000);
	check("2026-11-21 20:00:00Z", 1795291200000);
	check("2026-11-21T20:00:00.5Z", 1795291200500);
	check("2026-11-21T20:00:00.123Z", 1795291200123);
	check("2026-11-21T20:00:00.123999999Z", 1795291200123);
	check("2026-11-21T22:00:00+02:00", 1795291200000);
	check("2026-11-21T14:30:00.250-05:30", 1795291200250);
	check("2026-11-22T00:30:00+04:30", 1795291200000);
	check("2026-11-21T20:00:00-00:00", 1795291200000);
	check("2000-02-29T00:00:00Z", 951782400000);
	check("2016-12-31T23:59:60Z", 1483228800000);
	check("1970-01-01T00:00:00Z", 0);
	check("1969-12-31T23:59:59.999Z", -1);
}

static void test_parse_refuses(void **state SL_UNUSED)
{
	static const char *const bad[] = {
		"",
		"2026-11-21",
		"2026-11-21T20:00:00",
		"2026-11-21T20:00Z",
		"2026-11-21T20:00:00.Z",
		"2026-11-21T20:00:00,5Z",
		"2026-11-21T20:00:00ZZ",
		"2026-11-21T20:00:00Z ",
		" 2026-11-21T20:00:00Z",
		"2026-13-21T20:00:00Z",
		"2026-00-21T20:00:00Z",
		"2026-11-32T20:00:00Z",
		"2026-11-31T20:00:00Z",
		"2026-02-29T20:00:00Z",
		"2100-02-29T20:00:00Z",
		"2026-11-00T20:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T20:60:00Z",
		"2026-11-21T20:00:61Z",
		"2026-11-21T20:00:00+0200",
		"9999-12-31T23:59:59-00:01",
		"0000-01-01T00:00:00+00:01",
		"2026-11-21T20:00:00+2:00",
		"2026-11-21T20:00:00+24:00",
		"2026-11-21T20:00:00+02:60",
		"2026-11-21T20:00:00+-2:00",
		"2026-11-21T20:00:00+02:-1",
		"2026-11-21T20:00:00+2: 01",
		"2026-11-21T20:00:00+02:+1",
		"2026-11-21X20:00:00Z",
		"20261-11-21T20:00:00Z",
		"+2026-1-21T20:00:00Z",
		"2026-1-21T 20:00:00Z",
		"2026- 1-21T20:00:00Z",
		"2026-11-21T 8:00:00Z",
		"2026-11-21T20:00:00.000000000000000000000000000Z",
	};
	for (size_t i = 0; i < countof(bad); i++)
		refuse(bytes_str(bad[i]));
	refuse(BYTES("2026-11-21T20:00:00Z\0"));
	refuse(BYTES("2026-11-21T20:00:0\0Z"));
}

static void test_there_and_back(void **state SL_UNUSED)
{
	char out[TIME_TEXT_SIZE];
	for (int64_t ms = 1; ms < INT64_C(253402300799999); ms = ms * 3 + 17)
		check(time_format(ms, out), ms);
}

static void test_system_clock(void **state SL_UNUSED)
{
	int64_t mono = clock_mono_us(&clock_system);
	assert_true(clock_wall_ms(&clock_system) > INT64_C(1700000000000));
	assert_true(clock_mono_us(&clock_system) >= mono);
	assert_true(clock_mono_ms(&clock_system) >= mono / 1000);
}

/* Only back, by how much, and once. */
static void test_turned_back(void **state SL_UNUSED)
{
	struct fake_clock clock;
	struct clock_watch watch;
	fake_clock_init(&clock, 1000000000);
	clock_watch_begin(&watch, &clock.base);
	fake_clock_pass(&clock, 5000);
	assert_int_equal(clock_watch_look(&watch, &clock.base), 0);
	clock.now_wall_ms -= CLOCK_BACK_LEAST_MS;
	assert_int_equal(clock_watch_look(&watch, &clock.base), 0);
	clock.now_wall_ms += 3600000;
	assert_int_equal(clock_watch_look(&watch, &clock.base), 0);
	fake_clock_pass(&clock, 10);
	clock.now_wall_ms -= 7200000;
	assert_int_equal(clock_watch_look(&watch, &clock.base), 7200000);
	assert_int_equal(clock_watch_look(&watch, &clock.base), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),        cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses), cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_system_clock),  cmocka_unit_test(test_turned_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
