#include "tests/unit/selector/util.h"

/* ---- where a value is found, and how it reads ---- */

static void check_key(const char *key, const char *expect, const char *header, enum verdict verdict)
{
	char *own;
	assert_true(asprintf(&own,
			     "{'conditions': [{'name': 'c', 'key': '%s', 'match': 'exact',"
			     "'expect': '%s'}], 'expression': 'c'}",
			     key, expect) > 0);
	enum verdict v = match(own, header);
	if (v != verdict)
		fail_msg("%s = %s in %s is %d, not %d", key, expect, header, v, verdict);
	free(own);
}

static void test_paths(void **state SL_UNUSED)
{
	check_key("a.b", "1", "{'a': {'b': 1}}", VERDICT_TRUE);
	check_key("a.b.c", "1", "{'a': {'b': {'c': 1}}}", VERDICT_TRUE);
	check_key("a.1.b", "y", "{'a': [{'b': 'x'}, {'b': 'y'}]}", VERDICT_TRUE);
	check_key("a.0", "x", "{'a': ['x']}", VERDICT_TRUE);
	check_key("a.1", "x", "{'a': ['x']}", VERDICT_FALSE);
	check_key("a.00", "x", "{'a': ['x']}", VERDICT_FALSE);
	check_key("a.-1", "x", "{'a': ['x']}", VERDICT_FALSE);
	check_key("a.4294967296", "x", "{'a': ['x']}", VERDICT_FALSE);
	check_key("a.x", "x", "{'a': ['x']}", VERDICT_FALSE);
	check_key("a.0", "x", "{'a': {'0': 'x'}}", VERDICT_TRUE);
	check_key("a.b", "1", "{'a': 'b'}", VERDICT_FALSE);
	check_key("a.b", "1", "{'b': 1}", VERDICT_FALSE);
	check_key("a..b", "1", "{'a': {'': {'b': 1}}}", VERDICT_TRUE);
	check_key("a.", "1", "{'a': {'': 1}}", VERDICT_TRUE);
	check_key(".", "1", "{'': {'': 1}}", VERDICT_TRUE);
	check_key("\\u0061", "1", "{'a': 1}", VERDICT_TRUE);
	check_key("a", "1", "{'\\u0061': 1}", VERDICT_TRUE);
}

static void test_the_whole_key_goes_first(void **state SL_UNUSED)
{
	check_key("a.b", "1", "{'a.b': 1, 'a': {'b': 2}}", VERDICT_TRUE);
	check_key("a.b", "2", "{'a': {'b': 2}, 'a.b': 1}", VERDICT_FALSE);
	check_key("a.b", "2", "{'a': {'b': 2}, 'a.b': null}", VERDICT_FALSE);
	/* There is no mixture of the two. */
	check_key("a.b.c", "1", "{'a.b': {'c': 1}}", VERDICT_FALSE);
}

static void test_values_as_text(void **state SL_UNUSED)
{
	check_key("k", "1", "{'k': 1}", VERDICT_TRUE);
	check_key("k", "1", "{'k': '1'}", VERDICT_TRUE);
	check_key("k", "1", "{'k': 1.0}", VERDICT_FALSE);
	check_key("k", "1.5", "{'k': 1.5}", VERDICT_TRUE);
	check_key("k", "1e2", "{'k': 1e2}", VERDICT_TRUE);
	check_key("k", "true", "{'k': true}", VERDICT_TRUE);
	check_key("k", "false", "{'k': false}", VERDICT_TRUE);
	check_key("k", "true", "{'k': 'true'}", VERDICT_TRUE);
	check_key("k", "[1,\\\"a b\\\",{\\\"z\\\":1,\\\"a\\\":null}]",
		  "{'k': [ 1, 'a b', { 'z' : 1 , 'a' : null } ]}", VERDICT_TRUE);
	check_key("k", "{}", "{'k': { }}", VERDICT_TRUE);
	check_key("k", "[]", "{'k': []}", VERDICT_TRUE);
}

static void test_missing_and_null_are_false(void **state SL_UNUSED)
{
	static const char *const patterns[] = {"/^/", "/.*/s", "/^$/", "/null/", "/(?!)|/"};
	for (size_t i = 0; i < countof(patterns); i++) {
		char *own;
		assert_true(asprintf(&own,
				     "{'conditions': [{'name': 'c', 'key': 'k', 'expect': '%s'}],"
				     "'expression': 'c'}",
				     patterns[i]) > 0);
		assert_int_equal(match(own, "{}"), VERDICT_FALSE);
		assert_int_equal(match(own, "{'k': null}"), VERDICT_FALSE);
		free(own);
	}
	check_key("k", "null", "{'k': null}", VERDICT_FALSE);
	check_key("k", "", "{'k': null}", VERDICT_FALSE);
	check_key("a.b", "null", "{'a': {'b': null}}", VERDICT_FALSE);
	assert_int_equal(match("{'conditions': [{'name': 'c', 'key': 'k', 'expect': '/^/'}],"
			       "'expression': '!c'}",
			       "{}"),
			 VERDICT_TRUE);
	assert_int_equal(match("{'conditions': [{'name': 'c', 'key': 'k', 'expect': '/^/'}],"
			       "'expression': 'c'}",
			       "{'k': ''}"),
			 VERDICT_TRUE);
}

