#include "tests/unit/selector/util.h"

#define TWO                                                                                        \
	"'conditions': [{'name': 'sa', 'key': 'job', 'expect': 'hello'},"                          \
	"{'name': 'dsh', 'key': 'job', 'expect': 'hello'}]"

static void refuse_expression(const char *expression, const char *words)
{
	char *own;
	assert_true(asprintf(&own, "{" TWO ", 'expression': '%s'}", expression) > 0);
	refuse(NULL, own, SL_E_INVALID, "plugins[0].jobSelector.expression: column ", words);
	free(own);
}

static void take_expression(const char *expression)
{
	char *own;
	assert_true(asprintf(&own, "{" TWO ", 'expression': '%s'}", expression) > 0);
	selector_free(compiled(own));
	free(own);
}

static void test_what_is_an_expression(void **state SL_UNUSED)
{
	take_expression("sa && dsh");
	take_expression("sa&&dsh");
	take_expression(" \\t\\n\\r( sa\\n||dsh )  ");
	take_expression("!!sa");
	take_expression("! ! ( !sa )");
	take_expression("*");
	take_expression("  * ");
}

static void test_what_is_none(void **state SL_UNUSED)
{
	refuse_expression("sa dsh", "column 4: expected \"&&\", \"||\" or the end, found \"dsh\"");
	refuse_expression("s-a &&  dsh", "column 1: no condition is named \"s\"");
	refuse_expression("sa-b", "column 3: expected \"&&\", \"||\" or the end, found \"-\"");
	refuse_expression("sa&dsh", "column 3: expected \"&&\", \"||\" or the end, found \"&\"");
	refuse_expression("sa|dsh", "found \"|\"");
	refuse_expression("(sa&dsh", "column 4: expected \"&&\", \"||\" or \")\", found \"&\"");
	refuse_expression("(sa&&dsh", "column 9: expected \"&&\", \"||\" or \")\", found the end");
	refuse_expression("(sa&&dsh&", "column 9");
	refuse_expression("sa&&dsh)", "column 8: expected \"&&\", \"||\" or the end, found \")\"");
	refuse_expression("!",
			  "column 2: expected a condition's name, \"!\" or \"(\", found the end");
	refuse_expression("sa ||", "column 6: expected a condition's name");
	refuse_expression("sa &&", "column 6: expected a condition's name");
	refuse_expression("|| sa", "column 1");
	refuse_expression("()",
			  "column 2: expected a condition's name, \"!\" or \"(\", found \")\"");
	refuse_expression("  ", "column 3: expected a condition's name");
	refuse_expression("H", "column 1: no condition is named \"H\"");
	refuse_expression("true", "no condition is named \"true\"");
	refuse_expression("sa && SA", "column 7: no condition is named \"SA\"");
	refuse_expression("1", "found \"1\"");
	refuse_expression("**", "the end (\"*\" stands alone)");
	refuse_expression("* && sa", "the end (\"*\" stands alone)");
	refuse_expression("sa && *", "column 7: \"*\" must be the whole expression");
	refuse_expression("(*)", "column 2: \"*\" must be the whole expression");
	refuse_expression("sa && \\u0000", "column 7");
	refuse_expression("sa == dsh", "found \"=\"");
}

/* Columns count characters, not bytes. */
static void test_columns_of_other_scripts(void **state SL_UNUSED)
{
	refuse_expression(
		"sa && \xc3\xa9\xe6\x97\xa5",
		"column 7: expected a condition's name, \"!\" or \"(\", found \"\xc3\xa9\"");
	refuse_expression("\xe6\x97\xa5", "column 1");
}

static void test_an_empty_expression_is_missing(void **state SL_UNUSED)
{
	refuse(NULL, "{" TWO ", 'expression': ''}", SL_E_LACK,
	       "plugins[0].jobSelector.expression: missing", NULL);
	refuse(NULL, "{" TWO "}", SL_E_LACK, "plugins[0].jobSelector.expression: missing", NULL);
	refuse(NULL, "{" TWO ", 'expression': null}", SL_E_LACK, "missing", NULL);
}

static char *nested(const char *open, const char *close, int levels)
{
	char *text = calloc(1, (size_t)levels * 2 + 256);
	strcpy(text, "{" TWO ", 'expression': '");
	for (int i = 0; i < levels; i++)
		strcat(text, open);
	strcat(text, "sa");
	for (int i = 0; i < levels; i++)
		strcat(text, close);
	strcat(text, "'}");
	return text;
}

