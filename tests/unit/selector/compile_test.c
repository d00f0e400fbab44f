#include "tests/unit/selector/util.h"

/* The feature's: a on key "a", b on key "b", and an expression. */
#define FEATURE                                                                                    \
	"{'conditions': [{'name': 'a', 'key': 'a', 'expect': '1'},"                                \
	"{'name': 'b', 'key': 'b', 'expect': '/^1/'}], 'expression': 'a && b'}"

static void check(const char *feature, const char *own, const char *header, enum verdict verdict)
{
	scoped(selector_freep) struct selector *s = NULL;
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	struct sl_error err = {0};
	default_scratch(&scratch);
	if (compile(feature, own, &s, &err) != 0)
		fail_msg("%s: %s", own ? own : feature, err.text);
	enum verdict v = match_with(s, scratch, header, &err);
	if (v != verdict)
		fail_msg("%s on %s is %d, not %d", own ? own : "none", header, v, verdict);
}

static void test_a_plugin_without_one_takes_the_features(void **state SL_UNUSED)
{
	static const char *const none[] = {NULL,
					   "null",
					   "{}",
					   "{'conditions': []}",
					   "{'expression': ''}",
					   "{'states': ['*']}"};
	for (size_t i = 0; i < countof(none); i++) {
		check(FEATURE, none[i], "{'a': 1, 'b': 1}", VERDICT_TRUE);
		check(FEATURE, none[i], "{'a': 1, 'b': 2}", VERDICT_FALSE);
	}
}

static void test_own_expression_over_the_features_conditions(void **state SL_UNUSED)
{
	check(FEATURE, "{'expression': 'a && !b'}", "{'a': 1, 'b': 2}", VERDICT_TRUE);
	check(FEATURE, "{'expression': 'a && !b'}", "{'a': 1, 'b': 1}", VERDICT_FALSE);
	check(FEATURE, "{'expression': '*'}", "{}", VERDICT_TRUE);
	check(FEATURE,
	      "{'conditions': [{'name': 'c', 'key': 'c', 'expect': '1'}], 'expression': 'b && c'}",
	      "{'b': 1, 'c': 1}", VERDICT_TRUE);
}

static void test_own_conditions_override_by_name(void **state SL_UNUSED)
{
	static const char own[] = "{'conditions': [{'name': 'a', 'key': 'x', 'expect': '2'}]}";
	check(FEATURE, own, "{'a': 1, 'b': 1}", VERDICT_FALSE);
	check(FEATURE, own, "{'x': 2, 'b': 1}", VERDICT_TRUE);
	static const char both[] = "{'conditions': [{'name': 'a', 'key': 'x', 'expect': '2'}],"
				   "'expression': 'b || a'}";
	check(FEATURE, both, "{'a': 1}", VERDICT_FALSE);
	check(FEATURE, both, "{'x': 2}", VERDICT_TRUE);
}

static void test_a_feature_without_an_expression(void **state SL_UNUSED)
{
#define OPEN "{'conditions': [{'name': 'a', 'key': 'a', 'expect': '1'}], 'expression': ''}"
	check(OPEN, "{'expression': 'a'}", "{'a': 1}", VERDICT_TRUE);
	refuse(OPEN, NULL, SL_E_LACK, "jobSelector.expression: ", "a plugin relies on it");
	refuse(OPEN, "{}", SL_E_LACK,
	       "plugins[0].jobSelector.expression: ", "the feature has none");
	refuse(NULL, "{}", SL_E_LACK, "plugins[0].jobSelector.expression: ", NULL);
	refuse("{}", NULL, SL_E_LACK, "jobSelector.expression: ", NULL);
	refuse(NULL, NULL, SL_E_LACK, "jobSelector: neither", NULL);
	refuse("null", "null", SL_E_LACK, "jobSelector: neither", NULL);
}