/* ---- three values ---- */

/* t is true, f is false, u is unknown: its value is longer than patterns are tried on. */
#define THREE                                                                                      \
	"'conditions': [{'name': 't', 'key': 'k', 'expect': '/x/'},"                               \
	"{'name': 'f', 'key': 'k', 'expect': '/y/'},"                                              \
	"{'name': 'T', 'key': 'k', 'expect': 'x'},"                                                \
	"{'name': 'F', 'key': 'k', 'expect': 'y'},"                                                \
	"{'name': 'u', 'key': 'long', 'expect': '/^x/'},"                                          \
	"{'name': 'v', 'key': 'long', 'expect': '/^y/'}]"

static enum verdict three(const char *expression, struct sl_error *err)
{
	char *own;
	assert_true(asprintf(&own, "{" THREE ", 'expression': '%s'}", expression) > 0);
	scoped(selector_freep) struct selector *s = compiled(own);
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	free(own);
	scratch_of(8, 1000, &scratch);
	return match_with(s, scratch, "{'k': 'x', 'long': 'x23456789'}", err);
}

static void test_three_values(void **state SL_UNUSED)
{
	static const struct {
		const char *expression;
		enum verdict verdict;
	} cases[] = {
		{"u", VERDICT_UNKNOWN},
		{"!u", VERDICT_UNKNOWN},
		{"!!u", VERDICT_UNKNOWN},
		{"u && f", VERDICT_FALSE},
		{"f && u", VERDICT_FALSE},
		{"u && F", VERDICT_FALSE},
		{"u && t", VERDICT_UNKNOWN},
		{"t && u", VERDICT_UNKNOWN},
		{"u && T", VERDICT_UNKNOWN},
		{"u || t", VERDICT_TRUE},
		{"t || u", VERDICT_TRUE},
		{"u || T", VERDICT_TRUE},
		{"u || f", VERDICT_UNKNOWN},
		{"f || u", VERDICT_UNKNOWN},
		{"u && v", VERDICT_UNKNOWN},
		{"u || !u", VERDICT_UNKNOWN},
		{"u && !u", VERDICT_UNKNOWN},
		{"(u || t) && (t || v)", VERDICT_TRUE},
		{"!(u && f)", VERDICT_TRUE},
		{"!(u || t)", VERDICT_FALSE},
		{"u && v && t && F", VERDICT_FALSE},
		{"u || v || f || T", VERDICT_TRUE},
		{"(u && t) || (v && f) || F", VERDICT_UNKNOWN},
	};
	for (size_t i = 0; i < countof(cases); i++) {
		struct sl_error err = {0};
		enum verdict v = three(cases[i].expression, &err);
		if (v != cases[i].verdict)
			fail_msg("%s is %d, not %d", cases[i].expression, v, cases[i].verdict);
		/* Words come with an unknown whole, and with nothing else. */
		assert_int_equal(err.code, v == VERDICT_UNKNOWN ? SL_E_LIMIT : 0);
	}
}

static void test_unknown_names_condition_and_limit(void **state SL_UNUSED)
{
	struct sl_error err = {0};
	assert_int_equal(three("t && v", &err), VERDICT_UNKNOWN);
	assert_non_null(strstr(err.text, "condition \"v\""));
	assert_non_null(strstr(err.text, "9 bytes"));
	assert_non_null(strstr(err.text, "at most 8"));
	assert_int_equal(three("t && v", NULL), VERDICT_UNKNOWN);
	/* Of several, the first. */
	assert_int_equal(three("v || u", &err), VERDICT_UNKNOWN);
	assert_non_null(strstr(err.text, "condition \"v\""));
}

/* All patterns of an evaluation together get the steps, each an equal part. */
static void test_steps_are_shared_out(void **state SL_UNUSED)
{
	static const char *const expressions[][2] = {{"a", "50000 steps"},
						     {"a || b", "25000 steps"}};
	for (size_t i = 0; i < countof(expressions); i++) {
		char *own;
		assert_true(
			asprintf(&own,
				 "{'conditions': [{'name': 'a', 'key': 'k', 'expect': '/(a+)+$/'},"
				 "{'name': 'b', 'key': 'k', 'expect': '/b/'},"
				 "{'name': 'c', 'key': 'k', 'expect': 'c'}], 'expression': '%s'}",
				 expressions[i][0]) > 0);
		scoped(selector_freep) struct selector *s = compiled(own);
		scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
		struct sl_error err = {0};
		free(own);
		default_scratch(&scratch);
		assert_int_equal(match_with(s, scratch,
					    "{'k': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'}", &err),
				 VERDICT_UNKNOWN);
		assert_int_equal(err.code, SL_E_LIMIT);
		/* A sanitized or slow build may run out of time first. */
		if (!strstr(err.text, "too long"))
			assert_non_null(strstr(err.text, expressions[i][1]));
	}
}

