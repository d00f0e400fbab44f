#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/json/fail.h"
#include "core/json/keys.h"

static const struct json_limits wide = {1 << 30, 1000};

static struct json parse(const char *text)
{
	struct json j = {0};
	struct sl_error err = {0};
	if (json_parse(&j, bytes_str(text), &wide, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return j;
}

static void test_members_and_elements_are_found(void **state)
{
	(void)state;
	scoped(json_finip) struct json j = parse("{\"a\":[10,[],20],\"\\u0062c\":{\"d\":true}}");
	json_at list = json_get(&j, 0, BYTES("a"));
	assert_int_equal(json_type(&j, list), JSON_ARRAY);
	assert_int_equal(json_count(&j, list), 3);
	assert_true(bytes_is(json_raw(&j, json_element(&j, list, 2)), "20"));
	assert_int_equal(json_element(&j, list, 3), JSON_NONE);
	assert_int_equal(json_element(&j, 0, 0), JSON_NONE);
	json_at deep = json_get(&j, json_get(&j, 0, BYTES("bc")), BYTES("d"));
	assert_int_equal(json_type(&j, deep), JSON_TRUE);
	assert_int_equal(json_get(&j, 0, BYTES("b")), JSON_NONE);
	assert_int_equal(json_get(&j, list, BYTES("a")), JSON_NONE);
	assert_int_equal(json_get(&j, JSON_NONE, BYTES("a")), JSON_NONE);
}

static void test_walks_visit_each_child_once(void **state)
{
	(void)state;
	scoped(json_finip) struct json j =
		parse("[{\"a\":{\"x\":1},\"b\":[1,2],\"c\":3},[4,[5]],6]");
	char seen[8] = "";
	for (json_at at = json_first(&j, 0); at != JSON_NONE; at = json_next(&j, 0, at))
		strcat(seen, json_type(&j, at) == JSON_OBJECT  ? "o"
			     : json_type(&j, at) == JSON_ARRAY ? "a"
							       : "n");
	assert_string_equal(seen, "oan");
	seen[0] = '\0';
	json_at object = json_element(&j, 0, 0);
	for (json_at k = json_first(&j, object); k != JSON_NONE; k = json_next(&j, object, k))
		strncat(seen, (const char *)json_raw(&j, k).at + 1, 1);
	assert_string_equal(seen, "abc");
	scoped(json_finip) struct json none = parse("[]");
	assert_int_equal(json_first(&none, 0), JSON_NONE);
}

static void test_strings_are_decoded(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		struct bytes meant;
	} cases[] = {
		{"\"plain\"", BYTES("plain")},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", BYTES("\"\\/\b\f\n\r\t")},
		{"\"a\\u0000b\"", BYTES("a\0b")},
		{"\"\\u007f\\u0080\\u07FF\\u0800\\uffff\"",
		 BYTES("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
		{"\"\\uD83D\\uDE00\\ud800\\udc00\"", BYTES("\xf0\x9f\x98\x80\xf0\x90\x80\x80")},
		{"\"\"", BYTES("")},
	};
	for (size_t i = 0; i < countof(cases); i++) {
		scoped(json_finip) struct json j = parse(cases[i].text);
		scoped(buf_finip) struct buf to;
		buf_init(&to, 100);
		struct bytes got;
		assert_int_equal(json_string(&j, 0, &to, &got), 0);
		assert_true(bytes_eq(got, cases[i].meant));
		assert_true(json_string_is(&j, 0, cases[i].meant));
		assert_false(json_string_is(&j, 0, BYTES("other")));
		for (size_t len = 0; len <= cases[i].meant.len; len++)
			assert_true(json_string_starts(&j, 0, bytes_of(cases[i].meant.at, len)));
		assert_false(json_string_starts(&j, 0, BYTES("other")));
		assert_false(json_string_starts(&j, 0, BYTES("plainer")));
		/* Borrowed wherever it can be. */
		assert_int_equal(to.len, strchr(cases[i].text, '\\') ? got.len : 0);
	}
	scoped(json_finip) struct json number = parse("5");
	struct bytes got;
	assert_int_equal(json_string(&number, 0, NULL, &got), SL_E_INVALID);
	assert_false(json_string_is(&number, 0, BYTES("5")));
	assert_false(json_string_is(&number, JSON_NONE, BYTES("5")));
	assert_false(json_string_starts(&number, 0, BYTES("")));
}

static void test_a_string_over_the_ceiling_fails(void **state)
{
	(void)state;
	scoped(json_finip) struct json j = parse("\"\\u00e9\\u00e9\"");
	scoped(buf_finip) struct buf to;
	struct bytes got;
	buf_init(&to, 3);
	assert_int_equal(json_string(&j, 0, &to, &got), SL_E_TOO_BIG);
}

static void test_whole_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t value;
	} whole[] = {
		{"0", 0},
		{"-0", 0},
		{"0e999999999999999999999", 0},
		{"7", 7},
		{"-12", -12},
		{"1.0", 1},
		{"1e2", 100},
		{"1200e-2", 12},
		{"0.0015e4", 15},
		{"100000000000000000000e-18", 100},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
		{"922337203685477580700e-2", INT64_MAX},
	};
	for (size_t i = 0; i < countof(whole); i++) {
		scoped(json_finip) struct json j = parse(whole[i].text);
		int64_t value = -1;
		assert_int_equal(json_int64(&j, 0, &value), 0);
		assert_true(value == whole[i].value);
	}
	static const char *const none[] = {
		"0.5",
		"1e-1",
		"9223372036854775808",
		"-9223372036854775809",
		"1e19",
		"12e18",
		"99999999999999999999",
		"1e99999999999999999999",
		"1e-99999999999999999999",
		"\"1\"",
		"null",
		"[1]",
	};
	for (size_t i = 0; i < countof(none); i++) {
		scoped(json_finip) struct json j = parse(none[i]);
		int64_t value = 42;
		assert_int_equal(json_int64(&j, 0, &value), SL_E_INVALID);
		assert_int_equal(value, 42);
	}
}

