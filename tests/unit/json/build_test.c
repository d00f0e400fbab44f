#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/json/build.h"
#include "core/json/index.h"

static void prints(struct json_object *value, const char *expected)
{
	scoped(buf_finip) struct buf to;
	buf_init(&to, 1 << 20);
	assert_int_equal(jb_print(value, &to), 0);
	assert_string_equal(buf_str(&to), expected);
}

static void test_all_kinds_of_members(void **state)
{
	(void)state;
	scoped(jb_freep) struct json_object *o = jb_object();
	jb_put_str(o, "s", "a/\"b\"\n");
	jb_put_str(o, "none", NULL);
	jb_put_bytes(o, "bytes", BYTES("a\0b"));
	jb_put_int(o, "i", INT64_MIN);
	jb_put_bool(o, "t", true);
	jb_put_bool(o, "f", false);
	jb_put_null(o, "n");
	jb_put_time(o, "at", 1700000000123);
	jb_put_time(o, "never", 0);
	jb_put_raw(o, "raw", BYTES("{\"x\": [1.0]}"));
	jb_put_named(o, BYTES("named"), jb_int(7));
	prints(o, "{\"s\":\"a/\\\"b\\\"\\n\",\"none\":null,\"bytes\":\"a\\u0000b\","
		  "\"i\":-9223372036854775808,\"t\":true,\"f\":false,\"n\":null,"
		  "\"at\":\"2023-11-14T22:13:20.123Z\",\"never\":null,\"raw\":{\"x\": [1.0]},"
		  "\"named\":7}");
}

static void test_arrays_and_nesting(void **state)
{
	(void)state;
	scoped(jb_freep) struct json_object *a = jb_array();
	struct json_object *inner = jb_object();
	jb_add(a, inner);
	jb_put_int(inner, "late", 1);
	jb_add_bytes(a, BYTES("text"));
	jb_add_raw(a, BYTES("null"));
	jb_add(a, jb_array());
	prints(a, "[{\"late\":1},\"text\",null,[]]");
}

static void test_a_member_put_twice_stands_once(void **state)
{
	(void)state;
	scoped(jb_freep) struct json_object *o = jb_object();
	jb_put_int(o, "a", 1);
	jb_put_int(o, "a", 2);
	prints(o, "{\"a\":2}");
}

/* A part that could not be made (NULL stands for it) fails the whole, wherever it is. */
static void test_a_lost_part_fails_the_print(void **state)
{
	(void)state;
	for (int where = 0; where < 5; where++) {
		scoped(jb_freep) struct json_object *root = jb_object();
		struct json_object *inner = jb_array();
		jb_put(root, "inner", inner);
		if (where == 0)
			jb_put(root, "x", NULL);
		else if (where == 1)
			jb_add(inner, NULL);
		else if (where == 2)
			jb_put_named(root, BYTES("x"), NULL);
		else if (where == 3)
			jb_put_named(root, BYTES("a\0b"), jb_int(1));
		jb_put_int(root, "after", 1);
		scoped(buf_finip) struct buf to;
		buf_init(&to, 100);
		assert_int_equal(jb_print(root, &to), where == 4 ? 0 : SL_E_NO_MEMORY);
		assert_int_equal(to.len > 0, where == 4);
	}
}

static void test_nothing_can_be_put_into_nothing(void **state)
{
	(void)state;
	jb_put(NULL, "x", jb_int(1));
	jb_put_str(NULL, "x", "y");
	jb_put_null(NULL, "x");
	jb_put_named(NULL, BYTES("x"), jb_string(BYTES("y")));
	jb_add(NULL, jb_object());
	assert_null(jb_free(NULL));
	scoped(buf_finip) struct buf to;
	buf_init(&to, 100);
	assert_int_equal(jb_print(NULL, &to), SL_E_NO_MEMORY);
}

static void test_the_ceiling_of_the_buffer_holds(void **state)
{
	(void)state;
	scoped(jb_freep) struct json_object *o = jb_object();
	jb_put_str(o, "key", "a long value");
	scoped(buf_finip) struct buf to;
	buf_init(&to, 5);
	assert_int_equal(jb_print(o, &to), SL_E_TOO_BIG);
}

static void test_what_is_built_is_read(void **state)
{
	(void)state;
	scoped(jb_freep) struct json_object *o = jb_object();
	jb_put_bytes(o, "t", BYTES("\x01 \xe2\x82\xac \\ \" \x7f"));
	scoped(buf_finip) struct buf to;
	buf_init(&to, 1000);
	assert_int_equal(jb_print(o, &to), 0);
	scoped(json_finip) struct json j = {0};
	struct json_limits limits = {1000, 8};
	assert_int_equal(json_parse(&j, buf_bytes(&to), &limits, NULL), 0);
	assert_true(json_string_is(&j, json_get(&j, 0, BYTES("t")),
				   BYTES("\x01 \xe2\x82\xac \\ \" \x7f")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds_of_members),
		cmocka_unit_test(test_arrays_and_nesting),
		cmocka_unit_test(test_a_member_put_twice_stands_once),
		cmocka_unit_test(test_a_lost_part_fails_the_print),
		cmocka_unit_test(test_nothing_can_be_put_into_nothing),
		cmocka_unit_test(test_the_ceiling_of_the_buffer_holds),
		cmocka_unit_test(test_what_is_built_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
