#include "core/increment/tell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct json_limits limits = {1 << 20, 64};

static void index_text(struct json *json, const char *text)
{
	assert_int_equal(json_parse(json, bytes_str(text), &limits, NULL), 0);
}

static void expect(const char *text, void (*tell)(const struct json *, struct buf *),
		   const char *line)
{
	scoped(json_finip) struct json json = {0};
	scoped(buf_finip) struct buf told = {0};
	buf_init(&told, 1 << 16);
	index_text(&json, text);
	tell(&json, &told);
	assert_string_equal(buf_str(&told), line);
}

static void test_advice(void **state SL_UNUSED)
{
	expect("{\"topic\":\"priority\",\"advice\":\"10\",\"reason\":\"user is admin\"}",
	       tell_factors, "priority 10 (user is admin)");
	expect("[{\"topic\":\"a\",\"advice\":3},{\"topic\":\"b\",\"advice\":true,\"reason\":\"\"}]",
	       tell_factors, "a 3, b true");
	expect("[]", tell_factors, "no advice");
	expect("[{\"topic\":\"t\",\"advice\":1},{\"topic\":\"t\",\"advice\":2},"
	       "{\"topic\":\"t\",\"advice\":3},{\"topic\":\"t\",\"advice\":4},"
	       "{\"topic\":\"t\",\"advice\":5},{\"topic\":\"t\",\"advice\":6},"
	       "{\"topic\":\"t\",\"advice\":7},{\"topic\":\"t\",\"advice\":8},"
	       "{\"topic\":\"t\",\"advice\":9}]",
	       tell_factors, "t 1, t 2, t 3, t 4, t 5, t 6, t 7, t 8, and 1 more");
}

static void test_roles(void **state SL_UNUSED)
{
	expect("{\"spec\":{\"roles\":[{\"name\":\"count\",\"replicas\":1},"
	       "{\"name\":\"report\",\"replicas\":2},{\"name\":\"end\"}]}}",
	       tell_roles, "3 roles: count, 2x report, end");
	expect("{\"spec\":{}}", tell_roles, "");
	expect("{\"spec\":{\"roles\":[]}}", tell_roles, "0 roles");
}

static void expect_additions(const char *base, const char *answer, const char *line)
{
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	scoped(json_finip) struct json from = {0};
	scoped(json_finip) struct json to = {0};
	scoped(increment_finip) struct increment increment = {0};
	scoped(buf_finip) struct buf told = {0};
	struct sl_error err = {0};
	buf_init(&told, 1 << 16);
	index_text(&from, base);
	index_text(&to, answer);
	assert_int_equal(increment_rules_create(NULL, &rules, NULL), 0);
	struct increment_options options = {.rules = rules, .stage = INCREMENT_BINDER};
	if (increment_check(&from, &to, &options, &increment, NULL, &err))
		fail_msg("%s", err.text);
	tell_additions(&increment, &told);
	assert_string_equal(buf_str(&told), line);
}

#define ROLE(NAME, POD) "{\"name\":\"" NAME "\",\"template\":{\"spec\":{" POD "}}}"
#define SET(META, ROLES)                                                                           \
	"{\"kind\":\"TaskSet\",\"metadata\":{" META "},\"spec\":{\"roles\":[" ROLES "]}}"
#define MAIN(ENV, SCRIPT)                                                                          \
	"\"containers\":[{\"name\":\"m\",\"env\":[" ENV "],"                                       \
	"\"command\":[\"sh\",\"-c\",\"" SCRIPT "\"]}]"

static void test_additions(void **state SL_UNUSED)
{
	expect_additions(SET("\"name\":\"x\"", ROLE("a", "") "," ROLE("b", "")),
			 SET("\"name\":\"x\",\"labels\":{\"cost\":\"me\"}",
			     ROLE("a", "\"priority\":14") "," ROLE("b", "\"priority\":14")),
			 "adds labels {\"cost\":\"me\"}, 2x priority 14");
	expect_additions(
		SET("\"name\":\"x\"", ROLE("a", MAIN("", "true"))),
		SET("\"name\":\"x\"",
		    ROLE("a", MAIN("{\"name\":\"SECRET\",\"value\":\"s\"}", "umask 027\\ntrue"))),
		"adds env SECRET, lines in front of a script");
	expect_additions("{}",
			 "{\"env\":[{\"name\":\"A\",\"value\":\"s\"},{\"name\":\"B\"}],"
			 "\"l\":[1]}",
			 "adds env A, B, l [1]");
	expect_additions("{\"kind\":\"TaskSet\"}", "{\"kind\":\"TaskSet\"}", "adds nothing");
	expect_additions("{}",
			 "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
			 "\"i\":1,\"j\":1}",
			 "adds a 1, b 1, c 1, d 1, e 1, f 1, g 1, h 1, and 2 more");
}

static void test_refusals(void **state SL_UNUSED)
{
	static const struct {
		const char *body, *line;
	} rows[] = {
		{"{\"error\":\"job.steps[0].name: no \\\"label\\\"\"}",
		 "job.steps[0].name: no \"label\""},
		{"{\"reason\":\"closed\"}", "closed"},
		{"{\"error\":\"\"}", ""},
		{"{\"error\":{}}", ""},
		{"[1]", ""},
		{"<html>", ""},
		{"", ""},
	};
	for (size_t i = 0; i < countof(rows); i++) {
		scoped(buf_finip) struct buf told = {0};
		buf_init(&told, 1 << 16);
		tell_refusal(bytes_str(rows[i].body), &told);
		assert_string_equal(buf_str(&told), rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_additions),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
