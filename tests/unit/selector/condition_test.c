#include "tests/unit/selector/util.h"

/* One condition "c" on key "k"; `members` is what follows. */
static char *one(const char *members)
{
	char *own;
	assert_true(asprintf(&own,
			     "{'conditions': [{'name': 'c', 'key': 'k', %s}], 'expression': 'c'}",
			     members) > 0);
	return own;
}

static void expect_verdict(const char *members, const char *header, enum verdict verdict)
{
	char *own = one(members);
	enum verdict v = match(own, header);
	if (v != verdict)
		fail_msg("%s on %s is %d, not %d", members, header, v, verdict);
	free(own);
}

static void yes(const char *members, const char *header)
{
	expect_verdict(members, header, VERDICT_TRUE);
}

static void no(const char *members, const char *header)
{
	expect_verdict(members, header, VERDICT_FALSE);
}

static void refused(const char *members, const char *words)
{
	char *own = one(members);
	refuse(NULL, own, SL_E_INVALID, "plugins[0].jobSelector.conditions[0].expect: ", words);
	free(own);
}

/* ---- what expect means ---- */

static void test_equality(void **state SL_UNUSED)
{
	yes("'expect': 'debug'", "{'k': 'debug'}");
	no("'expect': 'debug'", "{'k': 'Debug'}");
	no("'expect': 'debug'", "{'k': 'debug '}");
	no("'expect': 'debug'", "{'k': 'debugger'}");
	no("'expect': 'debug'", "{'k': ''}");
	yes("'expect': 'a.b c/d-e'", "{'k': 'a.b c/d-e'}");
	no("'expect': 'a.b'", "{'k': 'axb'}");
	yes("'expect': '\\u00e9'", "{'k': '\xc3\xa9'}");
	yes("'expect': '\xc3\xa9'", "{'k': '\\u00E9'}");
	yes("'expect': 'a\\u0000b'", "{'k': 'a\\u0000b'}");
	no("'expect': 'a\\u0000b'", "{'k': 'a\\u0000c'}");
}

static void test_patterns(void **state SL_UNUSED)
{
	yes("'expect': '/admin|master/'", "{'k': 'the master of'}");
	no("'expect': '/admin|master/'", "{'k': 'user'}");
	no("'expect': '/admin/'", "{'k': 'ADMIN'}");
	yes("'expect': '/admin/i'", "{'k': 'ADMIN'}");
	yes("'expect': '/^b$/m'", "{'k': 'a\\nb'}");
	no("'expect': '/^b$/'", "{'k': 'a\\nb'}");
	yes("'expect': '/a.b/s'", "{'k': 'a\\nb'}");
	no("'expect': '/a.b/'", "{'k': 'a\\nb'}");
	yes("'expect': '/a b # c/x'", "{'k': 'ab'}");
	yes("'expect': '/A.B/smix'", "{'k': 'a\\nb'}");
	yes("'expect': '/^.$/'", "{'k': '\xe6\x97\xa5'}");
	yes("'expect': '/\xc3\x89/i'", "{'k': '\xc3\xa9'}");
}

/* "$" is the end, not a line's end before it. */
static void test_dollar_is_the_end(void **state SL_UNUSED)
{
	yes("'expect': '/^admin$/'", "{'k': 'admin'}");
	no("'expect': '/^admin$/'", "{'k': 'admin\\n'}");
	no("'match': 'regex', 'expect': '^admin$'", "{'k': 'admin\\n'}");
}

static void test_slashes_within_a_pattern(void **state SL_UNUSED)
{
	yes("'expect': '/^\\\\/tmp\\\\/x$/'", "{'k': '/tmp/x'}");
	yes("'expect': '/^[\\\\/]$/'", "{'k': '/'}");
	yes("'expect': '/\\\\Q\\\\/\\\\E$/'", "{'k': 'a/'}");
	/* An escaped backslash does not escape the slash behind it. */
	yes("'expect': '/^a\\\\\\\\/'", "{'k': 'a\\\\'}");
	yes("'expect': '/^\\\\\\\\\\\\/$/'", "{'k': '\\\\/'}");
	refused("'expect': '/[/]/'", "only the flags i, m, s, x");
}

