#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/increment/merge.h"

enum { PARTS_MAX = 4 };

/* Texts are written with ' for ". */
static struct json parse(const char *text)
{
	static const struct json_limits wide = {1 << 24, 64};
	struct json j = {0};
	struct sl_error err = {0};
	char *copy = strdup(text);
	assert_non_null(copy);
	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	if (json_parse(&j, bytes_str(copy), &wide, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return j;
}

static void drop(struct json *j)
{
	free((void *)(uintptr_t)j->text.at);
	json_fini(j);
}

struct told {
	struct buf text;
};

static void note(void *user, struct bytes pointer, size_t part)
{
	struct told *told = (struct told *)user;
	buf_addf(&told->text, "%zu%.*s ", part, BYTES_FMT(pointer));
}

/* Merge the answers; `out` and `told` in the tests' notation (' for "). */
static int merge(const char *base_text, const char *const answer_text[PARTS_MAX], struct buf *out,
		 struct told *told, struct sl_error *err)
{
	static const char *const plugin[] = {"P0", "P1", "P2", "P3"};
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	assert_int_equal(increment_rules_create(NULL, &rules, NULL), 0);
	struct increment_options options = {rules, INCREMENT_DECORATOR, false};
	scoped(drop) struct json base = parse(base_text);
	struct json answer[PARTS_MAX] = {0};
	struct increment increment[PARTS_MAX] = {0};
	struct merge_part part[PARTS_MAX];
	size_t n = 0;
	for (; n < PARTS_MAX && answer_text[n]; n++) {
		answer[n] = parse(answer_text[n]);
		if (increment_check(&base, &answer[n], &options, &increment[n], NULL, err) != 0)
			fail_msg("%s: %s", answer_text[n], err->text);
		part[n] = (struct merge_part){bytes_str(plugin[n]), &increment[n]};
	}
	struct merge_provenance provenance = {note, told};
	int rc = merge_increments(&base, part, n, out, told ? &provenance : NULL, err);
	for (size_t i = 0; i < n; i++) {
		increment_fini(&increment[i]);
		drop(&answer[i]);
	}
	for (size_t i = 0; i < out->len; i++)
		out->at[i] = out->at[i] == '"' ? '\'' : out->at[i];
	return rc;
}

struct row {
	const char *base, *answer[PARTS_MAX];
	const char *merged; /* Or the words of the conflict. */
	const char *told;
};

static void check_merged(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		scoped(buf_finip) struct buf out;
		struct told told;
		struct sl_error err = {0};
		buf_init(&out, 1 << 20);
		buf_init(&told.text, 1 << 20);
		if (merge(row[i].base, row[i].answer, &out, &told, &err) != 0)
			fail_msg("%s: %s", row[i].merged, err.text);
		assert_string_equal(buf_str(&out), row[i].merged);
		if (row[i].told)
			assert_string_equal(buf_str(&told.text), row[i].told);
		buf_fini(&told.text);
	}
}

static void check_conflicts(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		scoped(buf_finip) struct buf out;
		struct sl_error err = {0};
		buf_init(&out, 1 << 20);
		if (merge(row[i].base, row[i].answer, &out, NULL, &err) != SL_E_CONFLICT)
			fail_msg("no conflict: %s", buf_str(&out));
		for (char *at = err.text; *at; at++)
			*at = *at == '"' ? '\'' : *at;
		assert_string_equal(err.text, row[i].merged);
	}
}

#define POD(inside)  "{'spec':{'roles':[{'name':'r','template':{'spec':{" inside "}}}]}}"
#define CON(inside)  POD("'containers':[{'name':'c'" inside "}]")
#define ROLE(inside) "{'spec':{'roles':[{'name':'r'" inside "}]}}"
#define AT_POD       "/spec/roles/0/template/spec"
#define AT_CON       AT_POD "/containers/0"

