#include "cli/yaml_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct yaml_limits limits = {.bytes_max = 4096, .depth_max = 8};
static const struct json_limits json_limits = {.bytes_max = 4096, .depth_max = 16};

/* The JSON of a YAML text, or its error in words. */
static void expect(const char *yaml, const char *wanted)
{
	scoped(buf_finip) struct buf json;
	buf_init(&json, 4096);
	struct sl_error err = {0};
	int rc = yaml_to_json(bytes_str(yaml), &limits, &json, NULL, &err);
	assert_string_equal(rc ? err.text : buf_str(&json), wanted);
}

static void plain_scalars_follow_the_core_schema(void **state)
{
	(void)state;
	expect("[null, ~, true, False, 1, -2.50, 1e3]", "[null,null,true,false,1,-2.50,1e3]");
	expect("a:", "{\"a\":null}");
	expect("- yes\n- on\n- 0644\n- 0x1F\n- 0o17\n- +1\n- .5\n- 1.\n- .inf\n- 2026-11-21\n- "
	       "1_000",
	       "[\"yes\",\"on\",\"0644\",\"0x1F\",\"0o17\",\"+1\",\".5\",\"1.\",\".inf\","
	       "\"2026-11-21\",\"1_000\"]");
	expect("", "null");
	expect("# nothing\n", "null");
}

static void quoted_and_tagged_scalars_are_text(void **state)
{
	(void)state;
	expect("['1', \"true\", !!str 7, ! 8]", "[\"1\",\"true\",\"7\",\"8\"]");
	expect("a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}");
	expect("a: !!int 5", "{\"a\":5}");
	expect("a: !!int x", "line 1: the tag tag:yaml.org,2002:int is unknown or does not fit");
	expect("\n- !!binary aGk=",
	       "line 2: the tag tag:yaml.org,2002:binary is unknown or does not fit");
	expect("a: !thing {}", "line 1: the tag !thing is unknown or does not fit");
}

static void keys_become_text_and_must_differ(void **state)
{
	(void)state;
	expect("1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}");
	expect("b: 1\na: 2\nc: {b: 1}\n\nb: 3\n", "line 5: the key \"b\" stands twice");
	expect("? [a]\n: 1\n", "line 1: a key must be plain text");
	expect("x: &x {a: 1}\ny:\n  <<: *x\n",
	       "line 3: merge keys (<<) are not supported; write the members out");
}

static void aliases_are_copies(void **state)
{
	(void)state;
	expect("a: &x [1, {b: 2}]\nc: *x\nd: [*x, 0]\n",
	       "{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}],\"d\":[[1,{\"b\":2}],0]}");
	expect("- 0\n- &s hi\n- *s\n", "[0,\"hi\",\"hi\"]");
	expect("a: *x", "line 1: *x has no anchor before it");
	expect("a: &x [*x]", "line 1: *x stands inside &itself");
}