static void test_a_text_that_begins_with_a_slash(void **state SL_UNUSED)
{
	yes("'expect': '\\\\/tmp/'", "{'k': '/tmp/'}");
	no("'expect': '\\\\/tmp/'", "{'k': '\\\\/tmp/'}");
	no("'expect': '\\\\/tmp/'", "{'k': 'x/tmp/'}");
	refused("'expect': '/tmp'", "the closing \"/\" is missing");
	refused("'expect': '/tmp'", "write \"\\/tmp\"");
	refused("'expect': '/tmp/foo'", "write \"\\/tmp/foo\" or add \"match\": \"exact\"");
	refused("'expect': '/'", "the closing");
	refused("'expect': '//'", "it is empty");
	refused("'expect': '//i'", "it is empty");
	refused("'expect': '/a/g'", "only the flags");
	refused("'expect': '/a/I'", "only the flags");
	refused("'expect': '/a/i\\u0000'", "only the flags");
	refused("'expect': '/a\\\\/'", "the closing");
}

static void test_a_pattern_without_slashes_is_refused(void **state SL_UNUSED)
{
	static const char *const special[] = {"^", "$", "*", "+", "?", "|",
					      "(", ")", "[", "]", "{", "}"};
	for (size_t i = 0; i < countof(special); i++) {
		char members[64], words[64];
		snprintf(members, sizeof(members), "'expect': 'a%sb'", special[i]);
		snprintf(words, sizeof(words), "holds \"%s\"", special[i]);
		refused(members, words);
	}
	refused("'expect': 'a\\\\b'", "holds \"\\\"");
	refused("'expect': 'admin|master'", "write \"/admin|master/\" for a pattern");
	refused("'expect': 'admin|master'", "\"match\": \"exact\"");
	refused("'expect': 'v1.2+build'", "holds \"+\"");
	refused("'expect': '\\\\/a|b'", "holds \"|\"");
	refused("'expect': '\\\\x'", "holds \"\\\"");
	refused("'expect': ''", "is empty");
}

static void test_match_says_it_outright(void **state SL_UNUSED)
{
	yes("'match': 'exact', 'expect': '/a|b/'", "{'k': '/a|b/'}");
	no("'match': 'exact', 'expect': '/a|b/'", "{'k': 'a'}");
	yes("'match': 'exact', 'expect': '\\\\/a'", "{'k': '\\\\/a'}");
	yes("'match': 'exact', 'expect': ''", "{'k': ''}");
	yes("'expect': '^a|^b', 'match': 'regex'", "{'k': 'bc'}");
	yes("'match': 'regex', 'expect': '/a/'", "{'k': 'x/a/y'}");
	no("'match': 'regex', 'expect': '/a/'", "{'k': 'a'}");
	yes("'match': null, 'expect': '/a/'", "{'k': 'a'}");
	refused("'match': 'regex', 'expect': ''", "is empty");
	refused("'match': 'regex', 'expect': 'a('", "character 3");
	refuse(NULL,
	       "{'conditions': [{'name': 'c', 'key': 'k', 'expect': 'a', 'match': 'glob'}],"
	       "'expression': 'c'}",
	       SL_E_INVALID,
	       "plugins[0].jobSelector.conditions[0].match: ", "\"exact\" or \"regex\"");
	refuse(NULL,
	       "{'conditions': [{'name': 'c', 'key': 'k', 'expect': 'a', 'match': ''}],"
	       "'expression': 'c'}",
	       SL_E_INVALID, "conditions[0].match: ", NULL);
}

