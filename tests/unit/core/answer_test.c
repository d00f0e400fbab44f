/* What plugins may answer, stage by stage, and factors put together. */
#include "core/calls/answer.h"
#include "tests/unit/core/support.h"

#include <stdio.h>

struct row {
	const char *text;
	bool legal;
};

static const struct row gates[] = {
	{"{\"decision\":\"pass\"}", true},
	{"{\"decision\":\"suspend\"}", true},
	{"{\"decision\":\"stop\",\"reason\":\"no\",\"more\":{\"x\":1}}", true},
	{"{\"decision\":\"Pass\"}", false},
	{"{\"decision\":\" pass\"}", false},
	{"{\"decision\":\"allow\"}", false},
	{"{\"decision\":true}", false},
	{"{\"decision\":null}", false},
	{"{\"decision\":[\"pass\"]}", false},
	{"{}", false},
	{"[]", false},
	{"\"pass\"", false},
	{"{\"decision\":\"pass\",\"reason\":7}", true},
	{"{\"decision\":\"pass\",\"reason\":true}", true},
	{"{\"decision\":\"pass\",\"reason\":null}", true},
	{"{\"decision\":\"pass\",\"reason\":{}}", false},
	{"{\"decision\":\"suspend\",\"retryAfterSec\":1}", true},
	{"{\"decision\":\"suspend\",\"retryAfterSec\":604800}", true},
	{"{\"decision\":\"suspend\",\"retryAfterSec\":0}", false},
	{"{\"decision\":\"suspend\",\"retryAfterSec\":604801}", false},
	{"{\"decision\":\"suspend\",\"retryAfterSec\":1.5}", false},
	{"{\"decision\":\"suspend\",\"retryAfterSec\":\"5\"}", false},
	{"{\"decision\":\"suspend\",\"expiresAt\":\"2030-01-01T00:00:00Z\"}", true},
	{"{\"decision\":\"suspend\",\"expiresAt\":\"tomorrow\"}", false},
	{"{\"decision\":\"suspend\",\"expiresAt\":5}", false},
	{"{\"decision\":\"suspend\",\"onResume\":\"ask\"}", true},
	{"{\"decision\":\"suspend\",\"onResume\":\"next\"}", true},
	{"{\"decision\":\"suspend\",\"onResume\":\"skip\"}", false},
	{"{\"decision\":\"suspend\",\"reasonCode\":\"quota_2\"}", true},
	{"{\"decision\":\"suspend\",\"reasonCode\":\"No Quota\"}", false},
	{"{\"decision\":\"pass\",\"retryAfterSec\":\"never mind\"}", true},
};

static void test_gates(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(gates); i++) {
		struct json json = test_json(gates[i].text);
		struct gate_reply reply = {0};
		struct sl_error err = {0};
		int rc = answer_gate(&json, &reply, &err);
		if ((rc == 0) != gates[i].legal || (rc && !err.text[0]))
			fail_msg("%s: %s", gates[i].text, err.text);
		gate_reply_fini(&reply);
		json_fini(&json);
	}
}

static void test_gate_members(void **state SL_UNUSED)
{
	struct json json = test_json(
		"{\"decision\":\"suspend\",\"reason\":\"a\\u00e4\",\"reasonCode\":\"c\\u0061\","
		"\"retryAfterSec\":30,\"expiresAt\":\"1970-01-01T00:00:05Z\",\"onResume\":"
		"\"ask\"}");
	struct gate_reply r;
	assert_int_equal(answer_gate(&json, &r, NULL), 0);
	assert_int_equal(r.decision, GATE_SUSPEND);
	assert_true(bytes_is(r.reason, "a\xc3\xa4"));
	assert_true(bytes_is(r.reason_code, "ca"));
	assert_int_equal(r.retry_after_s, 30);
	assert_int_equal(r.expires_ms, 5000);
	assert_true(r.ask_on_resume);
	gate_reply_fini(&r);
	json_fini(&json);
}

/* A time that is past is not "never". */
static void test_expired_long_ago(void **state SL_UNUSED)
{
	static const char *const times[] = {"1970-01-01T00:00:00Z", "1969-12-31T23:00:00Z"};
	for (size_t i = 0; i < countof(times); i++) {
		char text[100];
		struct gate_reply r;
		snprintf(text, sizeof(text), "{\"decision\":\"suspend\",\"expiresAt\":\"%s\"}",
			 times[i]);
		struct json json = test_json(text);
		assert_int_equal(answer_gate(&json, &r, NULL), 0);
		assert_true(r.expires_ms > 0 && r.expires_ms < 1000);
		gate_reply_fini(&r);
		json_fini(&json);
	}
}

