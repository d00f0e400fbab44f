#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/quantity.h"

static const struct {
	const char *a, *b;
	bool equal;
} cases[] = {
	{"1", "1000m", true},
	{"1", "1.0", true},
	{"+1", "1", true},
	{"0.5", "500m", true},
	{".5", "500m", true},
	{"1.", "1", true},
	{"1Ki", "1024", true},
	{"1Mi", "1024Ki", true},
	{"1Gi", "1073741824", true},
	{"1Ei", "1152921504606846976", false}, /* 19 digits: by text. */
	{"1Ei", "1024Pi", true},
	{"1k", "1e3", true},
	{"1E3", "1000", true},
	{"1E", "1000P", true},
	{"100u", "0.1m", true},
	{"1n", "0.001u", true},
	{"1e-3", "1m", true},
	{"0", "0Gi", true},
	{"-0", "0", true},
	{"0.5Gi", "512Mi", true},
	{"1", "1m", false},
	{"1", "-1", false},
	{"1M", "1Mi", false},
	{"1", "10", false},
	{"2", "4", false},
	{"1e99999", "1e99998", false},
	{"1e99999999999999999999", "1e99999999999999999998", false},
	{"", "0", false},
	{"x", "x", true},
	{"x", "y", false},
	{"1 ", "1", false},
	{"1e", "1", false},
	{"1K", "1000", false},
	{".", "0", false},
	{"--1", "1", false},
	{"1234567890123456789", "1234567890123456789.0", false},
};

static void test_amounts(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct bytes a = bytes_str(cases[i].a), b = bytes_str(cases[i].b);
		if (quantity_equal(a, b) != cases[i].equal ||
		    quantity_equal(b, a) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_amounts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