static void test_levels_are_bounded(void **state SL_UNUSED)
{
	static const char *const pair[][2] = {{"(", ")"}, {"!", ""}};
	for (size_t i = 0; i < countof(pair); i++) {
		char *text = nested(pair[i][0], pair[i][1], SELECTOR_DEPTH_MAX);
		selector_free(compiled(text));
		free(text);
		text = nested(pair[i][0], pair[i][1], SELECTOR_DEPTH_MAX + 1);
		refuse(NULL, text, SL_E_INVALID, "column 65: more than 64 levels", NULL);
		free(text);
	}
}

/* Side by side is not deeper. */
static void test_levels_end_again(void **state SL_UNUSED)
{
	char text[2048] = "{" TWO ", 'expression': '!sa";
	for (int i = 0; i < 2 * SELECTOR_DEPTH_MAX; i++)
		strcat(text, i % 2 ? "||!dsh" : "||(sa)");
	strcat(text, "'}");
	assert_int_equal(match(text, "{'job': 'hello'}"), VERDICT_TRUE);
}

static char *long_expression(size_t len)
{
	char *text = calloc(1, len + 256);
	strcpy(text, "{" TWO ", 'expression': 'sa");
	size_t from = strlen(text) - 2;
	while (strlen(text) - from + 4 <= len)
		strcat(text, "||sa");
	while (strlen(text) - from < len)
		strcat(text, " ");
	strcat(text, "'}");
	return text;
}

static void test_length_is_bounded(void **state SL_UNUSED)
{
	char *text = long_expression(SELECTOR_EXPRESSION_MAX);
	assert_int_equal(match(text, "{'job': 'hello'}"), VERDICT_TRUE);
	free(text);
	text = long_expression(SELECTOR_EXPRESSION_MAX + 1);
	refuse(NULL, text, SL_E_INVALID, "longer than 4096 bytes", NULL);
	free(text);
}

/* The value of an expression over a, b, c by the textbook. */
static void check_value(const char *expression, int a, int b, int c, bool value)
{
	char *own, *header;
	assert_true(asprintf(&own,
			     "{'conditions': [{'name': 'a', 'key': 'a', 'expect': '1'},"
			     "{'name': 'b', 'key': 'b', 'expect': '1'},"
			     "{'name': 'c', 'key': 'c', 'expect': '1'}], 'expression': '%s'}",
			     expression) > 0);
	assert_true(asprintf(&header, "{'a': %d, 'b': %d, 'c': %d}", a, b, c) > 0);
	if (match(own, header) != (value ? VERDICT_TRUE : VERDICT_FALSE))
		fail_msg("%s with %d %d %d is not %d", expression, a, b, c, value);
	free(own);
	free(header);
}

static void test_values(void **state SL_UNUSED)
{
	for (int i = 0; i < 8; i++) {
		int a = i >> 2 & 1, b = i >> 1 & 1, c = i & 1;
		check_value("a || b && c", a, b, c, a || (b && c));
		check_value("a && b || c", a, b, c, (a && b) || c);
		check_value("(a || b) && c", a, b, c, (a || b) && c);
		check_value("!a && b", a, b, c, !a && b);
		check_value("!(a && b) || !!c", a, b, c, !(a && b) || c);
		check_value("a && b && c", a, b, c, a && b && c);
		check_value("a || b || c", a, b, c, a || b || c);
		check_value("a && !a || b && (c || !a && b)", a, b, c, b && (c || (!a && b)));
	}
}

static void test_the_long_one(void **state SL_UNUSED)
{
	assert_int_equal(
		match("{'conditions': [{'name': 'sa', 'key': 'job', 'expect': '/^hello$/'},"
		      "{'name': 'dsh', 'key': 'job2', 'expect': '/^hello$/'}],"
		      "'expression': '(sa || !dsh) && sa || (dsh&&sa || !dsh)'}",
		      "{'job': 'no', 'job2': 'hello'}"),
		VERDICT_FALSE);
}

static void test_star_matches_every_job(void **state SL_UNUSED)
{
	assert_int_equal(match("{'expression': '*'}", "{}"), VERDICT_TRUE);
	assert_int_equal(match("{'expression': ' *', 'conditions': []}", "{'a': 1}"), VERDICT_TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_an_expression),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_columns_of_other_scripts),
		cmocka_unit_test(test_an_empty_expression_is_missing),
		cmocka_unit_test(test_levels_are_bounded),
		cmocka_unit_test(test_levels_end_again),
		cmocka_unit_test(test_length_is_bounded),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_the_long_one),
		cmocka_unit_test(test_star_matches_every_job),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