static void test_doubles(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"0",
		"1",
		"-1.5",
		"0.1",
		"3.141592653589793238462643383279",
		"1e308",
		"5e-324",
		"2.2250738585072011e-308",
		"123456789012345678901234567890e-10",
		"9007199254740993",
		"1e-400",
		"17976931348623157e292",
	};
	for (size_t i = 0; i < countof(texts); i++) {
		scoped(json_finip) struct json j = parse(texts[i]);
		assert_true(json_double(&j, 0) == strtod(texts[i], NULL));
	}
	scoped(json_finip) struct json huge = parse("-1e99999999999999999999");
	assert_true(json_double(&huge, 0) == -HUGE_VAL);
	scoped(json_finip) struct json tiny = parse("1e-99999999999999999999");
	assert_true(json_double(&tiny, 0) == 0);
	scoped(json_finip) struct json minus = parse("-0.0");
	assert_true(signbit(json_double(&minus, 0)));
}

/* Half of a unit in the last place, and far behind it a digit that decides. */
static void test_a_long_number_is_rounded_by_all_its_digits(void **state)
{
	(void)state;
	scoped(buf_finip) struct buf text;
	buf_init(&text, 10000);
	buf_add_str(&text, "9007199254740993.");
	for (int i = 0; i < 2000; i++)
		buf_add_char(&text, '0');
	scoped(json_finip) struct json even = parse(buf_str(&text));
	assert_true(json_double(&even, 0) == 9007199254740992.0);
	buf_add_char(&text, '1');
	scoped(json_finip) struct json up = parse(buf_str(&text));
	assert_true(json_double(&up, 0) == 9007199254740994.0);
}

static bool canonical_equal(struct bytes a, struct bytes b)
{
	scoped(buf_finip) struct buf x, y;
	buf_init(&x, 1000);
	buf_init(&y, 1000);
	json_number_canonical(a, &x);
	json_number_canonical(b, &y);
	return bytes_eq(buf_bytes(&x), buf_bytes(&y));
}

static void test_numbers_are_compared_exactly(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"1", "1.0", true},
		{"1", "10e-1", true},
		{"1", "0.01E+2", true},
		{"100", "1e2", true},
		{"0", "-0.000e55", true},
		{"-1", "1", false},
		{"1", "2", false},
		{"1", "10", false},
		{"1", "1.00000000000000000000000000000001", false},
		{"9007199254740993", "9007199254740992", false},
		{"123456789012345678901234567890", "1.2345678901234567890123456789e29", true},
		{"123456789012345678901234567890", "123456789012345678901234567891", false},
		{"1e1000000000000000000000", "1e1000000000000000000000", true},
		{"1e1000000000000000000000", "10e999999999999999999999", true},
		{"1e1000000000000000000000", "1e1000000000000000000001", false},
		{"1e1000000000000000000000", "1e-1000000000000000000000", false},
		{"0.1e-1000000000000000000000", "1e-1000000000000000000001", true},
		{"1e0000000000000000000000000000000000000001", "10", true},
		{"0e9999999999999999999999", "0", true},
		{"1e9", "1e+09", true},
		{"12.5", "1.25", false},
		{"1.25", "125e-2", true},
		{"0.00125", "1.25e-3", true},
	};
	for (size_t i = 0; i < countof(cases); i++) {
		struct bytes a = bytes_str(cases[i].a), b = bytes_str(cases[i].b);
		if (json_numbers_equal(a, b) != cases[i].equal ||
		    json_numbers_equal(b, a) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
		/* Two of these differ in how an exponent beyond 10^12 is written. */
		if (strlen(cases[i].a) < 20 && strlen(cases[i].b) < 20)
			assert_int_equal(canonical_equal(a, b), cases[i].equal);
	}
}