static void test_one_part_adds_to_the_base_as_it_is_written(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{ 'a' : 1.0 }\n", {"{'a':1}"}, "{ 'a' : 1.0 }\n", ""},
		{"{ 'a' : 1.0 }\n", {"{'b':[2],'a':1}"}, "{ 'a' : 1.0 ,'b':[2]}\n", "0/b "},
		{"{}", {"{'a':{'b':null,'c':[{'d':null}]}}"}, "{'a':{'c':[{}]}}", "0/a "},
		{"{'a':null,'b':2}", {"{'a':{'x':1},'b':2}"}, "{'a':{'x':1},'b':2}", "0/a "},
		{"{'a':[1]}", {"{'a':[1.0,2,3]}"}, "{'a':[1,2,3]}", "0/a/1 0/a/2 "},
		{"{'a':[ ]}", {"{'a':[2]}"}, "{'a':[ 2]}", "0/a/0 "},
		{"{'a':{},'b':{'c':[0]}}",
		 {"{'b':{'c':[0,1],'d':2},'a':{'e/~':3},'f':4}"},
		 "{'a':{'e/~':3},'b':{'c':[0,1],'d':2},'f':4}",
		 "0/a/e~1~0 0/b/c/1 0/b/d 0/f "},
		{CON(",'resources':{'limits':{'cpu':'1000m'}}"),
		 {CON(",'resources':{'limits':{'cpu':'1','x':'2'}}")},
		 CON(",'resources':{'limits':{'cpu':'1000m','x':'2'}}"),
		 "0" AT_CON "/resources/limits/x "},
		{"{'status':{'a':1}}",
		 {"{'status':{'a':2},'b':1}"},
		 "{'status':{'a':1},'b':1}",
		 "0/b "},
	};
	check_merged(rows, countof(rows));
}

static void test_objects_are_merged_to_any_depth(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{}", {"{'a':1}", "{'b':2}", "{'c':3}"}, "{'a':1,'b':2,'c':3}", "0/a 1/b 2/c "},
		{"{}",
		 {"{'a':{'x':{'p':1}}}", "{'a':{'x':{'q':2},'y':3}}"},
		 "{'a':{'x':{'p':1,'q':2},'y':3}}",
		 "0/a/x/p 1/a/x/q 1/a/y "},
		{"{'a':null}",
		 {"{'a':{'x':1}}", "{'a':{'y':2}}"},
		 "{'a':{'x':1,'y':2}}",
		 "0/a/x 1/a/y "},
		{"{}", {"{'a':{}}", "{'a':{}}"}, "{'a':{}}", "0/a 1/a "},
		{"{}",
		 {"{'a':1,'b':'x'}", "{'\\u0061':1.0,'b':'\\u0078'}"},
		 "{'a':1,'b':'x'}",
		 "0/a 1/a 0/b 1/b "},
		{"{}",
		 {"{'l':[1,{'a':2}]}", "{'l':[1.0,{'a':2}]}"},
		 "{'l':[1,{'a':2}]}",
		 "0/l 1/l "},
		{"{}",
		 {"{'l':[1,{'a':null,'b':2}]}", "{'l':[1.0,{'b':2}]}"},
		 "{'l':[1,{'b':2}]}",
		 "0/l 1/l "},
		{"{}",
		 {"{'a':{'x':1}}", "{}", "{'a':{'x':1,'y':null}}"},
		 "{'a':{'x':1}}",
		 "0/a/x 2/a/x "},
		{CON(",'resources':{}"),
		 {CON(",'resources':{'limits':{'cpu':'1'}}"),
		  CON(",'resources':{'limits':{'cpu':'1000m','mem':1}}")},
		 CON(",'resources':{'limits':{'cpu':'1','mem':1}}"),
		 NULL},
	};
	check_merged(rows, countof(rows));
}

