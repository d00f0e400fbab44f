#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/increment/quantity.h"

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

static void test_counts(void **state)
{
	static const struct {
		const char *text;
		unsigned tens;
		int64_t count; /* below 0: none */
	} counts[] = {
		{"64Mi", 0, 64 << 20},
		{"1500m", 3, 1500},
		{"1500m", 0, 2},
		{"0.5", 3, 500},
		{"2", 3, 2000},
		{"0.0001", 3, 1},
		{"1e-30", 0, 1},
		{"0", 3, 0},
		{"0.1Gi", 0, 107374183},
		{"1e3", 0, 1000},
		{"-1", 0, -1},
		{"1e30", 0, -1},
		{"8Ei", 0, -1},
		{"7Ei", 0, 7LL << 60},
		{"much", 0, -1},
		{"", 0, -1},
		{"9223372036854775807", 0, -1},
		{"100000000000000000n", 0, 100000000},
	};
	(void)state;
	for (size_t i = 0; i < countof(counts); i++) {
		int64_t got = -1;
		if (!quantity_count(bytes_str(counts[i].text), counts[i].tens, &got))
			got = -1;
		if (got != counts[i].count)
			fail_msg("%s: %lld", counts[i].text, (long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_amounts),
					   cmocka_unit_test(test_counts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
