#include "tests/unit/selector/util.h"

#include "selector/pattern/regex.h"

/* Time for slow machines and sanitizers: here the steps are what counts. */
static const struct regex_limits usual = {SELECTOR_STEPS_MAX, 1000000};

static char *repeat(const char *part, size_t n, const char *tail)
{
	char *text = malloc(strlen(part) * n + strlen(tail) + 1);
	assert_non_null(text);
	*text = '\0';
	for (char *at = text; n--; at += strlen(part))
		strcpy(at, part);
	return strcat(text, tail);
}

static enum regex_result search_flags(const char *pattern, unsigned flags, struct bytes value,
				      struct regex_limits limits)
{
	scoped(regex_freep) struct regex *regex = NULL;
	scoped(regex_scratch_freep) struct regex_scratch *scratch = NULL;
	struct sl_error err = {0};
	assert_int_equal(regex_scratch_create(&scratch), 0);
	if (regex_compile(bytes_str(pattern), flags, &regex, &err) != 0)
		fail_msg("%.60s: %s", pattern, err.text);
	return regex_search(regex, scratch, value, limits);
}

static enum regex_result search(const char *pattern, const char *value)
{
	return search_flags(pattern, 0, bytes_str(value), usual);
}

/* The verdict of one plain search, whatever the pattern looks at around its start. */
static void test_one_plain_search(void **state SL_UNUSED)
{
	static const struct {
		const char *pattern, *value;
		bool found;
	} cases[] = {
		{"(?<=foo)bar", "xxfoobar", true},
		{"(?<=foo)bar", "xxfobar", false},
		{"(?<!foo)bar", "foobar", false},
		{"(?<!foo)bar", "foobar bar", true},
		{"\\Gb", "ab", false},
		{"\\Ga", "ab", true},
		{"x|\\Gb", "ab", false},
		{"a\\Gb", "ab", false},
		{"foo\\Kbar", "xfoobar", true},
		{"foo\\Kbar", "xfobar", false},
		{"\\Abar", "foo\nbar", false},
		{"(?m)^bar", "foo\nbar", true},
		{"(?m)^bar", "foo bar", false},
		{"(?m)foo$", "foo\nbar", true},
		{"foo\\Z", "foo\n", true},
		{"foo\\z", "foo\n", false},
		{"foo$", "foo\n", false},
		{"\\bnode\\b", "anode node", true},
		{"\\bnode\\b", "anode nodes", false},
		{"\xc3\xa9$", "caf\xc3\xa9", true},
		{"^.{4}$", "caf\xc3\xa9", true},
		{"(?i)\xc3\x89", "caf\xc3\xa9", true},
		{"a(*SKIP)b|c", "aac", true},
		{"a(*COMMIT)b|c", "aac", false},
		{"(a)(b)(c)(d)(e)(f)", "xabcdef", true},
		{"(\\w+) \\1", "to be be", true},
		{"(\\w+) \\1", "ab cd", false},
		{"^(\\((?:[^()]|(?1))*\\))$", "(a(b)c)", true},
		{"^(\\((?:[^()]|(?1))*\\))$", "(a(b)c", false},
		{"^", "", true},
		{".", "", false},
	};
	for (size_t i = 0; i < countof(cases); i++)
		if (search(cases[i].pattern, cases[i].value) !=
		    (cases[i].found ? REGEX_YES : REGEX_NO))
			fail_msg("%s in %s", cases[i].pattern, cases[i].value);
}

/* What people write is decided, also on the longest values and where nothing is found. */
static void test_ordinary_patterns_are_decided(void **state SL_UNUSED)
{
	static const char *const patterns[] = {
		"admin|master",
		"^ml-[a-z]+-(dev|prod)$",
		"^\\d{1,3}(\\.\\d{1,3}){3}$",
		"(?i)\\b(gpu|cuda|a100|h100)\\b",
		"^(team|group)[-_/](\\w+)$",
		"^[^@\\s]+@example\\.(com|org)$",
		"nightly.*2026",
		"^(?!test-).*-release$",
		"\\d+-\\d+",
		"^([a-z0-9]+(-[a-z0-9]+)*\\.)+[a-z]{2,}$",
		"[A-Z][a-z]+ [A-Z][a-z]+",
		"(foo|bar)+baz",
	};
	char *values[] = {repeat("a", 1024, ""), repeat("1", 1024, ""), repeat("gpus ", 204, ""),
			  repeat("2026 nightl", 93, "")};
	for (size_t i = 0; i < countof(patterns); i++)
		for (size_t k = 0; k < countof(values); k++)
			if (search(patterns[i], values[k]) != REGEX_NO)
				fail_msg("%s on \"%.10s...\"", patterns[i], values[k]);
	for (size_t k = 0; k < countof(values); k++)
		free(values[k]);
}