static void test_keyed_lists_are_merged_by_element(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{CON(",'env':[{'name':'A'}]"),
		 {CON(",'env':[{'name':'A'},{'name':'B','value':'1'},{'name':'C'}]"),
		  CON(",'env':[{'name':'A','value':'2'},{'name':'D'},{'name':'B','value':'1'}]")},
		 CON(",'env':[{'name':'A','value':'2'},{'name':'B','value':'1'},{'name':'C'},{'"
		     "name':'D'}]"),
		 "1" AT_CON "/env/0/value 0" AT_CON "/env/1/name 1" AT_CON "/env/1/name 0" AT_CON
		 "/env/1/value 1" AT_CON "/env/1/value 0" AT_CON "/env/2 1" AT_CON "/env/3 "},
		/* An absent list counts as empty. */
		{CON(""),
		 {CON(",'env':[{'name':'A'}]"), CON(",'env':[{'name':'B'}]")},
		 CON(",'env':[{'name':'A'},{'name':'B'}]"),
		 "0" AT_CON "/env/0 1" AT_CON "/env/1 "},
		{POD(""),
		 {POD("'initContainers':[{'name':'i','image':'x','env':[{'name':'A'}]}]"),
		  POD("'initContainers':[{'name':'i','env':[{'name':'B'}]}]")},
		 POD("'initContainers':[{'name':'i','image':'x','env':[{'name':'A'},{'name':'B'}]}"
		     "]"),
		 NULL},
		{CON(",'ports':[]"),
		 {CON(",'ports':[{'containerPort':80,'name':'w'}]"),
		  CON(",'ports':[{'containerPort':80.0,'protocol':'TCP'}]")},
		 CON(",'ports':[{'containerPort':80,'name':'w','protocol':'TCP'}]"),
		 NULL},
		{POD(""),
		 {POD("'tolerations':[{'key':'a','n':1}]"),
		  POD("'tolerations':[{'n':1.0,'key':'a'},{'key':'b'}]")},
		 POD("'tolerations':[{'key':'a','n':1},{'key':'b'}]"),
		 "0" AT_POD "/tolerations/0 1" AT_POD "/tolerations/0 1" AT_POD "/tolerations/1 "},
		{ROLE(",'dependsOn':['x']"),
		 {ROLE(",'dependsOn':['x','a']"),
		  ROLE(",'dependsOn':['x','b',{'role':'a','on':'succeeded'}]")},
		 ROLE(",'dependsOn':['x','a','b']"),
		 NULL},
		{ROLE(""),
		 {ROLE(",'dependsOn':[{'role':'a'}]"),
		  ROLE(",'dependsOn':[{'role':'a','on':'succeeded','x':1}]")},
		 ROLE(",'dependsOn':[{'role':'a','on':'succeeded','x':1}]"),
		 NULL},
		{POD("'volumes':[]"),
		 {POD("'volumes':[{'name':'v','emptyDir':{}}]"),
		  POD("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1Gi'}}]")},
		 POD("'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1Gi'}}]"),
		 NULL},
	};
	check_merged(rows, countof(rows));
}

static void test_tails_are_joined_in_sequence(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{'l':[0]}",
		 {"{'l':[0,1,2]}", "{'l':[0]}", "{'l':[0,1]}"},
		 "{'l':[0,1,2,1]}",
		 "0/l/1 0/l/2 2/l/3 "},
		{"{'l':[]}", {"{'l':[1]}", "{'l':[2]}"}, "{'l':[1,2]}", "0/l/0 1/l/1 "},
	};
	check_merged(rows, countof(rows));
}

#define CMD(inside) CON(",'command':[" inside "]")

static void test_commands_are_joined_in_sequence(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{CMD("'run'"),
		 {CMD("'a','b','run'"), CMD("'c','run'")},
		 CMD("'a','b','c','run'"),
		 "0" AT_CON "/command 1" AT_CON "/command "},
		{CMD("'sh','-c','x'"),
		 {CMD("'sh','-c','one;\\tx'"), CMD("'sh','-c','two\\nx'")},
		 CMD("'sh','-c','one;\\ttwo\\nx'"),
		 "0" AT_CON "/command 1" AT_CON "/command "},
		{CMD("'sh','-c','\\u0078'"),
		 {CMD("'sh','-c','one;x'"), CMD("'tini','sh','-c','x'"), CMD("'sh','-c','two;x'")},
		 CMD("'tini','sh','-c','one;two;\\u0078'"),
		 NULL},
		{CMD("'sh','-c',''"),
		 {CMD("'sh','-c','\\u00e9;'")},
		 CMD("'sh','-c','\xc3\xa9;'"),
		 NULL},
	};
	check_merged(rows, countof(rows));
}