/* Which patterns were tried before makes no difference to a condition: here the first
 * one alone would use up all the steps. */
static void test_verdicts_do_not_depend_on_order(void **state SL_UNUSED)
{
#define GREEDY                                                                                     \
	"{'conditions': [{'name': 'greedy', 'key': 'k', 'expect': '/^(a+)+[bc]/'},"                \
	"{'name': 'modest', 'key': 'k', 'expect': '/^a+$/'},"
	static const char *const texts[] = {
		GREEDY
		"{'name': 'z', 'key': 'z', 'expect': 'z'}], 'expression': 'greedy && !modest'}",
		GREEDY
		"{'name': 'z', 'key': 'z', 'expect': 'z'}], 'expression': '!modest && greedy'}",
	};
	for (size_t i = 0; i < countof(texts); i++)
		assert_int_equal(match(texts[i], "{'k': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}"),
				 VERDICT_FALSE);
}

/* Equality has no limit on the length of a value. */
static void test_equality_of_long_values(void **state SL_UNUSED)
{
	char text[20001], *own, *header;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(asprintf(&own,
			     "{'conditions': [{'name': 'c', 'key': 'k', 'expect': '%s'}],"
			     "'expression': 'c'}",
			     text) > 0);
	assert_true(asprintf(&header, "{'k': '%s'}", text) > 0);
	assert_int_equal(match(own, header), VERDICT_TRUE);
	free(header);
	assert_true(asprintf(&header, "{'k': '%sb'}", text) > 0);
	assert_int_equal(match(own, header), VERDICT_FALSE);
	free(header);
	free(own);
}

/* Exactly the limit is tried, one byte more is not. */
static void test_length_of_values_for_patterns(void **state SL_UNUSED)
{
	scoped(selector_freep) struct selector *s = compiled(
		"{'conditions': [{'name': 'c', 'key': 'k', 'expect': '/b$/'}], 'expression': 'c'}");
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	scratch_of(4, 1000, &scratch);
	struct sl_error err = {0};
	assert_int_equal(match_with(s, scratch, "{'k': 'aaab'}", &err), VERDICT_TRUE);
	assert_int_equal(match_with(s, scratch, "{'k': 'aaaab'}", &err), VERDICT_UNKNOWN);
	/* The characters count, not how they were written. */
	assert_int_equal(match_with(s, scratch, "{'k': '\\u0061\\u0061ab'}", &err), VERDICT_TRUE);
	assert_int_equal(match_with(s, scratch, "{'k': [1]}", &err), VERDICT_FALSE);
	assert_int_equal(match_with(s, scratch, "{'k': [1, 2]}", &err), VERDICT_UNKNOWN);
}

static void test_a_condition_by_itself(void **state SL_UNUSED)
{
	scoped(selector_freep) struct selector *s =
		compiled("{'conditions': [{'name': 'a', 'key': 'k.0', 'expect': '/b/'},"
			 "{'name': 'b', 'key': 'k', 'expect': 'x'}], 'expression': '*'}");
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	scoped(buf_finip) struct buf value;
	struct sl_error err = {0};
	bool present;
	default_scratch(&scratch);
	buf_init(&value, 1000);
	struct doc d = doc_of("{'k': ['\\u0061b', 2]}"), empty = doc_of("{'k': null}");
	assert_int_equal(selector_condition_match(s, 0, scratch, &d.json, &value, &present, &err),
			 VERDICT_TRUE);
	assert_true(present);
	assert_string_equal(buf_str(&value), "ab");
	assert_int_equal(selector_condition_match(s, 1, scratch, &d.json, &value, &present, &err),
			 VERDICT_FALSE);
	assert_string_equal(buf_str(&value), "ab[\"\\u0061b\",2]");
	assert_int_equal(
		selector_condition_match(s, 1, scratch, &empty.json, &value, &present, &err),
		VERDICT_FALSE);
	assert_false(present);
	doc_fini(&d);
	doc_fini(&empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_the_whole_key_goes_first),
		cmocka_unit_test(test_values_as_text),
		cmocka_unit_test(test_missing_and_null_are_false),
		cmocka_unit_test(test_three_values),
		cmocka_unit_test(test_unknown_names_condition_and_limit),
		cmocka_unit_test(test_steps_are_shared_out),
		cmocka_unit_test(test_verdicts_do_not_depend_on_order),
		cmocka_unit_test(test_equality_of_long_values),
		cmocka_unit_test(test_length_of_values_for_patterns),
		cmocka_unit_test(test_a_condition_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
