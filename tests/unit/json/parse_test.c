#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/json/index.h"

static const struct json_limits wide = {1 << 30, 1000};

struct text {
	const char *at;
	size_t len;
	const char *words; /* What the error must hold. */
};
#define T(literal)                                                                                 \
	{                                                                                          \
		literal, sizeof(literal) - 1, NULL                                                 \
	}
#define BAD(literal, words)                                                                        \
	{                                                                                          \
		literal, sizeof(literal) - 1, words                                                \
	}

static int parse_len(struct json *j, const char *at, size_t len, struct sl_error *err)
{
	/* Exactly as long as the text, so that a read past its end is seen. */
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, at, len);
	int rc = json_parse(j, bytes_of(copy, len), &wide, err);
	free(copy);
	return rc;
}

static const struct text legal[] = {
	T("0"),
	T("-0"),
	T(" 1 "),
	T("\t\r\n1\n"),
	T("-0.0e-0"),
	T("1E+9"),
	T("1e400"),
	T("0.1"),
	T("123456789012345678901234567890"),
	T("\"\""),
	T("\"a\""),
	T("null"),
	T("true"),
	T("false"),
	T("[]"),
	T("{}"),
	T("[ ]"),
	T("{ }"),
	T("[[],[[]]]"),
	T("[1 , 2\n,3]"),
	T("{\"\":0}"),
	T("{\"a\" : {\"a\":[{\"a\":null}]}}"),
	T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u00E9\""),
	T("\"\\u0000\""),
	T("\"\\uD83D\\uDE00\""),
	T("\"\\udbff\\udfff\""),
	T("\"\x7f\""),
	T("\"\xc2\x80\xdf\xbf\""),
	T("\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
	T("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
	T("\"\xef\xbb\xbf\""),
	T("{\"a\":1,\"A\":2,\"a \":3,\"a\\u0000\":4}"),
	T("[\"0123456789abcdef0123456789abcdef\",\"0123456789abcde\\\"\","
	  "\"0123456789abcdef\xc3\xa9\"]"),
};

static const struct text illegal[] = {
	BAD("", "line 1, column 1: expected a value, found the end of the text"),
	BAD("  \n ", "line 2, column 2: expected a value"),
	BAD("\xef\xbb\xbf{}", "found a byte order mark"),
	BAD("nul", "expected a value, found 'n'"),
	BAD("nulll", "expected nothing more behind the value, found 'l'"),
	BAD("True", "expected a value, found 'T'"),
	BAD("NaN", "expected a value"),
	BAD("Infinity", "expected a value"),
	BAD("-Infinity", "column 2: expected a digit, found 'I'"),
	BAD("+1", "expected a value, found '+'"),
	BAD("-", "expected a digit, found the end"),
	BAD("01", "expected nothing more"),
	BAD("-01", "expected nothing more"),
	BAD("1.", "expected a digit"),
	BAD(".5", "expected a value"),
	BAD("1.e1", "expected a digit, found 'e'"),
	BAD("1e", "expected a digit"),
	BAD("1e+", "expected a digit"),
	BAD("1 2", "expected nothing more"),
	BAD("0x10", "expected nothing more"),
	BAD("1_000", "expected nothing more"),
	BAD("[", "expected a value or ']', found the end"),
	BAD("[1", "expected ',' or ']', found the end"),
	BAD("[1,", "expected a value"),
	BAD("[1,]", "column 4: expected a value, found ']'"),
	BAD("[,1]", "expected a value or ']', found ','"),
	BAD("[1 2]", "expected ',' or ']', found '2'"),
	BAD("[1}", "expected ',' or ']', found '}'"),
	BAD("]", "expected a value"),
	BAD("[1]]", "expected nothing more"),
	BAD("{", "expected a key or '}'"),
	BAD("{1:2}", "expected a key or '}', found '1'"),
	BAD("{a:2}", "expected a key or '}'"),
	BAD("{'a':2}", "expected a key or '}'"),
	BAD("{\"a\"}", "expected ':' behind the key, found '}'"),
	BAD("{\"a\":}", "expected a value, found '}'"),
	BAD("{\"a\":1,}", "expected a key, found '}'"),
	BAD("{\"a\":1 \"b\":2}", "expected ',' or '}'"),
	BAD("{\"a\":1]", "expected ',' or '}'"),
	BAD("{\"a\":1", "expected ',' or '}', found the end"),
	BAD("[1] // no", "expected nothing more"),
	BAD("/* no */ 1", "expected a value"),
	BAD("\"", "expected '\"' at the end of the string, found the end"),
	BAD("\"abc", "expected '\"'"),
	BAD("\"a\nb\"", "escape for the control character, found character U+000A"),
	BAD("\"\0\"", "found character U+0000"),
	BAD("\"\x1f\"", "found character U+001F"),
	BAD("\"\\", "expected one of"),
	BAD("\"\\\"", "expected '\"'"),
	BAD("\"\\a\"", "found 'a'"),
	BAD("\"\\\0\"", "found character U+0000"),
	BAD("\"\\U0041\"", "found 'U'"),
	BAD("\"\\u", "four hexadecimal digits"),
	BAD("\"\\u12", "four hexadecimal digits"),
	BAD("\"\\u123g\"", "four hexadecimal digits, found 'g'"),
	BAD("\"\\u-123\"", "four hexadecimal digits"),
	BAD("\"\\ud800\"", "surrogate pair"),
	BAD("\"\\udc00\"", "surrogate pair"),
	BAD("\"\\udc00\\ud800\"", "surrogate pair"),
	BAD("\"\\ud800\\u0041\"", "surrogate pair"),
	BAD("\"\\ud800\\ud800\"", "surrogate pair"),
	BAD("\"\\ud800x\"", "surrogate pair"),
	BAD("\"\\ud800\\ue000\"", "surrogate pair"),
	BAD("\"\\ud800\\", "surrogate pair"),
	BAD("\"\\ud800\\n\"", "surrogate pair"),
	BAD("\"\\ud800\\udg00\"", "four hexadecimal digits"),
	BAD("\"\x80\"", "expected valid UTF-8, found byte 0x80"),
	BAD("\"\xc0\x80\"", "valid UTF-8"),
	BAD("\"\xc1\xbf\"", "valid UTF-8"),
	BAD("\"\xc3\"", "valid UTF-8"),
	BAD("\"\xc3", "valid UTF-8"),
	BAD("\"\xe0\x9f\xbf\"", "valid UTF-8"),
	BAD("\"\xed\xa0\x80\"", "valid UTF-8"),
	BAD("\"\xed\xbf\xbf\"", "valid UTF-8"),
	BAD("\"\xe2\x82\"", "valid UTF-8"),
	BAD("\"\xf0\x8f\xbf\xbf\"", "valid UTF-8"),
	BAD("\"\xf4\x90\x80\x80\"", "valid UTF-8"),
	BAD("\"\xf5\x80\x80\x80\"", "valid UTF-8"),
	BAD("\"\xf0\x9f\x98\"", "valid UTF-8"),
	BAD("\"\xff\"", "valid UTF-8"),
	BAD("\xc3\xa9", "expected a value, found byte 0xC3"),
	BAD("\xc2\xa0"
	    "1",
	    "expected a value"),
	BAD("1\f", "expected nothing more"),
	BAD("1\0", "expected nothing more"),
	BAD("{\"a\":1,\"a\":1}", "line 1, column 8: expected a new key, found \"a\" again"),
	BAD("{\"a\":1,\"\\u0061\":1}", "found \"\\u0061\" again"),
	BAD("{\"\\u00e9\":1,\"b\":2,\"\xc3\xa9\":1}", "again"),
	BAD("[{\"x\":{\"\":1,\"\":2}}]", "found \"\" again"),
	BAD("[\n {\n  \"\xc3\xa9\": tru}]", "line 3, column 8: expected a value, found 't'"),
};

static void test_legal_texts_are_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(legal); i++) {
		struct json j = {0};
		struct sl_error err = {0};
		if (parse_len(&j, legal[i].at, legal[i].len, &err) != 0)
			fail_msg("%s: %s", legal[i].at, err.text);
		assert_int_equal(j.node[0].end, j.n);
		json_fini(&j);
	}
}

