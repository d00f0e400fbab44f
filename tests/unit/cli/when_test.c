#include "cli/sluicectl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NOW = 1000000000 };

static void expect(const char *text, int sign, int64_t wanted)
{
	int64_t ms = -1;
	assert_int_equal(when_parse(text, NOW, sign, &ms), 0);
	assert_int_equal(ms, wanted);
}

static void spans_count_from_now(void **state)
{
	(void)state;
	expect("90s", -1, NOW - 90000);
	expect("15m", -1, NOW - 900000);
	expect("15 min", -1, NOW - 900000);
	expect("2h", -1, NOW - 7200000);
	expect("3d", 1, NOW + INT64_C(259200000));
}

static void moments_are_themselves(void **state)
{
	(void)state;
	expect("1700000000", -1, INT64_C(1700000000000));
	expect("0", 1, 0);
	expect("2026-11-21T20:00:00Z", -1, INT64_C(1795291200000));
	expect("2026-11-21T21:00:00.5+01:00", 1, INT64_C(1795291200500));
}

static void all_else_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "yesterday",
					  "2w",
					  "-3d",
					  "+3d",
					  "3dd",
					  "3.5h",
					  "h",
					  " 3h",
					  "99999999999999999999",
					  "1h2m",
					  "2026-11-21",
					  "999999999999999d"};
	int64_t ms;
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(when_parse(bad[i], NOW, 1, &ms), SL_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_count_from_now),
		cmocka_unit_test(moments_are_themselves),
		cmocka_unit_test(all_else_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
