#include "tests/unit/base/unit.h"

#include "core/base/buf.h"

static void test_appends(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf b;
	buf_init(&b, 10000);
	assert_string_equal(buf_str(&b), "");
	buf_add_str(&b, "one");
	buf_add_char(&b, ' ');
	buf_addf(&b, "%s-%d", "two", 3);
	buf_add_bytes(&b, BYTES(" x\0y"));
	buf_add(&b, NULL, 0);
	assert_int_equal(b.rc, 0);
	assert_true(bytes_eq(buf_bytes(&b), BYTES("one two-3 x\0y")));
	buf_reset(&b);
	assert_string_equal(buf_str(&b), "");
}

static void test_grows_by_itself(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf b;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "%d,", i % 10);
	assert_int_equal(b.rc, 0);
	assert_int_equal(b.len, 40000);
	assert_memory_equal(b.at + 39980, "0,1,2,3,4,5,6,7,8,9,", 20);
}

static void test_ceiling_is_exact_and_sticks(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf b;
	buf_init(&b, 8);
	buf_add_str(&b, "12345678");
	assert_int_equal(b.rc, 0);
	assert_string_equal(buf_str(&b), "12345678");
	buf_add_char(&b, '9');
	assert_int_equal(b.rc, SL_E_TOO_BIG);
	buf_reset(&b);
	buf_add_str(&b, "123");
	buf_add_str(&b, "456789");
	assert_int_equal(b.rc, SL_E_TOO_BIG);
	/* What would fit no longer counts. */
	buf_add_char(&b, '4');
	buf_addf(&b, "%d", 5);
	assert_null(buf_room(&b, 1));
	assert_string_equal(buf_str(&b), "123");
	assert_int_equal(b.rc, SL_E_TOO_BIG);
	buf_reset(&b);
	buf_addf(&b, "%09d", 1);
	assert_int_equal(b.rc, SL_E_TOO_BIG);
	buf_reset(&b);
	assert_null(buf_room(&b, SIZE_MAX));
	assert_int_equal(b.rc, SL_E_TOO_BIG);
}

static void test_room(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf b;
	buf_init(&b, 8);
	buf_add_str(&b, "ab");
	char *at = buf_room(&b, 6);
	assert_non_null(at);
	memcpy(at, "cdefgh", 6);
	b.len += 3;
	assert_string_equal(buf_str(&b), "abcde");
}

static void test_steal(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf b;
	size_t len = 7;
	buf_init(&b, 100);
	assert_null(buf_steal(&b, &len));
	assert_int_equal(len, 0);
	buf_add_str(&b, "mine");
	char *text = buf_steal(&b, &len);
	assert_string_equal(text, "mine");
	assert_int_equal(len, 4);
	assert_int_equal(b.len, 0);
	buf_add_str(&b, "again");
	assert_string_equal(buf_str(&b), "again");
	free(text);
}

static void test_bytes(void **state SL_UNUSED)
{
	struct bytes none = {NULL, 0};
	assert_true(bytes_eq(none, BYTES("")));
	assert_true(bytes_eq(none, bytes_str(NULL)));
	assert_true(bytes_is(BYTES("ab"), "ab"));
	assert_false(bytes_is(BYTES("a\0"), "a"));
	assert_true(bytes_starts(BYTES("abc"), "ab"));
	assert_false(bytes_starts(BYTES("a"), "ab"));
	assert_true(bytes_cmp(BYTES("a"), BYTES("ab")) < 0);
	assert_true(bytes_cmp(BYTES("b"), BYTES("ab")) > 0);
	assert_true(bytes_cmp(none, BYTES("a")) < 0);
	assert_int_equal(bytes_cmp(BYTES("a\xff"), BYTES("a\xff")), 0);
	assert_true(bytes_cmp(BYTES("\xff"), BYTES("a")) > 0);
}

static void test_numbers(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf b = {0};
	char text[NUMBER_TEXT_SIZE];
	buf_init(&b, 1000);
	buf_add_number(&b, 0);
	buf_add_char(&b, ' ');
	buf_add_number(&b, 1790);
	buf_add_char(&b, ' ');
	buf_add_number(&b, UINT64_MAX);
	assert_string_equal(buf_str(&b), "0 1790 18446744073709551615");
	assert_int_equal(number_format(UINT64_MAX, text), 20);
	assert_string_equal(text, "18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_grows_by_itself),
		cmocka_unit_test(test_ceiling_is_exact_and_sticks),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_steal),
		cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