static void what_grows_is_bounded(void **state)
{
	(void)state;
	char bomb[2048] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
	for (int i = 1; i < 20; i++)
		snprintf(bomb + strlen(bomb), sizeof(bomb) - strlen(bomb),
			 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
	scoped(buf_finip) struct buf json;
	buf_init(&json, 4096);
	assert_int_equal(yaml_to_json(bytes_str(bomb), &limits, &json, NULL, NULL), SL_E_TOO_BIG);
	expect("[[[[[[[[[1]]]]]]]]]", "line 1: nested deeper than 8 levels");
	char big[5000];
	memset(big, 'x', sizeof(big));
	assert_int_equal(yaml_to_json(bytes_of(big, sizeof(big)), &limits, &json, NULL, NULL),
			 SL_E_TOO_BIG);
}

static void errors_name_their_line(void **state)
{
	(void)state;
	expect("a: 1\n---\nb: 2\n", "line 2: a second document begins; only one is taken");
	struct sl_error err = {0};
	scoped(buf_finip) struct buf json;
	buf_init(&json, 4096);
	assert_int_equal(yaml_to_json(BYTES("a: 1\nb: [1,\nc: }"), &limits, &json, NULL, &err),
			 SL_E_INVALID);
	assert_ptr_equal(strstr(err.text, "line 3, column 4: "), err.text);
	assert_int_equal(yaml_to_json(BYTES("a: \xff\xff"), &limits, &json, NULL, &err),
			 SL_E_INVALID);
}

static void lines_follow_the_nodes(void **state)
{
	(void)state;
	static const char yaml[] = "a: &x\n  b: 1\nc:\n  - 2\n  - *x\n";
	static const uint32_t wanted[] = {1, 1, 1, 2, 2, 3, 4, 4, 5, 5, 5};
	scoped(buf_finip) struct buf text;
	buf_init(&text, 4096);
	scoped(yaml_lines_finip) struct yaml_lines lines = {0};
	assert_int_equal(yaml_to_json(bytes_str(yaml), &limits, &text, &lines, NULL), 0);
	scoped(json_finip) struct json json = {0};
	assert_int_equal(json_parse(&json, buf_bytes(&text), &json_limits, NULL), 0);
	assert_int_equal(json.n, countof(wanted));
	assert_int_equal(lines.n, countof(wanted));
	for (size_t i = 0; i < countof(wanted); i++)
		assert_int_equal(lines.line[i], wanted[i]);
}

/* Out as YAML and in again: the same value. */
static void round_trip(const char *text)
{
	scoped(json_finip) struct json a = {0};
	scoped(json_finip) struct json b = {0};
	scoped(buf_finip) struct buf yaml;
	scoped(buf_finip) struct buf again;
	buf_init(&yaml, 8192);
	buf_init(&again, 8192);
	assert_int_equal(json_parse(&a, bytes_str(text), &json_limits, NULL), 0);
	assert_int_equal(json_to_yaml(&a, 0, &yaml), 0);
	struct sl_error err = {0};
	if (yaml_to_json(buf_bytes(&yaml), &limits, &again, NULL, &err))
		fail_msg("%s\n%s", err.text, buf_str(&yaml));
	assert_int_equal(json_parse(&b, buf_bytes(&again), &json_limits, NULL), 0);
	if (!json_equal(&a, 0, &b, 0))
		fail_msg("%s became %s by way of\n%s", text, buf_str(&again), buf_str(&yaml));
}

static void json_survives_yaml(void **state)
{
	(void)state;
	round_trip(
		"{\"a\":[],\"b\":{},\"c\":[1,-2.5e3,true,false,null],\"d\":{\"e\":[{\"f\":1}]}}");
	round_trip("[\"\",\"1\",\"true\",\"null\",\"~\",\"yes\",\"0644\",\"1e3\",\".5\",\"-\",\"- "
		   "a\"]");
	round_trip(
		"[\"a: b\",\"#x\",\"a #b\",\"*a\",\"&a\",\"!t\",\"<<\",\"=\",\"[\",\"{\",\"'\"]");
	round_trip("[\"a\\nb\",\"a\\nb\\n\",\"  a\\n b\",\"a "
		   "\\n\\n\",\"\\t\",\"\\u0007\",\"\\u00fc\"]");
	round_trip("{\"true\":1,\"1\":2,\"\":3,\"a\\nb\":4}");
	round_trip("\"text\"");
}

static void yaml_out_is_easy_to_read(void **state)
{
	(void)state;
	scoped(json_finip) struct json json = {0};
	scoped(buf_finip) struct buf yaml;
	buf_init(&yaml, 4096);
	static const char text[] =
		"{\"name\":\"a b\",\"count\":1,\"zip\":\"0644\",\"script\":\"x\\ny\\n\"}";
	assert_int_equal(json_parse(&json, bytes_str(text), &json_limits, NULL), 0);
	assert_int_equal(json_to_yaml(&json, 0, &yaml), 0);
	assert_string_equal(buf_str(&yaml),
			    "name: a b\ncount: 1\nzip: '0644'\nscript: |\n  x\n  y\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_follow_the_core_schema),
		cmocka_unit_test(quoted_and_tagged_scalars_are_text),
		cmocka_unit_test(keys_become_text_and_must_differ),
		cmocka_unit_test(aliases_are_copies),
		cmocka_unit_test(what_grows_is_bounded),
		cmocka_unit_test(errors_name_their_line),
		cmocka_unit_test(lines_follow_the_nodes),
		cmocka_unit_test(json_survives_yaml),
		cmocka_unit_test(yaml_out_is_easy_to_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
