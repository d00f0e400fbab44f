/* Plans: what is put in comes out, and damage is found. */
#include "runtime/local/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char pod[] =
	"{\"spec\":{\"terminationGracePeriodSeconds\":70,"
	"\"initContainers\":[{\"name\":\"prepare\",\"command\":[\"mkdir\"],\"args\":[\"a\"]}],"
	"\"containers\":[{\"name\":\"main\",\"command\":[\"run\",\"\"],\"args\":[\"\\u00e9\"],"
	"\"workingDir\":\"sub\",\"env\":[{\"name\":\"A\",\"value\":\"b=c\"}],"
	"\"resources\":{\"limits\":{\"cpu\":\"1500m\"}}},{\"name\":\"sidecar\"}]}}";

static void build(struct buf *to)
{
	const char *env[] = {"X=1", "Y=", NULL};
	struct replica_spec spec = {.name = {.role = 1, .index = 2, .attempt = 3},
				    .role_name = BYTES("worker"),
				    .taskset_name = BYTES("set"),
				    .env = env};
	uint32_t slots = 0;
	struct sl_error err = {0};
	buf_init(to, PLAN_BYTES_MAX);
	assert_int_equal(plan_build_head(&spec, to, &err), 0);
	assert_int_equal(plan_build_body(bytes_of(pod, sizeof(pod) - 1), 5, to, &slots, &err), 0);
	assert_int_equal(slots, 2);
}

static void what_is_put_in_comes_out(void **state SL_UNUSED)
{
	struct buf text scoped(buf_finip);
	struct plan plan;
	struct plan_container c;
	build(&text);
	assert_int_equal(plan_open(buf_bytes(&text), &plan), 0);
	assert_string_equal(plan.role, "worker");
	assert_string_equal(plan.taskset, "set");
	assert_int_equal(plan.name.attempt, 3);
	assert_int_equal(plan.grace_s, 70);
	assert_int_equal(plan.envc, 2);
	assert_string_equal(plan_after(plan.env), "Y=");
	assert_true(plan_next(&plan, &c));
	assert_true(c.init && c.argc == 2);
	assert_string_equal(plan_after(c.argv), "a");
	assert_true(plan_next(&plan, &c));
	assert_false(c.init);
	assert_int_equal(c.argc, 3);
	assert_string_equal(plan_after(c.argv), "");
	assert_string_equal(plan_after(plan_after(c.argv)), "\xc3\xa9");
	assert_string_equal(c.cwd, "sub");
	assert_string_equal(c.env, "A=b=c");
	assert_false(plan_next(&plan, &c));
}

/** Every cut is found; every changed byte is found or does no harm (sanitizers look). */
static void damage_is_found(void **state SL_UNUSED)
{
	struct buf text scoped(buf_finip);
	struct plan plan;
	struct plan_container c;
	build(&text);
	for (size_t len = 0; len < text.len; len++) {
		char *copy = malloc(len + 1);
		memcpy(copy, text.at, len);
		assert_int_equal(plan_open(bytes_of(copy, len), &plan), SL_E_CORRUPT);
		free(copy);
	}
	for (size_t i = 0; i < text.len * 8; i++) {
		char *copy = malloc(text.len);
		memcpy(copy, text.at, text.len);
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		if (plan_open(bytes_of(copy, text.len), &plan) == 0) {
			while (plan_next(&plan, &c))
				assert_true(c.argc >= 1);
		}
		free(copy);
	}
}

static void refuse(const char *text, const char *words)
{
	struct buf to scoped(buf_finip);
	struct sl_error err = {0};
	uint32_t slots;
	buf_init(&to, PLAN_BYTES_MAX);
	assert_int_equal(plan_build_body(bytes_str(text), 5, &to, &slots, &err), SL_E_INVALID);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in: %s", words, err.text);
}

static void what_cannot_be_run_is_refused_with_its_place(void **state SL_UNUSED)
{
	refuse("{\"spec\":{}}", "no container");
	refuse("{\"spec\":{\"containers\":[{\"command\":\"ls\"}]}}", "spec.containers[0]");
	refuse("{\"spec\":{\"containers\":[{\"command\":[\"a\",5]}]}}", "command[1]");
	refuse("{\"spec\":{\"containers\":[{\"command\":[\"a\"],\"env\":[{\"name\":\"A=B\","
	       "\"value\":\"\"}]}]}}",
	       "env[0]");
	refuse("{\"spec\":{\"containers\":[{\"command\":[\"a\"],\"env\":[{\"name\":\"A\","
	       "\"value\":5}]}]}}",
	       "env[0]");
}

static void role_names_that_name_no_file_are_refused(void **state SL_UNUSED)
{
	assert_true(plan_role_ok(BYTES("worker-1")));
	assert_false(plan_role_ok(BYTES("")));
	assert_false(plan_role_ok(BYTES("..")));
	assert_false(plan_role_ok(BYTES("a/b")));
	assert_false(plan_role_ok(bytes_of("a\0b", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_in_comes_out),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(what_cannot_be_run_is_refused_with_its_place),
		cmocka_unit_test(role_names_that_name_no_file_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