static void test_illegal_texts_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(illegal); i++) {
		struct json j = {0};
		struct sl_error err = {0};
		if (parse_len(&j, illegal[i].at, illegal[i].len, &err) != SL_E_INVALID)
			fail_msg("taken: %s", illegal[i].at);
		if (!strstr(err.text, illegal[i].words))
			fail_msg("%s: \"%s\" lacks \"%s\"", illegal[i].at, err.text,
				 illegal[i].words);
		assert_null(j.node);
		assert_int_equal(j.n, 0);
	}
}

/* Each beginning of a document is refused, never misread. */
static void test_cut_documents_are_refused(void **state)
{
	(void)state;
	static const char whole[] =
		"{\"a\\u00e9\\ud83d\\ude00\":[1.5e+3,\"\xe2\x82\xac\",{\"b\":null,\"c\":[true]}]}";
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		struct json j = {0};
		assert_int_equal(parse_len(&j, whole, len, NULL), SL_E_INVALID);
	}
}

static void test_depth_is_limited(void **state)
{
	(void)state;
	enum { N = 100000 };
	char *deep = malloc(2 * N);
	assert_non_null(deep);
	memset(deep, '[', N);
	memset(deep + N, ']', N);
	struct json j = {0};
	struct sl_error err = {0};
	struct json_limits limits = {1 << 20, 3};
	assert_int_equal(json_parse(&j, bytes_of(deep + N - 3, 6), &limits, &err), 0);
	assert_int_equal(json_parse(&j, bytes_of(deep + N - 4, 8), &limits, &err), SL_E_TOO_BIG);
	assert_non_null(strstr(err.text, "line 1, column 4: more than 3"));
	size_t most = JSON_DEPTH_MAX;
	assert_int_equal(json_parse(&j, bytes_of(deep + N - most, 2 * most), &wide, &err), 0);
	assert_int_equal(json_parse(&j, bytes_of(deep, 2 * N), &wide, &err), SL_E_TOO_BIG);
	json_fini(&j);
	free(deep);
}