static const struct row factors[] = {
	{"{\"topic\":\"t\",\"advice\":\"1\",\"reason\":\"r\"}", true},
	{"{\"topic\":\"t\",\"advice\":1}", true},
	{"{\"topic\":\"t\",\"advice\":false,\"reason\":2}", true},
	{"[]", true},
	{"[{\"topic\":\"t\",\"advice\":1},{\"topic\":\"u\",\"advice\":2}]", true},
	{"{\"advice\":1}", false},
	{"{\"topic\":\"\",\"advice\":1}", false},
	{"{\"topic\":7,\"advice\":1}", false},
	{"{\"topic\":\"t\"}", false},
	{"{\"topic\":\"t\",\"advice\":{}}", false},
	{"[{\"topic\":\"t\",\"advice\":1},7]", false},
	{"7", false},
};

static void test_factors(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(factors); i++) {
		struct json json = test_json(factors[i].text);
		struct sl_error err = {0};
		int rc = answer_check_factors(&json, &err);
		if ((rc == 0) != factors[i].legal || (rc && !err.text[0]))
			fail_msg("%s: %s", factors[i].text, err.text);
		json_fini(&json);
	}
}

static void test_factors_together(void **state SL_UNUSED)
{
	struct json a = test_json("[{\"topic\":\"p\",\"advice\":10,\"reason\":\"x\\n\"},"
				  "{\"topic\":\"q\",\"advice\":true}]"),
		    b = test_json("{\"topic\":\"\\u0070\",\"advice\":\"1.5\",\"reason\":null}"),
		    c = test_json("[]");
	const struct json *const answers[] = {&a, NULL, &c, &b};
	scoped(buf_finip) struct buf text;
	buf_init(&text, 10000);
	assert_int_equal(factors_compose(answers, countof(answers), &text), 0);
	struct json got = test_json(buf_str(&text)),
		    want = test_json(
			    "{\"p\":[{\"topic\":\"p\",\"advice\":\"10\",\"reason\":\"x\\n\"},"
			    "{\"topic\":\"p\",\"advice\":\"1.5\",\"reason\":\"\"}],"
			    "\"q\":[{\"topic\":\"q\",\"advice\":\"true\",\"reason\":\"\"}]}");
	if (!json_equal(&got, 0, &want, 0))
		fail_msg("%s", buf_str(&text));
	json_fini(&got);
	json_fini(&want);
	buf_reset(&text);
	assert_int_equal(factors_compose(answers + 1, 2, &text), 0);
	assert_string_equal(buf_str(&text), "{}");
	json_fini(&a);
	json_fini(&b);
	json_fini(&c);
}

static void test_its_limits(void **state SL_UNUSED)
{
	struct json json = {0};
	struct sl_error err = {0};
	char deep[200];
	memset(deep, '[', 65);
	memset(deep + 65, ']', 65);
	assert_int_equal(answer_parse(bytes_of(deep, 130), 1000, &json, &err), SL_E_TOO_BIG);
	assert_int_equal(answer_parse(bytes_of(deep + 1, 128), 1000, &json, &err), 0);
	assert_int_equal(answer_parse(bytes_of(deep + 1, 128), 100, &json, &err), SL_E_TOO_BIG);
	assert_int_equal(answer_parse(BYTES(""), 100, &json, &err), SL_E_INVALID);
	json_fini(&json);
}

static void test_tasksets(void **state SL_UNUSED)
{
	static const struct row rows[] = {{"{\"kind\":\"TaskSet\"}", true},
					  {"{\"kind\":\"Task\"}", false},
					  {"{}", false},
					  {"[]", false},
					  {"null", false}};
	for (size_t i = 0; i < countof(rows); i++) {
		struct json json = test_json(rows[i].text);
		struct sl_error err = {0};
		assert_int_equal(answer_check_taskset(&json, &err) == 0, rows[i].legal);
		json_fini(&json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_gate_members),
		cmocka_unit_test(test_expired_long_ago),
		cmocka_unit_test(test_factors),
		cmocka_unit_test(test_factors_together),
		cmocka_unit_test(test_its_limits),
		cmocka_unit_test(test_tasksets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