static void test_the_place_is_where_it_was_written(void **state SL_UNUSED)
{
	refuse(FEATURE, "{'expression': 'a && x'}", SL_E_INVALID,
	       "plugins[0].jobSelector.expression: column 6: no condition is named \"x\"", NULL);
	refuse("{'conditions': [{'name': 'a', 'key': 'a', 'expect': '/(/'}]}",
	       "{'expression': 'a'}", SL_E_INVALID, "jobSelector.conditions[0].expect: the pattern",
	       NULL);
	refuse("{'conditions': [{'name': 'a', 'key': 'a', 'expect': '/x'}]}", "{'expression': '*'}",
	       SL_E_INVALID, "jobSelector.conditions[0].expect: ", NULL);
	/* What a plugin declares is checked even if nothing uses it. */
	refuse(FEATURE, "{'conditions': [{'name': 'z', 'key': 'a', 'expect': '/(/'}]}",
	       SL_E_INVALID, "plugins[0].jobSelector.conditions[0].expect: ", NULL);
}

static void test_members(void **state SL_UNUSED)
{
	refuse(NULL, "{'expression': '*', 'condition': []}", SL_E_INVALID,
	       "plugins[0].jobSelector.condition: unknown field", NULL);
	refuse(NULL, "{'expression': '*', 'conditions': {}}", SL_E_INVALID,
	       "plugins[0].jobSelector.conditions: must be an array, not an object", NULL);
	refuse(NULL, "{'expression': 1}", SL_E_INVALID,
	       "plugins[0].jobSelector.expression: must be a string, not a number", NULL);
	refuse(NULL, "['*']", SL_E_INVALID,
	       "plugins[0].jobSelector: must be an object, not an array", NULL);
	refuse("'*'", NULL, SL_E_INVALID, "jobSelector: must be an object, not a string", NULL);
	check(NULL, "{'expression': '*', 'states': 'whatever'}", "{}", VERDICT_TRUE);
	check(NULL, "{'conditions': null, 'expression': '*'}", "{}", VERDICT_TRUE);
	/* The first fault in the order of the document is told. */
	refuse(NULL, "{'conditions': [{'name': '-'}], 'x': 1}", SL_E_INVALID,
	       "conditions[0].name: ", NULL);
	refuse(NULL, "{'x': 1, 'conditions': [{'name': '-'}]}", SL_E_INVALID, "unknown field",
	       NULL);
}

/* `n` conditions p0, p1, ..., each true where its key is 1, then `expression`. */
static char *many(char prefix, int n, const char *expression)
{
	char *text = calloc(1, (size_t)n * 64 + strlen(expression) + 64);
	strcpy(text, "{'conditions': [");
	for (int i = 0; i < n; i++)
		sprintf(text + strlen(text), "%s{'name': '%c%d', 'key': '%c%d', 'expect': '1'}",
			i ? "," : "", prefix, i, prefix, i);
	sprintf(text + strlen(text), "], 'expression': '%s'}", expression);
	return text;
}

static void test_number_of_conditions(void **state SL_UNUSED)
{
	char *full = many('c', 64, "c0 || c63"), *over = many('c', 65, "c0");
	check(NULL, full, "{'c63': 1}", VERDICT_TRUE);
	refuse(NULL, over, SL_E_INVALID, "plugins[0].jobSelector.conditions[64]: more than 64",
	       NULL);
	char *feature = many('f', 64, "f0");
	check(feature, "{'expression': 'f63'}", "{'f63': 1}", VERDICT_TRUE);
	char *own = many('c', 63, "c0 || f7");
	check(feature, own, "{'f7': 1}", VERDICT_TRUE);
	free(own);
	own = many('c', 63, "c0 || f7 || f8");
	refuse(feature, own, SL_E_INVALID,
	       "plugins[0].jobSelector.expression: ", "with the feature's conditions");
	free(own);
	free(feature);
	free(full);
	free(over);
}

static int check_feature(const char *text, struct sl_error *err)
{
	struct doc d = doc_of(text);
	struct selector_source source = {&d.json, json_get(&d.json, 0, BYTES("jobSelector"))};
	int rc = selector_check_feature(source, err);
	doc_fini(&d);
	return rc;
}

