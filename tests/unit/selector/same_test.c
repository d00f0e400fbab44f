/* Texts are the same when every byte is. */
#include "selector/same.h"

#include "tests/unit/selector/util.h"

enum { LONGEST = 40 };

/* Each byte of each length counts, also the last one. */
static void test_each_byte_counts(void **state SL_UNUSED)
{
	for (size_t n = 0; n <= LONGEST; n++) {
		char a[LONGEST], b[LONGEST];
		memset(a, 'x', sizeof(a));
		memset(b, 'x', sizeof(b));
		assert_true(same_text(bytes_of(a, n), bytes_of(b, n)));
		for (size_t i = 0; i < LONGEST; i++) {
			b[i] = 'y';
			assert_int_equal(same_text(bytes_of(a, n), bytes_of(b, n)), i >= n);
			b[i] = 'x';
		}
	}
}

static void test_another_length(void **state SL_UNUSED)
{
	static const char text[LONGEST] = "";
	for (size_t n = 0; n <= LONGEST; n++)
		for (size_t m = 0; m <= LONGEST; m++)
			assert_int_equal(same_text(bytes_of(text, n), bytes_of(text, m)), n == m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte_counts),
		cmocka_unit_test(test_another_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