static void test_patterns_that_are_refused(void **state SL_UNUSED)
{
	refused("'expect': '/a(/'", "character 3: missing closing parenthesis");
	refused("'expect': '/\xc3\xa9(/'", "character 3");
	refused("'expect': '/(*NO_JIT)a/'", "must not begin with \"(*\"");
	refused("'expect': '/(*UTF)a/'", "must not begin with \"(*\"");
	refused("'expect': '/(*FAIL)a/'", "must not begin with \"(*\"");
	refused("'expect': '/a(?C)b/'", "call-outs");
	refused("'expect': '/a(?C1)b/'", "call-outs");
	refused("'expect': '/a(?C255)b/'", "call-outs");
	refused("'expect': '/a(?C{x})b/'", "call-outs");
	refused("'expect': '/a\\\\Cb/'", "wrong at its character");
	refused("'expect': '/(?(?=a)b|c)/'", "machine code");
	refused("'expect': '/(?:abcdefghij){1000}/'", "too large");
	yes("'expect': '/[(?C]x/'", "{'k': 'Cx'}");
	yes("'expect': '/a\\\\(?C/'", "{'k': 'a(C'}");
}

static char *pattern_of(size_t len)
{
	char *text = calloc(1, len + 32);
	strcpy(text, "'expect': '/");
	memset(text + strlen(text), 'a', len);
	strcat(text, "/'");
	return text;
}

static void test_length_of_a_pattern(void **state SL_UNUSED)
{
	char *text = pattern_of(SELECTOR_PATTERN_MAX);
	no(text, "{'k': 'aaa'}");
	free(text);
	text = pattern_of(SELECTOR_PATTERN_MAX + 1);
	refused(text, "longer than 4096 bytes");
	free(text);
}

static void test_groups_of_a_pattern_nest_so_deep(void **state SL_UNUSED)
{
	char text[160];
	for (int levels = 50; levels <= 51; levels++) {
		int at = sprintf(text, "'expect': '/");
		memset(text + at, '(', (size_t)levels);
		text[at + levels] = 'a';
		memset(text + at + levels + 1, ')', (size_t)levels);
		strcpy(text + at + 2 * levels + 1, "/'");
		if (levels == 50)
			yes(text, "{'k': 'a'}");
		else
			refused(text, "parentheses are too deeply nested");
	}
}

/* ---- the members ---- */

static void refuse_condition(const char *condition, int code, const char *place, const char *words)
{
	char *own;
	assert_true(asprintf(&own,
			     "{'conditions': [{'name': 'z', 'key': 'z', 'expect': 'z'}, %s],"
			     "'expression': '*'}",
			     condition) > 0);
	refuse(NULL, own, code, place, words);
	free(own);
}

static void test_names(void **state SL_UNUSED)
{
	static const char *const bad[] = {"a-b", "1a", "a b", "\xc3\xa9",
					  "a.b", "*",  " a",  "a\\u0000"};
	char text[256];
	for (size_t i = 0; i < countof(bad); i++) {
		snprintf(text, sizeof(text), "{'name': '%s', 'key': 'k', 'expect': 'a'}", bad[i]);
		refuse_condition(text, SL_E_INVALID,
				 "plugins[0].jobSelector.conditions[1].name: ", "is no name");
	}
	refuse_condition("{'name': '', 'key': 'k', 'expect': 'a'}", SL_E_LACK,
			 "plugins[0].jobSelector.conditions[1].name: ", NULL);
	refuse_condition("{'key': 'k', 'expect': 'a'}", SL_E_LACK, "conditions[1].name: ", NULL);
	refuse_condition("{'name': null, 'key': 'k', 'expect': 'a'}", SL_E_LACK,
			 "conditions[1].name: ", NULL);
	refuse_condition("{'name': 'z', 'key': 'k', 'expect': 'a'}", SL_E_INVALID,
			 "plugins[0].jobSelector.conditions[1].name: ", "\"z\" is declared twice");
	char name[SELECTOR_NAME_MAX + 2];
	memset(name, 'n', sizeof(name));
	snprintf(text, sizeof(text), "{'name': '%.*s', 'key': 'k', 'expect': 'a'}",
		 SELECTOR_NAME_MAX + 1, name);
	refuse_condition(text, SL_E_INVALID, "conditions[1].name: ", "longer than 63");
	snprintf(text, sizeof(text),
		 "{'conditions': [{'name': '%.*s', 'key': 'k', 'expect': 'a'}], 'expression': "
		 "'%.*s'}",
		 SELECTOR_NAME_MAX, name, SELECTOR_NAME_MAX, name);
	assert_int_equal(match(text, "{'k': 'a'}"), VERDICT_TRUE);
	assert_int_equal(match("{'conditions': [{'name': '_A9z', 'key': 'k', 'expect': 'a'}],"
			       "'expression': '_A9z'}",
			       "{'k': 'a'}"),
			 VERDICT_TRUE);
}

