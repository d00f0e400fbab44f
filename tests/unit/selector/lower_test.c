/* Small letters for A to Z and for nothing else, wherever they stand. */
#include "selector/pattern/lower.h"

#include "tests/unit/selector/util.h"

enum { LONGEST = 20 };

static bool is_capital(int c) { return c >= 'A' && c <= 'Z'; }

static void test_each_byte_in_each_place(void **state SL_UNUSED)
{
	for (size_t n = 1; n <= LONGEST; n++)
		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 256; c++) {
				char text[LONGEST], wanted[LONGEST], got[LONGEST + 1];
				memset(text, c ^ 0x80, n); /* neighbours of another kind */
				for (size_t i = 0; i < n; i++)
					if (is_capital((uint8_t)text[i]))
						text[i] = '-';
				memcpy(wanted, text, n);
				text[at] = (char)c;
				wanted[at] = (char)(is_capital(c) ? c + 'a' - 'A' : c);
				got[n] = '#';
				lower_text(got, bytes_of(text, n));
				assert_memory_equal(got, wanted, n);
				assert_int_equal(got[n], '#');
				assert_int_equal(lower_has_capitals(bytes_of(text, n)),
						 is_capital(c));
			}
}

static void test_nothing(void **state SL_UNUSED)
{
	assert_false(lower_has_capitals(bytes_of(NULL, 0)));
	lower_text(NULL, bytes_of(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte_in_each_place),
		cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
