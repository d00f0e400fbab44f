#include "core/diff.h"
#include "tests/unit/core/increment_rows.h"

struct noted {
	const struct json *a, *b;
	struct buf text;
};

static bool note(void *user, struct bytes pointer, json_at a, json_at b)
{
	struct noted *n = user;
	buf_addf(&n->text, "%.*s: ", BYTES_FMT(pointer));
	if (a != JSON_NONE)
		json_compact(n->a, a, &n->text);
	buf_add_str(&n->text, ">");
	if (b != JSON_NONE)
		json_compact(n->b, b, &n->text);
	buf_add_str(&n->text, "; ");
	return true;
}

static void check_diff(const char *old, const char *new, bool keyed, const char *expected)
{
	scoped(drop) struct json a = parse(old);
	scoped(drop) struct json b = parse(new);
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	struct noted n = {.a = &a, .b = &b};
	buf_init(&n.text, 1 << 16);
	assert_int_equal(increment_rules_create(NULL, &rules, NULL), 0);
	assert_int_equal(diff_documents(&a, &b, keyed ? rules : NULL, note, &n), 0);
	for (size_t i = 0; i < n.text.len; i++)
		n.text.at[i] = n.text.at[i] == '"' ? '\'' : n.text.at[i];
	assert_string_equal(buf_str(&n.text), expected);
	buf_fini(&n.text);
}

static void test_members_by_name_and_other_lists_by_position(void **state)
{
	(void)state;
	check_diff("{'a':1,'b':2}", "{'b':2.0,'a':1}", true, "");
	check_diff("{'a':1,'x~/':{'y':1}}", "{'x~/':{'y':2},'c':[]}", true,
		   "/a: 1>; /x~0~1/y: 1>2; /c: >[]; ");
	check_diff("{'l':[1,2]}", "{'l':[0,1,2]}", true, "/l/0: 1>0; /l/1: 2>1; /l/2: >2; ");
	check_diff("{'a':{}}", "{'a':[]}", true, "/a: {}>[]; ");
}

static void test_elements_of_keyed_lists_by_their_key(void **state)
{
	(void)state;
	const char *old = CON(",'env':[{'name':'A','value':'1'},{'name':'B'},{'name':'C'}]");
	/* One is gone, one is new and in front, one has another value. */
	const char *new = CON(",'env':[{'name':'N'},{'name':'A','value':'2'},{'name':'C'}]");
	check_diff(old, new, true,
		   AT_CON "/env/1/value: '1'>'2'; " AT_CON "/env/1: {'name':'B'}>; " AT_CON
			  "/env/0: >{'name':'N'}; ");
	/* Without rules: by position. */
	check_diff("{'env':[{'name':'A'}]}", "{'env':[{'name':'N'},{'name':'A'}]}", false,
		   "/env/0/name: 'A'>'N'; /env/1: >{'name':'A'}; ");
	check_diff(CON(",'ports':[{'containerPort':80}]"),
		   CON(",'ports':[{'containerPort':81},{'containerPort':80.0,'protocol':'TCP'}]"),
		   true,
		   AT_CON "/ports/1/protocol: >'TCP'; " AT_CON "/ports/0: >{'containerPort':81}; ");
}

static void test_another_order_is_a_difference(void **state)
{
	(void)state;
	check_diff(POD("'initContainers':[{'name':'a'},{'name':'b'}]"),
		   POD("'initContainers':[{'name':'b'},{'name':'a'}]"), true,
		   AT_POD "/initContainers: [{'name':'a'},{'name':'b'}]>[{'name':'b'},{'name':'a'}]"
			  "; ");
}

static void test_lists_without_their_keys_go_by_position(void **state)
{
	(void)state;
	check_diff(CON(",'env':[{'value':'1'}]"), CON(",'env':[{'name':'A'},{'name':'B'}]"), true,
		   AT_CON "/env/0/value: '1'>; " AT_CON "/env/0/name: >'A'; " AT_CON
			  "/env/1: >{'name':'B'}; ");
	check_diff(CON(",'env':[]"), CON(",'env':[{'name':'B'}]"), true,
		   AT_CON "/env/0: >{'name':'B'}; ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_by_name_and_other_lists_by_position),
		cmocka_unit_test(test_elements_of_keyed_lists_by_their_key),
		cmocka_unit_test(test_another_order_is_a_difference),
		cmocka_unit_test(test_lists_without_their_keys_go_by_position),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