static void test_a_feature_by_itself(void **state SL_UNUSED)
{
	static const struct {
		const char *text;
		int rc;
		const char *words;
	} cases[] = {
		{"{}", 0, ""},
		{"{'jobSelector': null}", 0, ""},
		{"{'jobSelector': {}}", 0, ""},
		{"{'jobSelector': " FEATURE "}", 0, ""},
		{"{'jobSelector': " OPEN "}", 0, ""},
		{"{'jobSelector': {'expression': 'a'}}", SL_E_INVALID,
		 "jobSelector.expression: column 1: no condition is named \"a\""},
		{"{'jobSelector': {'expression': ' '}}", SL_E_INVALID,
		 "jobSelector.expression: column 2: "},
		{"{'jobSelector': {'conditions': [{'name': 'a', 'key': 'a', 'expect': '/(/'}]}}",
		 SL_E_INVALID, "jobSelector.conditions[0].expect: the pattern"},
		{"{'jobSelector': []}", SL_E_INVALID, "jobSelector: must be an object"},
	};
	for (size_t i = 0; i < countof(cases); i++) {
		struct sl_error err = {0};
		int rc = check_feature(cases[i].text, &err);
		if (rc != cases[i].rc ||
		    strncmp(err.text, cases[i].words, strlen(cases[i].words)) != 0)
			fail_msg("%s: %s \"%s\"", cases[i].text, sl_err_name(rc), err.text);
	}
}

/* A selector that is a document of its own has no place in front. */
static void test_a_selector_at_the_root(void **state SL_UNUSED)
{
	struct doc d = doc_of("{'expression': 'x'}");
	struct selector_source none = {NULL, JSON_NONE}, own = {&d.json, 0};
	struct selector *s = NULL;
	struct sl_error err = {0};
	assert_int_equal(selector_compile(none, own, &s, &err), SL_E_INVALID);
	assert_string_equal(err.text, "expression: column 1: no condition is named \"x\"");
	assert_int_equal(selector_compile(none, own, &s, NULL), SL_E_INVALID);
	doc_fini(&d);
}

static void test_views(void **state SL_UNUSED)
{
	scoped(selector_freep) struct selector *s = NULL;
	struct sl_error err = {0};
	assert_int_equal(compile(FEATURE,
				 "{'conditions': [{'name': 'a', 'key': 'x.y', 'expect': '\\\\/t'},"
				 "{'name': 'c', 'key': 'c', 'expect': '1'}]}",
				 &s, &err),
			 0);
	static const struct {
		const char *name, *key, *expect;
		bool used;
	} want[] = {{"a", "x.y", "\\/t", true}, {"c", "c", "1", false}, {"b", "b", "/^1/", true}};
	assert_int_equal(selector_condition_count(s), countof(want));
	for (size_t i = 0; i < countof(want); i++) {
		struct condition_view v = selector_condition(s, i);
		assert_true(bytes_is(v.name, want[i].name));
		assert_true(bytes_is(v.key, want[i].key));
		assert_true(bytes_is(v.expect, want[i].expect));
		assert_int_equal(v.used, want[i].used);
	}
	assert_true(selector_uses_key(s, BYTES("b")));
	assert_true(selector_uses_key(s, BYTES("x.y")));
	assert_true(selector_uses_key(s, BYTES("x")));
	assert_false(selector_uses_key(s, BYTES("y")));
	assert_false(selector_uses_key(s, BYTES("c")));
	assert_false(selector_uses_key(s, BYTES("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plugin_without_one_takes_the_features),
		cmocka_unit_test(test_own_expression_over_the_features_conditions),
		cmocka_unit_test(test_own_conditions_override_by_name),
		cmocka_unit_test(test_a_feature_without_an_expression),
		cmocka_unit_test(test_the_place_is_where_it_was_written),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_number_of_conditions),
		cmocka_unit_test(test_a_feature_by_itself),
		cmocka_unit_test(test_a_selector_at_the_root),
		cmocka_unit_test(test_views),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