static void test_members_of_a_condition(void **state SL_UNUSED)
{
	refuse_condition("{'name': 'a', 'expect': 'a'}", SL_E_LACK,
			 "plugins[0].jobSelector.conditions[1].key: ", NULL);
	refuse_condition("{'name': 'a', 'key': '', 'expect': 'a'}", SL_E_LACK,
			 "conditions[1].key: ", NULL);
	refuse_condition("{'name': 'a', 'key': 'k'}", SL_E_LACK, "conditions[1].expect: ", NULL);
	refuse_condition("{'name': 'a', 'key': 'k', 'expect': null}", SL_E_LACK,
			 "conditions[1].expect: ", NULL);
	refuse_condition("{'name': 'a', 'key': 'k', 'expect': 1}", SL_E_INVALID,
			 "conditions[1].expect: ", "must be a string, not a number");
	refuse_condition("{'name': 'a', 'key': ['k'], 'expect': 'a'}", SL_E_INVALID,
			 "conditions[1].key: ", "must be a string, not an array");
	refuse_condition("{'name': 'a', 'key': 'k', 'expect': 'a', 'match': true}", SL_E_INVALID,
			 "conditions[1].match: ", "must be a string");
	refuse_condition("{'name': 'a', 'key': 'k', 'expect': 'a', 'except': 'b'}", SL_E_INVALID,
			 "plugins[0].jobSelector.conditions[1].except: ", "unknown field");
	refuse_condition("'a'", SL_E_INVALID, "plugins[0].jobSelector.conditions[1]: ",
			 "must be an object, not a string");
	refuse_condition("null", SL_E_INVALID, "conditions[1]: ", "must be an object");
}

/* The example that doc/selector.md begins with. */
static void test_the_example(void **state SL_UNUSED)
{
	static const char own[] =
		"{'conditions': [{'name': 'prod', 'key': 'cluster', 'expect': 'production'},"
		"{'name': 'heavy', 'key': 'resources.gpu',"
		" 'expect': '/^([4-9]|[1-9][0-9]+)$/'},"
		"{'name': 'bot', 'key': 'userID', 'expect': '/^svc-/'}],"
		"'expression': 'prod && (heavy || !bot)'}";
	static const struct {
		const char *header;
		enum verdict verdict;
	} cases[] = {
		{"{'cluster': 'production', 'userID': 'ann'}", VERDICT_TRUE},
		{"{'cluster': 'production', 'userID': 'svc-ci'}", VERDICT_FALSE},
		{"{'cluster': 'production', 'userID': 'svc-ci', 'resources': {'gpu': 8}}",
		 VERDICT_TRUE},
		{"{'cluster': 'production', 'userID': 'svc-ci', 'resources': {'gpu': 2}}",
		 VERDICT_FALSE},
		{"{'cluster': 'test', 'userID': 'ann', 'resources': {'gpu': 8}}", VERDICT_FALSE},
	};
	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(match(own, cases[i].header), cases[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_dollar_is_the_end),
		cmocka_unit_test(test_slashes_within_a_pattern),
		cmocka_unit_test(test_a_text_that_begins_with_a_slash),
		cmocka_unit_test(test_a_pattern_without_slashes_is_refused),
		cmocka_unit_test(test_match_says_it_outright),
		cmocka_unit_test(test_patterns_that_are_refused),
		cmocka_unit_test(test_length_of_a_pattern),
		cmocka_unit_test(test_groups_of_a_pattern_nest_so_deep),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_members_of_a_condition),
		cmocka_unit_test(test_the_example),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
