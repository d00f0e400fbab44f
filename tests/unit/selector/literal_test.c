/* Texts that a pattern needs: what is found, and that a value without them never matches. */
#include "selector/pattern/literal.h"

#include "selector/pattern/regex.h"
#include "tests/unit/selector/random.h"

static void literals_are(const char *pattern, bool caseless, const char *wanted)
{
	struct literals *l = NULL;
	char text[600] = "";
	assert_int_equal(literals_create(bytes_str(pattern), caseless, false, &l), 0);
	for (uint32_t i = 0; l && i < l->n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", i ? "," : "",
			 BYTES_FMT(l->at[i]));
	literals_free(l);
	if (strcmp(text, wanted) != 0)
		fail_msg("%s needs \"%s\", not \"%s\"", pattern, wanted, text);
}

static void test_what_is_found(void **state SL_UNUSED)
{
	static const struct {
		const char *pattern, *literals;
	} cases[] = {
		{"admin|master", "admin,master"},
		{"^admin$", "admin"},
		{"ab?cde", "cde"},
		{"abc*", "ab"},
		{"abc+d", "abc"},
		{"ab{0,3}", "a"},
		{"ab{2}", "ab"},
		{"a\\.b\\/c", "a.b/c"},
		{"x(foo|barbar)y", "foo,barbar"},
		{"(foo)?bar", "bar"},
		{"(?:foo)+", "foo"},
		{"team-[0-9]+-x", "team-"},
		{"[]a]bc[^]x]", "bc"},
		{"[[:alpha:]]]bc", "]bc"},
		{"\\bword\\b", "word"},
		{"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
		{"\xc3\xa9*ta", "ta"},
		{"svc\\-a", "svc-a"},
	};
	for (size_t i = 0; i < countof(cases); i++)
		literals_are(cases[i].pattern, false, cases[i].literals);
	literals_are("ADMin", true, "admin");
	literals_are("(?i)ADMin", false, "admin");
	literals_are("mASter-ok", true, "ter-o");
	literals_are("\xc3\xa9ta", true, "ta");
}

/* What could mean something else gives nothing at all. */
static void test_nothing_is_known(void **state SL_UNUSED)
{
	static const char *const patterns[] = {
		"a|",           "|a",
		"a?",           "(a|b?)",
		".*",           "[[:<:]]admin[[:>:]]",
		"[abc]",        "^",
		"a{0}",         "(?=abc)",
		"(?!abc)",      "(?<=abc)d",
		"abc(?i)d",     "\\Qabc\\E",
		"\\x61bc",      "abc\\1",
		"a(*ACCEPT)bc", "(?R)?abc",
		"abc{,3}",      "[\\c]a]bc",
		"(?x) a b c",   "(?|abc)",
		"[[.a]bc",      "a|b|c|d|e|f|g|h|i",
		"(?#abc)",      "\\p{Lu}abc",
		"\\N{U+61}bc",  "\\o{141}bc",
		"(?C)abc",
	};
	for (size_t i = 0; i < countof(patterns); i++)
		literals_are(patterns[i], false, "");
	struct literals *l = NULL;
	assert_int_equal(literals_create(BYTES("abc # comment"), false, true, &l), 0);
	assert_null(l);
	literals_are("ks", true, "");
}

/* The letters that are looked for in any case have no third form in Unicode. */
static void test_letters_have_two_forms(void **state SL_UNUSED)
{
	scoped(regex_scratch_freep) struct regex_scratch *scratch = NULL;
	scoped(buf_finip) struct buf all = {0};
	buf_init(&all, 1 << 23);
	assert_int_equal(regex_scratch_create(&scratch), 0);
	for (uint32_t c = 0x80; c < 0x110000; c++) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c >= 0x10000)
			buf_add_char(&all, (char)(0xf0 | c >> 18));
		if (c >= 0x800)
			buf_add_char(&all, (char)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3f)
							       : 0xe0 | c >> 12));
		buf_add_char(&all, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
		buf_add_char(&all, (char)(0x80 | (c & 0x3f)));
	}
	assert_int_equal(all.rc, 0);
	for (char c = 'a'; c <= 'z'; c++) {
		scoped(regex_freep) struct regex *regex = NULL;
		char pattern[8];
		/* A class, since a letter would be a text that is needed. */
		snprintf(pattern, sizeof(pattern), "[%c]", c);
		assert_int_equal(regex_compile(bytes_str(pattern), REGEX_I, &regex, NULL), 0);
		enum regex_result found = regex_search(regex, scratch, buf_bytes(&all),
						       (struct regex_limits){UINT32_MAX, 60000000});
		assert_int_equal(found, c == 'k' || c == 's' ? REGEX_YES : REGEX_NO);
	}
}