/* Patterns that would run for hours, or forever: each one is stopped, and none of them
 * is taken for "not found". */
static void test_hostile_patterns_are_stopped(void **state SL_UNUSED)
{
	static const char *const patterns[] = {
		"(a+)+$",
		"(a|a)*[bc]",
		"(.*)*[xy]",
		"(a|aa)+$",
		"((a*)*)*[bc]",
		"(a*?)*?\\1*?[bc]",
		"([a-z]+)*\\d",
		"(x+x+|a+a+)+[yz]",
		"(.*)(.*)(.*)(.*)(.*)[^a!]",
		"(?s).*?.*?.*?.*?[\\n\\r]",
		"^(a?){30}a{30}[bc]",
		"^(?:(a)|(b)|(c)|.)*$\\b",
		"(?:(?=a*)a)*?$[bc]",
		"(?=(a|aa)+[yz])(?=(?:a+)+[yz])",
		"(?=(a+))(?=(?:a+)+$)(?=((a|aa)+)$)x?[yz]",
		"(?:(?!a*b)a)*[cd]",
		"(?:(?<!b)a)*[cd]",
		"(?<=a|b|c)(a+|b+)+[de]",
		"(a*)\\1\\1\\1[bc]",
		"(a*)*\\1[bd]?[cd]",
		"(a*)(?:\\1)*[bc]",
		"(?:(|a)\\1{0,60000})*[bc]",
		"(?|(a)|(a))*+(?:b|\\1)*[cd]",
		"(a(?1)?a|b)*[cd]",
		"(?R)?a(?R)?[bc]",
		"(a{0,1000}){0,60}[bc]",
		"(?:a{0,1000}?a{0,1000}?)*[bc]",
		"(?:a*b*){0,20}[cd]",
		"\\G(a+)+$",
		"b|\\G(a+)+$",
		"(?:a+)+\\K[bc]",
	};
	char *value = repeat("a", 1023, "!");
	for (size_t i = 0; i < countof(patterns); i++) {
		enum regex_result r = search(patterns[i], value);
		if (r == REGEX_YES || r == REGEX_NO)
			fail_msg("%s was decided: %d", patterns[i], r);
	}
	free(value);
	static const char *const longer[] = {"a|", "aaaaaaaaaaaaaab|"};
	for (size_t i = 0; i < countof(longer); i++) {
		char *inner = repeat(longer[i], 200, "a)*[bc]"), *pattern;
		assert_true(asprintf(&pattern, "(?:%s", inner) > 0);
		value = repeat("a", 1024, "");
		assert_int_equal(search(pattern, value), REGEX_STEPS);
		free(inner);
		free(pattern);
		free(value);
	}
	char *optional = repeat("a?", 300, "");
	char *pattern = repeat("a", 300, "[bc]"), *both;
	assert_true(asprintf(&both, "%s%s", optional, pattern) > 0);
	value = repeat("a", 1023, "!");
	assert_int_equal(search(both, value), REGEX_STEPS);
	free(optional);
	free(pattern);
	free(both);
	free(value);
}

/* [...] of every second character from U+0100 on, about `bytes` long. */
static char *wide_class(size_t bytes)
{
	char *text = malloc(bytes + 8);
	size_t n = 0;
	text[n++] = '[';
	for (unsigned c = 0x100; n < bytes - 4; c += 2) {
		if (c < 0x800) {
			text[n++] = (char)(0xc0 | c >> 6);
		} else {
			text[n++] = (char)(0xe0 | c >> 12);
			text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		}
		text[n++] = (char)(0x80 | (c & 0x3f));
	}
	strcpy(text + n, "]");
	return text;
}