static void test_size_is_limited(void **state)
{
	(void)state;
	struct json j = {0};
	struct sl_error err = {0};
	struct json_limits limits = {4, 8};
	assert_int_equal(json_parse(&j, BYTES("1234"), &limits, &err), 0);
	assert_int_equal(json_parse(&j, BYTES("12345"), &limits, &err), SL_E_TOO_BIG);
	assert_non_null(strstr(err.text, "5 bytes"));
	json_fini(&j);
}

static void add_members(struct buf *to, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_addf(to, "%s\"key%u\":{\"n\":%u}", i ? "," : "{", i, i);
}

static void test_duplicates_are_found_in_objects_of_any_size(void **state)
{
	(void)state;
	static const unsigned sizes[] = {2, 15, 16, 17, 18, 1000, 100000};
	for (size_t i = 0; i < countof(sizes); i++) {
		scoped(buf_finip) struct buf text;
		buf_init(&text, 1 << 24);
		add_members(&text, sizes[i]);
		size_t len = text.len;
		buf_add_str(&text, "}");
		struct json j = {0};
		struct sl_error err = {0};
		assert_int_equal(json_parse(&j, buf_bytes(&text), &wide, &err), 0);
		assert_int_equal(json_count(&j, 0), sizes[i]);
		text.len = len;
		buf_add_str(&text, ",\"k\\u0065y1\":0}");
		assert_int_equal(json_parse(&j, buf_bytes(&text), &wide, &err), SL_E_INVALID);
		assert_non_null(strstr(err.text, "\"k\\u0065y1\" again"));
	}
}

static void test_the_memory_of_an_index_is_used_again(void **state)
{
	(void)state;
	struct json j = {0};
	assert_int_equal(json_parse(&j, BYTES("[1,2,3]"), &wide, NULL), 0);
	const struct json_node *before = j.node;
	assert_int_equal(json_parse(&j, BYTES("{\"a\":[]}"), &wide, NULL), 0);
	assert_ptr_equal(j.node, before);
	assert_int_equal(json_count(&j, 0), 1);
	assert_int_equal(json_parse(&j, BYTES("oops"), &wide, NULL), SL_E_INVALID);
	assert_int_equal(json_parse(&j, BYTES("7"), &wide, NULL), 0);
	json_fini(&j);
	json_fini(&j);
}

static void test_nodes_span_their_text(void **state)
{
	(void)state;
	struct json j = {0};
	assert_int_equal(
		json_parse(&j, BYTES(" { \"a\" : [ 1 , -2.5e1 ] , \"b\" : { } } "), &wide, NULL),
		0);
	static const char *const raw[] = {
		"{ \"a\" : [ 1 , -2.5e1 ] , \"b\" : { } }",
		"\"a\"",
		"[ 1 , -2.5e1 ]",
		"1",
		"-2.5e1",
		"\"b\"",
		"{ }",
	};
	assert_int_equal(j.n, countof(raw));
	for (json_at at = 0; at < j.n; at++)
		assert_true(bytes_is(json_raw(&j, at), raw[at]));
	json_fini(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legal_texts_are_taken),
		cmocka_unit_test(test_illegal_texts_are_refused_with_a_reason),
		cmocka_unit_test(test_cut_documents_are_refused),
		cmocka_unit_test(test_depth_is_limited),
		cmocka_unit_test(test_size_is_limited),
		cmocka_unit_test(test_duplicates_are_found_in_objects_of_any_size),
		cmocka_unit_test(test_the_memory_of_an_index_is_used_again),
		cmocka_unit_test(test_nodes_span_their_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