/* Keys in any order, some of them not there, in objects of few members and of many. */
static void test_a_finder_finds_each_key(void **state)
{
	(void)state;
	static const int sizes[] = {0, 1, 5, 16, 17, 1000};
	for (size_t s = 0; s < countof(sizes); s++) {
		int n = sizes[s];
		scoped(buf_finip) struct buf in, ask;
		buf_init(&in, 1 << 20);
		buf_init(&ask, 1 << 20);
		buf_add_char(&in, '{');
		buf_add_char(&ask, '{');
		for (int i = 0; i < n; i++)
			buf_addf(&in, "%s\"k%d\":%d", i ? "," : "", i, i);
		for (int i = 0; i < n + 3; i++)
			buf_addf(&ask, "%s\"\\u006b%d\":0", i ? "," : "", (i * 7 + 3) % (n + 3));
		buf_add_char(&in, '}');
		buf_add_char(&ask, '}');
		scoped(json_finip) struct json j = parse(buf_str(&in)),
					       other = parse(buf_str(&ask));
		struct json_finder finder;
		json_finder_init(&finder, &j, 0);
		for (json_at k = json_first(&other, 0); k != JSON_NONE;
		     k = json_next(&other, 0, k)) {
			long number = strtol((const char *)json_raw(&other, k).at + 7, NULL, 10);
			json_at found = json_finder_find(&finder, &other, k);
			int64_t value = -1;
			if (found != JSON_NONE)
				assert_int_equal(json_int64(&j, found + 1, &value), 0);
			assert_int_equal(value, number < n ? number : -1);
		}
		json_finder_fini(&finder);
	}
}

static bool equal(const char *a, const char *b)
{
	scoped(json_finip) struct json x = parse(a), y = parse(b);
	bool same = json_equal(&x, 0, &y, 0);
	assert_int_equal(json_equal(&y, 0, &x, 0), same);
	return same;
}

static void test_values_are_compared(void **state)
{
	(void)state;
	assert_true(
		equal("{\"a\":1,\"b\":[true,null]}", "{ \"b\" : [true , null], \"\\u0061\":1.0 }"));
	assert_true(equal("\"\\u00e9\"", "\"\xc3\xa9\""));
	assert_true(equal("[]", "[ ]"));
	assert_false(equal("[1,2]", "[2,1]"));
	assert_false(equal("[1,2]", "[1,2,3]"));
	assert_false(equal("[1]", "{\"1\":1}"));
	assert_false(equal("[]", "{}"));
	assert_false(equal("null", "false"));
	assert_false(equal("{\"a\":1}", "{\"b\":1}"));
	assert_false(equal("{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}"));
	assert_false(equal("{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}"));
	assert_false(equal("\"1\"", "1"));
	assert_false(equal("\"a\"", "\"a\\u0000\""));
}

/* Large objects with their members the other way round, one value changed at the end. */
static void test_large_objects_are_compared_in_any_order(void **state)
{
	(void)state;
	enum { N = 50000 };
	scoped(buf_finip) struct buf up, down;
	buf_init(&up, 1 << 24);
	buf_init(&down, 1 << 24);
	for (int i = 0; i < N; i++) {
		buf_addf(&up, "%c\"k%d\":[%d]", i ? ',' : '{', i, i);
		buf_addf(&down, "%c\"\\u006b%d\":[%d.0]", i ? ',' : '{', N - 1 - i, N - 1 - i);
	}
	buf_add_char(&up, '}');
	buf_add_char(&down, '}');
	assert_true(equal(buf_str(&up), buf_str(&down)));
	char *last = strrchr(buf_str(&down), '0') - 2;
	*last = '7';
	assert_false(equal(buf_str(&up), buf_str(&down)));
}

static void test_compact_drops_only_white_space_between_tokens(void **state)
{
	(void)state;
	scoped(json_finip) struct json j =
		parse(" { \"a b\" : [ 1 ,\t2.50 ] ,\r\n \"c\\\" \" : \" \\\\\" , \"d\": { } } ");
	scoped(buf_finip) struct buf to;
	buf_init(&to, 1000);
	json_compact(&j, 0, &to);
	assert_string_equal(buf_str(&to), "{\"a b\":[1,2.50],\"c\\\" \":\" \\\\\",\"d\":{}}");
	buf_reset(&to);
	json_compact(&j, json_get(&j, 0, BYTES("a b")), &to);
	assert_string_equal(buf_str(&to), "[1,2.50]");
}