/* Few items, each of them slow: here the steps would not help, the time does. */
static void test_slow_items_are_stopped(void **state SL_UNUSED)
{
	char *class = wide_class(3900), *pattern;
	char *value = repeat("\xd2\x80", 512, "");
	static const char *const around[] = {"(?:%s++(?!)|.)*[bc]", "(?:%s{513}|.)*[bc]",
					     "(?i)(?:%s++(?!)|.)*[bc]"};
	for (size_t i = 0; i < countof(around); i++) {
		const char *slot = strstr(around[i], "%s");
		assert_true(asprintf(&pattern, "%.*s%s%s", (int)(slot - around[i]), around[i],
				     class, slot + 2) > 0);
		struct regex_limits limits = {UINT32_MAX, 1000};
		assert_int_equal(search_flags(pattern, 0, bytes_str(value), limits), REGEX_TIME);
		free(pattern);
	}
	free(class);
	free(value);
	pattern = repeat("\\X{1025}|", 400, "zz");
	value = repeat("e\xcc\x81", 341, "z");
	struct regex_limits limits = {UINT32_MAX, 300};
	assert_int_equal(search_flags(pattern, 0, bytes_str(value), limits), REGEX_TIME);
	free(pattern);
	free(value);
}

/* The steps of all start positions count together, and exactly. */
static void test_steps_are_counted_over_all_starts(void **state SL_UNUSED)
{
	char *value = repeat("ab", 500, "");
	uint32_t least = 1;
	while (search_flags("a[cd]", 0, bytes_str(value), (struct regex_limits){least, 1000000}) ==
	       REGEX_STEPS)
		least++;
	assert_in_range(least, 500, 3000);
	assert_int_equal(
		search_flags("a[cd]", 0, bytes_str(value), (struct regex_limits){least, 1000000}),
		REGEX_NO);
	assert_int_equal(search_flags("a[cd]", 0, bytes_str(value),
				      (struct regex_limits){least - 1, 1000000}),
			 REGEX_STEPS);
	free(value);
}

/* A scratch is as good as new after a search that was stopped. */
static void test_a_scratch_is_used_again(void **state SL_UNUSED)
{
	scoped(regex_freep) struct regex *hostile = NULL, *plain = NULL, *deep = NULL;
	scoped(regex_scratch_freep) struct regex_scratch *scratch = NULL;
	assert_int_equal(regex_scratch_create(&scratch), 0);
	assert_int_equal(regex_compile(BYTES("(a+)+$"), 0, &hostile, NULL), 0);
	assert_int_equal(regex_compile(BYTES("(?R)?a(?R)?[bc]"), 0, &deep, NULL), 0);
	assert_int_equal(regex_compile(BYTES("a!$"), 0, &plain, NULL), 0);
	char *value = repeat("a", 1023, "!");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(regex_search(hostile, scratch, bytes_str(value),
					      (struct regex_limits){1000, 1000000}),
				 REGEX_STEPS);
		assert_int_equal(regex_search(deep, scratch, bytes_str(value),
					      (struct regex_limits){UINT32_MAX, 1000000}),
				 REGEX_STACK);
		assert_int_equal(regex_search(plain, scratch, bytes_str(value), usual), REGEX_YES);
	}
	free(value);
}

static void test_flags(void **state SL_UNUSED)
{
	assert_int_equal(search_flags("A", REGEX_I, BYTES("xa"), usual), REGEX_YES);
	assert_int_equal(search_flags("^b", REGEX_M, BYTES("a\nb"), usual), REGEX_YES);
	assert_int_equal(search_flags("a.b", REGEX_S, BYTES("a\nb"), usual), REGEX_YES);
	assert_int_equal(search_flags(" a b ", REGEX_X, BYTES("ab"), usual), REGEX_YES);
	assert_int_equal(search_flags("\\x00b", 0, BYTES("a\0b"), usual), REGEX_YES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_plain_search),
		cmocka_unit_test(test_ordinary_patterns_are_decided),
		cmocka_unit_test(test_hostile_patterns_are_stopped),
		cmocka_unit_test(test_slow_items_are_stopped),
		cmocka_unit_test(test_steps_are_counted_over_all_starts),
		cmocka_unit_test(test_a_scratch_is_used_again),
		cmocka_unit_test(test_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