static void test_conflicts_name_both_sides(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{}", {"{'a':1}", "{}", "{'a':2}"}, "/a: P0 adds 1 and P2 adds 2", NULL},
		{"{}",
		 {"{'a':{'b':{'c':'x'}}}", "{'a':{'b':{'c':'y'}}}"},
		 "/a/b/c: P0 adds 'x' and P1 adds 'y'",
		 NULL},
		{"{}", {"{'a':1}", "{'a':'1'}"}, "/a: P0 adds 1 and P1 adds '1'", NULL},
		{"{}", {"{'a':{}}", "{'a':[]}"}, "/a: P0 adds {} and P1 adds []", NULL},
		{"{}", {"{'l':[1]}", "{'l':[ 1, 2 ]}"}, "/l: P0 adds [1] and P1 adds [1,2]", NULL},
		{"{'a':null}", {"{'a':1}", "{'a':2}"}, "/a: P0 adds 1 and P1 adds 2", NULL},
		{CON(",'env':[{'name':'X'}]"),
		 {CON(",'env':[{'name':'X'},{'name':'A','value':'1'}]"),
		  CON(",'env':[{'name':'X'},{'name':'B'},{'name':'A','value':'2'}]")},
		 AT_CON "/env/1/value: P0 adds '1' and P1 adds '2'",
		 NULL},
		{POD(""),
		 {POD("'initContainers':[{'name':'i','command':['a']}]"),
		  POD("'initContainers':[{'name':'i','command':['b']}]")},
		 AT_POD "/initContainers/0/command: P0 adds ['a'] and P1 adds ['b']",
		 NULL},
		/* A list without keys in a container of its own is merged with nothing. */
		{POD(""),
		 {POD("'initContainers':[{'name':'i','env':[{'value':'1'}]}]"),
		  POD("'initContainers':[{'name':'i','env':[{'name':'b'}]}]")},
		 AT_POD "/initContainers/0/env: P0 adds [{'value':'1'}] and P1 adds [{'name':'b'}]",
		 NULL},
		/* Named are two that cannot stand together, not two that could. */
		{"{}",
		 {"{'a':{'x':1}}", "{'a':{'y':2}}", "{'a':3}"},
		 "/a: P0 adds {'x':1} and P2 adds 3",
		 NULL},
		{CON(""),
		 {CON(",'volumeMounts':[{'mountPath':'a'}]"),
		  CON(",'volumeMounts':[{'mountPath':'b'}]"), CON(",'volumeMounts':{}")},
		 AT_CON "/volumeMounts: P0 adds [{'mountPath':'a'}] and P2 adds {}",
		 NULL},
		/* A dependency that says more is not the same as its name. */
		{ROLE(""),
		 {ROLE(",'dependsOn':['a']"), ROLE(",'dependsOn':[{'role':'a','x':1}]")},
		 "/spec/roles/0/dependsOn/0: P0 adds 'a' and P1 adds {'role':'a','x':1}",
		 NULL},
	};
	check_conflicts(rows, countof(rows));
}

static void test_the_ceiling_of_the_result_holds(void **state)
{
	(void)state;
	static const char *const answer[PARTS_MAX] = {"{'a':[1,2,3,4,5]}"};
	scoped(buf_finip) struct buf out;
	struct sl_error err = {0};
	buf_init(&out, 10);
	assert_int_equal(merge("{}", answer, &out, NULL, &err), SL_E_TOO_BIG);
}

/* 20 000 objects that each get a member from two sides, and as many members that three
 * agree on. */
static void test_large_merges(void **state)
{
	(void)state;
	enum { N = 20000 };
	scoped(buf_finip) struct buf base, one, two, three, out;
	struct buf *text[] = {&base, &one, &two, &three};
	static const char *const inside[] = {"", "'a':1", "'b':{'c':2}", ""};
	for (int k = 0; k < 4; k++) {
		buf_init(text[k], 1 << 24);
		for (int i = 0; i < N; i++)
			buf_addf(text[k], "%s'm%d':{%s}", i ? "," : "{", i, inside[k]);
		for (int i = 0; i < N && k; i++)
			buf_addf(text[k], ",'n%d':%d", i, i);
		buf_add_char(text[k], '}');
	}
	const char *answer[PARTS_MAX] = {buf_str(&one), buf_str(&two), buf_str(&three)};
	struct told told;
	struct sl_error err = {0};
	buf_init(&out, 1 << 24);
	buf_init(&told.text, 1 << 24);
	assert_int_equal(merge(buf_str(&base), answer, &out, &told, &err), 0);
	assert_non_null(strstr(buf_str(&out), ",'m19999':{'a':1,'b':{'c':2}},'n0':0,"));
	assert_non_null(strstr(buf_str(&told.text), "0/m19999/a 1/m19999/b 0/n0 1/n0 2/n0 0/n1 "));
	scoped(drop) struct json merged = parse(buf_str(&out)); /* Nothing stands twice. */
	assert_int_equal(json_count(&merged, 0), 2 * N);
	buf_fini(&told.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_part_adds_to_the_base_as_it_is_written),
		cmocka_unit_test(test_objects_are_merged_to_any_depth),
		cmocka_unit_test(test_keyed_lists_are_merged_by_element),
		cmocka_unit_test(test_tails_are_joined_in_sequence),
		cmocka_unit_test(test_commands_are_joined_in_sequence),
		cmocka_unit_test(test_conflicts_name_both_sides),
		cmocka_unit_test(test_the_ceiling_of_the_result_holds),
		cmocka_unit_test(test_large_merges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