static void random_pattern(struct dice *d, struct buf *to, unsigned depth)
{
	static const char *const atoms[] = {
		"a",
		"b",
		"ab",
		"ba",
		"A",
		"k",
		"\xc3\xa9",
		"[ab]",
		"[^a]",
		"[]b]",
		"[[:alpha:]a]",
		".",
		"^",
		"$",
		"\\b",
		"\\.",
		"\\w",
		"\\K",
		"\\x61",
		"(?i)",
		"(?=a)",
		"\\Qa\\E",
		"{",
		"]",
		"a{,2}",
		"\\G",
		"(*ACCEPT)",
		"(?#b)",
		"\\cA",
		"[\\c]]",
		"(?-i)",
		"(?x) b",
		"\\N",
		"\\R",
		"-",
		"[[:<:]]",
		"[[:>:]]",
		"[a[:<:]]",
		"[[:^alpha:]b]",
	};
	static const char *const quantifiers[] = {"",    "",    "",      "",     "?",  "*",  "+",
						  "{0}", "{2}", "{0,1}", "{1,}", "??", "++", "*+"};
	for (unsigned n = 1 + roll(d, 3); n; n--) {
		if (depth && !roll(d, 3)) {
			buf_add_str(to, roll(d, 3) ? "(" : "(?:");
			random_pattern(d, to, depth - 1);
			buf_add_char(to, ')');
		} else {
			buf_add_str(to, roll(d, 3) ? atoms[roll(d, 5)] : PICK(d, atoms));
		}
		buf_add_str(to, PICK(d, quantifiers));
	}
	if (depth && !roll(d, 3)) {
		buf_add_char(to, '|');
		random_pattern(d, to, depth - 1);
	}
}

/* A value that the pattern matches, although the texts are not in it, would be missed. PCRE2
 * is asked about the same pattern in a form that gives no texts. */
static void test_never_missed(void **state SL_UNUSED)
{
	static const char *const pieces[] = {"a",        "b",        "A",   "k", "\xe2\x84\xaa",
					     "\xc3\xa9", "\xc3\x89", ".",   "]", "-",
					     "\n",       "{",        "\x01"};
	scoped(regex_scratch_freep) struct regex_scratch *scratch = NULL;
	unsigned with = 0, found = 0;
	assert_int_equal(regex_scratch_create(&scratch), 0);
	for (uint64_t seed = 1; seed <= 6000; seed++) {
		struct dice d = {seed};
		scoped(buf_finip) struct buf pattern = {0}, hidden = {0};
		scoped(regex_freep) struct regex *regex = NULL;
		struct literals *l = NULL;
		bool caseless = !roll(&d, 3);
		buf_init(&pattern, 4000);
		buf_init(&hidden, 4000);
		random_pattern(&d, &pattern, 2);
		buf_add_bytes(&hidden, buf_bytes(&pattern));
		buf_add_str(&hidden, "|(?!)");
		if (regex_compile(buf_bytes(&hidden), caseless ? REGEX_I : 0, &regex, NULL) != 0)
			continue;
		assert_null(regex_literals(regex));
		assert_int_equal(literals_create(buf_bytes(&pattern), caseless, false, &l), 0);
		for (unsigned i = 0; l && i < 40; i++) {
			char value[80] = "";
			for (unsigned n = roll(&d, 7); n; n--)
				strcat(value, PICK(&d, pieces));
			enum regex_result r = regex_search(regex, scratch, bytes_str(value),
							   (struct regex_limits){100000, 1000000});
			found += r == REGEX_YES;
			if (r == REGEX_YES && !literals_in(l, bytes_str(value)))
				fail_msg("seed %llu: \"%s\"%s is found in \"%s\"",
					 (unsigned long long)seed, buf_str(&pattern),
					 caseless ? " (i)" : "", value);
		}
		with += l != NULL;
		literals_free(l);
	}
	assert_true(with > 1000 && found > 5000);
}

/* A text is found at each place of a value, whatever their lengths. */
static void test_wherever_it_stands(void **state SL_UNUSED)
{
	static const char text[] = "team-0417-x";
	for (size_t len = 1; len < sizeof(text); len++) {
		struct literals *l = NULL;
		assert_int_equal(literals_create(bytes_of(text, len), false, false, &l), 0);
		assert_int_equal(l->n, 1);
		for (size_t n = 0; n < 70; n++)
			for (size_t at = 0; at <= n; at++) {
				char value[160];
				memset(value, 'a', sizeof(value));
				memcpy(value + at, text, len);
				assert_true(literals_in(l, bytes_of(value, n + len)));
				value[at + len - 1] = '?';
				assert_false(literals_in(l, bytes_of(value, n + len)));
			}
		literals_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_found),
		cmocka_unit_test(test_nothing_is_known),
		cmocka_unit_test(test_letters_have_two_forms),
		cmocka_unit_test(test_never_missed),
		cmocka_unit_test(test_wherever_it_stands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