static void test_quoted_text_reads_back(void **state)
{
	(void)state;
	static const struct bytes texts[] = {
		BYTES(""),
		BYTES("plain"),
		BYTES("\"\\/\b\f\n\r\t"),
		BYTES("a\0b\x1f\x7f"),
		BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	};
	for (size_t i = 0; i < countof(texts); i++) {
		scoped(buf_finip) struct buf to;
		buf_init(&to, 1000);
		json_quote(&to, texts[i]);
		scoped(json_finip) struct json j = parse(buf_str(&to));
		assert_true(json_string_is(&j, 0, texts[i]));
	}
	scoped(buf_finip) struct buf to;
	buf_init(&to, 1000);
	json_quote(&to, BYTES("a\xff\xed\xa0\x80\xc3"));
	scoped(json_finip) struct json j = parse(buf_str(&to));
	assert_true(json_string_is(
		&j, 0, BYTES("a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")));
}

static int told(const struct json *j, json_at at, struct sl_error *err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int rc = json_vfail(j, at, err, SL_E_INVALID, fmt, args);
	va_end(args);
	return rc;
}

static void test_faults_begin_with_their_place(void **state)
{
	(void)state;
	struct sl_error err = {0};
	scoped(json_finip) struct json j = parse("{\"a\":[1,{\"b\":2}]}");
	json_at b = json_get(&j, json_element(&j, json_get(&j, 0, BYTES("a")), 1), BYTES("b"));
	assert_int_equal(told(&j, b, &err, "%d is %s", 2, "little"), SL_E_INVALID);
	assert_int_equal(err.code, SL_E_INVALID);
	assert_string_equal(err.text, "a[1].b: 2 is little");
	assert_int_equal(told(&j, 0, &err, "is small"), SL_E_INVALID);
	assert_string_equal(err.text, "is small");
	/* The words stand behind a place of any length. */
	char text[1200];
	snprintf(text, sizeof(text), "{\"%01000d\":1}", 0);
	scoped(json_finip) struct json deep = parse(text);
	assert_int_equal(told(&deep, json_first(&deep, 0) + 1, &err, "is low"), SL_E_INVALID);
	assert_non_null(strstr(err.text, "0: is low"));
}

static void test_places_are_told(void **state)
{
	(void)state;
	scoped(json_finip) struct json j =
		parse("{\"plugins\":[0,{},{\"job "
		      "Selector\":{\"a/b~\\u0063\":[[7]]}}],\"x-y_1\":5,\"\":6}");
	json_at plugins = json_get(&j, 0, BYTES("plugins"));
	json_at selector = json_get(&j, json_element(&j, plugins, 2), BYTES("job Selector"));
	json_at list = json_get(&j, selector, BYTES("a/b~c"));
	const struct {
		json_at at;
		const char *place, *pointer;
	} cases[] = {
		{0, "", ""},
		{plugins, "plugins", "/plugins"},
		{plugins - 1, "plugins", "/plugins"},
		{json_element(&j, plugins, 0), "plugins[0]", "/plugins/0"},
		{json_element(&j, json_element(&j, list, 0), 0),
		 "plugins[2][\"job Selector\"][\"a/b~\\u0063\"][0][0]",
		 "/plugins/2/job Selector/a~1b~0c/0/0"},
		{json_get(&j, 0, BYTES("x-y_1")), "x-y_1", "/x-y_1"},
		{json_get(&j, 0, BYTES("")), "[\"\"]", "/"},
	};
	for (size_t i = 0; i < countof(cases); i++) {
		scoped(buf_finip) struct buf to;
		buf_init(&to, 1000);
		json_place(&j, cases[i].at, &to);
		assert_string_equal(buf_str(&to), cases[i].place);
		buf_reset(&to);
		json_pointer(&j, cases[i].at, &to);
		assert_string_equal(buf_str(&to), cases[i].pointer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_and_elements_are_found),
		cmocka_unit_test(test_walks_visit_each_child_once),
		cmocka_unit_test(test_strings_are_decoded),
		cmocka_unit_test(test_a_string_over_the_ceiling_fails),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_a_long_number_is_rounded_by_all_its_digits),
		cmocka_unit_test(test_numbers_are_compared_exactly),
		cmocka_unit_test(test_a_finder_finds_each_key),
		cmocka_unit_test(test_values_are_compared),
		cmocka_unit_test(test_large_objects_are_compared_in_any_order),
		cmocka_unit_test(test_compact_drops_only_white_space_between_tokens),
		cmocka_unit_test(test_quoted_text_reads_back),
		cmocka_unit_test(test_faults_begin_with_their_place),
		cmocka_unit_test(test_places_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
