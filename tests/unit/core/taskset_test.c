/* Validation of TaskSets, each rule with its place, and the defaults. */
#include "core/policy/taskset.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

#define POD              "\"template\":{\"spec\":{\"containers\":[{\"command\":[\"x\"]}]}}"
#define ROLE             "{\"name\":\"a\"," POD "}"
#define SET(roles)       "{\"kind\":\"TaskSet\",\"spec\":{\"roles\":[" roles "]}}"
#define WITH(more)       SET("{\"name\":\"a\"," more "," POD "}")
#define SPEC(more)       "{\"kind\":\"TaskSet\",\"spec\":{" more ",\"roles\":[" ROLE "]}}"
#define CONTAINERS(list) SET("{\"name\":\"a\",\"template\":{\"spec\":{\"containers\":[" list "]}}}")

struct row {
	const char *text;
	int rc;
	const char *words; /* how they begin */
};

static const struct row rows[] = {
	{SET(ROLE), 0, ""},
	{"[]", SL_E_INVALID, "must be an object"},
	{"{}", SL_E_LACK, "kind: is required"},
	{"{\"kind\":null}", SL_E_LACK, "kind: is required"},
	{"{\"kind\":\"taskset\",\"spec\":{}}", SL_E_INVALID, "kind: must be \"TaskSet\""},
	{"{\"kind\":7}", SL_E_INVALID, "kind: "},
	{"{\"kind\":\"TaskSet\"}", SL_E_LACK, "spec: is required"},
	{"{\"kind\":\"TaskSet\",\"spec\":[]}", SL_E_INVALID, "spec: "},
	{"{\"kind\":\"TaskSet\",\"spec\":{}}", SL_E_LACK, "spec.roles: is required"},
	{SET(""), SL_E_LACK, "spec.roles: "},
	{SET("1"), SL_E_INVALID, "spec.roles[0]: "},
	{"{\"kind\":\"TaskSet\",\"metadata\":3,\"spec\":{}}", SL_E_INVALID, "metadata: "},
	{"{\"kind\":\"TaskSet\",\"apiVersion\":\"octopus.openi.pcl.cn/v1alpha1\",\"spec\":{"
	 "\"roles\":[" ROLE "]}}",
	 0, ""},
	{SPEC("\"engine\":7"), SL_E_INVALID, "spec.engine: "},
	{SPEC("\"gang\":\"yes\""), SL_E_INVALID, "spec.gang: must be true or false"},
	{SPEC("\"activeDeadlineSeconds\":0"), SL_E_INVALID, "spec.activeDeadlineSeconds: "},
	{SPEC("\"retryPolicy\":[]"), SL_E_INVALID, "spec.retryPolicy: "},
	{SPEC("\"retryPolicy\":{\"delay\":-1}"), SL_E_INVALID, "spec.retryPolicy.delay: "},
	{SPEC("\"retryPolicy\":{\"maxRetryCount\":1.5}"), SL_E_INVALID,
	 "spec.retryPolicy.maxRetryCount: "},
	{SPEC("\"anything\":{\"else\":1}"), 0, ""},
	/* names */
	{SET("{" POD "}"), SL_E_LACK, "spec.roles[0].name: is required"},
	{SET("{\"name\":\"\"," POD "}"), SL_E_LACK, "spec.roles[0].name: "},
	{SET("{\"name\":\"Worker\"," POD "}"), SL_E_INVALID, "spec.roles[0].name: "},
	{SET("{\"name\":\"-a\"," POD "}"), SL_E_INVALID, "spec.roles[0].name: "},
	{SET("{\"name\":\"a-\"," POD "}"), SL_E_INVALID, "spec.roles[0].name: "},
	{SET("{\"name\":\"a.b\"," POD "}"), SL_E_INVALID, "spec.roles[0].name: "},
	{SET("{\"name\":\"0-9\"," POD "}"), 0, ""},
	{SET(ROLE "," ROLE), SL_E_INVALID, "spec.roles[1].name: "},
	/* replicas and completion */
	{WITH("\"replicas\":0"), SL_E_INVALID, "spec.roles[0].replicas: "},
	{WITH("\"replicas\":10001"), SL_E_INVALID, "spec.roles[0].replicas: "},
	{WITH("\"replicas\":10000"), 0, ""},
	{WITH("\"replicas\":\"2\""), SL_E_INVALID, "spec.roles[0].replicas: "},
	{WITH("\"replicas\":2.0"), 0, ""},
	{WITH("\"replicas\":null"), 0, ""},
	{WITH("\"replicas\":2,\"completionPolicy\":{\"maxFailed\":3}"), SL_E_INVALID,
	 "spec.roles[0].completionPolicy.maxFailed: "},
	{WITH("\"replicas\":2,\"completionPolicy\":{\"maxFailed\":0}"), 0, ""},
	{WITH("\"completionPolicy\":{\"maxFailed\":-1}"), SL_E_INVALID,
	 "spec.roles[0].completionPolicy.maxFailed: "},
	{WITH("\"completionPolicy\":{\"minSucceeded\":0}"), SL_E_INVALID,
	 "spec.roles[0].completionPolicy.minSucceeded: "},
	{WITH("\"replicas\":2,\"completionPolicy\":{\"minSucceeded\":3}"), SL_E_INVALID,
	 "spec.roles[0].completionPolicy.minSucceeded: "},
	{WITH("\"completionPolicy\":7"), SL_E_INVALID, "spec.roles[0].completionPolicy: "},
	/* events */
	{WITH("\"eventPolicy\":{}"), SL_E_INVALID, "spec.roles[0].eventPolicy: "},
	{WITH("\"eventPolicy\":[{\"event\":\"RoleEnded\",\"action\":\"NoAction\"}]"), SL_E_INVALID,
	 "spec.roles[0].eventPolicy[0].event: "},
	{WITH("\"eventPolicy\":[{\"event\":\"RoleFailed\",\"action\":\"Restart\"}]"), SL_E_INVALID,
	 "spec.roles[0].eventPolicy[0].action: "},
	{WITH("\"eventPolicy\":[{\"event\":\"RoleFailed\"}]"), SL_E_LACK,
	 "spec.roles[0].eventPolicy[0].action: is required"},
	{WITH("\"eventPolicy\":[{\"action\":\"NoAction\"}]"), SL_E_LACK,
	 "spec.roles[0].eventPolicy[0].event: is required"},
	/* dependencies */
	{WITH("\"dependsOn\":[\"b\"]"), SL_E_INVALID, "spec.roles[0].dependsOn[0]: "},
	{WITH("\"dependsOn\":[\"a\"]"), SL_E_INVALID, "spec.roles[0].dependsOn: "},
	{WITH("\"dependsOn\":\"a\""), SL_E_INVALID, "spec.roles[0].dependsOn: "},
	{WITH("\"dependsOn\":[1]"), SL_E_INVALID, "spec.roles[0].dependsOn[0]: "},
	{SET("{\"name\":\"a\",\"dependsOn\":[{\"role\":\"b\",\"on\":\"done\"}]," POD "},"
	     "{\"name\":\"b\"," POD "}"),
	 SL_E_INVALID, "spec.roles[0].dependsOn[0].on: "},
	{SET("{\"name\":\"a\",\"dependsOn\":[{\"on\":\"failed\"}]," POD "}"), SL_E_LACK,
	 "spec.roles[0].dependsOn[0].role: is required"},
	{SET("{\"name\":\"a\",\"dependsOn\":[{\"role\":\"b\",\"on\":\"failed\"}]," POD "},"
	     "{\"name\":\"b\"," POD "}"),
	 0, ""},
	{SET("{\"name\":\"a\",\"dependsOn\":[\"b\"]," POD "},{\"name\":\"b\",\"dependsOn\":"
	     "[\"c\"]," POD "},{\"name\":\"c\",\"dependsOn\":[\"a\"]," POD "}"),
	 SL_E_INVALID, "spec.roles["},
	{SET("{\"name\":\"a\",\"dependsOn\":[\"b\",\"c\"]," POD "},{\"name\":\"b\",\"dependsOn\":"
	     "[\"c\"]," POD "},{\"name\":\"c\"," POD "}"),
	 0, ""},
	/* templates */
	{SET("{\"name\":\"a\"}"), SL_E_LACK, "spec.roles[0].template: is required"},
	{SET("{\"name\":\"a\",\"template\":{}}"), SL_E_LACK,
	 "spec.roles[0].template.spec: is required"},
	{SET("{\"name\":\"a\",\"template\":{\"spec\":{}}}"), SL_E_LACK,
	 "spec.roles[0].template.spec.containers: is required"},
	{CONTAINERS(""), SL_E_INVALID, "spec.roles[0].template.spec.containers: "},
	{CONTAINERS("{}"), SL_E_INVALID, "spec.roles[0].template.spec.containers[0]: "},
	{CONTAINERS("{\"command\":[]}"), SL_E_INVALID,
	 "spec.roles[0].template.spec.containers[0]: "},
	{CONTAINERS("{\"image\":\"\"}"), SL_E_INVALID,
	 "spec.roles[0].template.spec.containers[0]: "},
	{CONTAINERS("{\"image\":\"busybox\"}"), 0, ""},
	{CONTAINERS("{},{\"command\":[\"x\"]}"), 0, ""},
	{CONTAINERS("7"), SL_E_INVALID, "spec.roles[0].template.spec.containers[0]: "},
};

static void test_validation(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(rows); i++) {
		struct json json = test_json(rows[i].text);
		struct sl_error err = {0};
		struct taskset *set = NULL;
		int rc = taskset_read(&json, 0, &set, &err);
		if (rc != rows[i].rc ||
		    strncmp(err.text, rows[i].words, strlen(rows[i].words)) != 0)
			fail_msg("%s: %s \"%s\"", rows[i].text, sl_err_name(rc), err.text);
		taskset_free(set);
		json_fini(&json);
	}
}

/* ---- limits that take many roles ---- */

static int read_many(unsigned roles, unsigned replicas, struct sl_error *err)
{
	scoped(buf_finip) struct buf text;
	struct taskset *set = NULL;
	buf_init(&text, 1 << 20);
	buf_add_str(&text, "{\"kind\":\"TaskSet\",\"spec\":{\"roles\":[");
	for (unsigned i = 0; i < roles; i++)
		buf_addf(&text, "%s{\"name\":\"r%u\",\"replicas\":%u," POD "}", i ? "," : "", i,
			 replicas);
	buf_add_str(&text, "]}}");
	struct json json = test_json(buf_str(&text));
	int rc = taskset_read(&json, 0, &set, err);
	assert_true(rc || (set->roles == roles && set->replicas == roles * replicas));
	taskset_free(set);
	json_fini(&json);
	return rc;
}

static void test_its_limits(void **state SL_UNUSED)
{
	struct sl_error err = {0};
	assert_int_equal(read_many(256, 39, &err), 0);
	assert_int_equal(read_many(257, 1, &err), SL_E_INVALID);
	assert_starts(err.text, "spec.roles: ");
	assert_int_equal(read_many(2, 5000, &err), 0);
	assert_int_equal(read_many(2, 5001, &err), SL_E_INVALID);
	assert_starts(err.text, "spec.roles[1]");
}

static void test_what_is_read(void **state SL_UNUSED)
{
	static const char text[] =
		"{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"n\"},\"spec\":{\"engine\":\"e\","
		"\"gang\":false,\"activeDeadlineSeconds\":9,\"roles\":[{\"name\":\"a\","
		"\"replicas\":3,"
		"\"template\":{\"spec\":{\"priority\":-5,\"activeDeadlineSeconds\":4,"
		"\"containers\":"
		"[{\"image\":\"i\"}]}}},{\"name\":\"b\",\"activeDeadlineSeconds\":8,\"dependsOn\":["
		"{\"role\":\"a\",\"on\":\"ended\"}]," POD "}]}}";
	struct json json = test_json(text);
	struct taskset *set;
	assert_int_equal(taskset_read(&json, 0, &set, NULL), 0);
	assert_true(bytes_is(set->name, "n") && bytes_is(set->engine, "e"));
	assert_int_equal(set->gang, GANG_SINGLE);
	assert_int_equal(set->deadline_s, 9);
	assert_int_equal(set->roles, 2);
	assert_int_equal(set->replicas, 4);
	const struct role *a = &set->role[0], *b = &set->role[1];
	assert_int_equal(a->replicas, 3);
	assert_int_equal(a->min_succeeded, 3);
	assert_int_equal(a->max_failed, 1);
	assert_int_equal(a->priority, -5);
	assert_int_equal(a->pod_deadline_s, 4);
	assert_int_equal(b->deadline_s, 8);
	assert_int_equal(b->deps, 1);
	assert_int_equal(b->dep[0].role, 0);
	assert_int_equal(b->dep[0].on, DEP_ENDED);
	taskset_free(set);
	json_fini(&json);
}

/* ---- defaults ---- */

#define NO_RETRY "\"retryPolicy\":{\"retry\":false,\"delay\":0,\"maxRetryCount\":0}"
#define DONE(replicas, max, min)                                                                   \
	"\"replicas\":" replicas ",\"completionPolicy\":{\"maxFailed\":" max                       \
	",\"minSucceeded\":" min "}"
#define USUAL                                                                                      \
	"\"eventPolicy\":[{\"event\":\"RoleFailed\",\"action\":\"TaskSetFailed\"},"                \
	"{\"event\":\"RoleSucceeded\",\"action\":\"NoAction\"}]"
#define FILLED(role)                                                                               \
	"{\"kind\":\"TaskSet\",\"spec\":{" NO_RETRY ",\"roles\":[{\"name\":\"a\"," role "}]}}"

static const struct {
	const char *from, *to; /* equal as values */
} fills[] = {
	{SET("{\"name\":\"a\"}"), FILLED(DONE("1", "1", "1") "," NO_RETRY "," USUAL)},
	{SET("{\"name\":\"a\",\"replicas\":5}"),
	 FILLED(DONE("5", "1", "5") "," NO_RETRY "," USUAL)},
	{SET("{\"name\":\"a\",\"replicas\":null,\"retryPolicy\":null,\"eventPolicy\":null,"
	     "\"completionPolicy\":null}"),
	 FILLED(DONE("1", "1", "1") "," NO_RETRY "," USUAL)},
	{SET("{\"name\":\"a\",\"replicas\":5,\"completionPolicy\":{\"minSucceeded\":2}}"),
	 FILLED(DONE("5", "1", "2") "," NO_RETRY "," USUAL)},
	{SET("{\"name\":\"a\",\"replicas\":5,\"completionPolicy\":{\"maxFailed\":0}}"),
	 FILLED(DONE("5", "0", "5") "," NO_RETRY "," USUAL)},
	{SET("{\"name\":\"a\",\"retryPolicy\":{\"retry\":true}}"),
	 FILLED(DONE("1", "1", "1") ",\"retryPolicy\":{\"retry\":true,\"delay\":0,"
				    "\"maxRetryCount\":0}," USUAL)},
	{SET("{\"name\":\"a\",\"eventPolicy\":[]}"),
	 FILLED(DONE("1", "1", "1") "," NO_RETRY "," USUAL)},
	{SET("{\"name\":\"a\",\"eventPolicy\":[{\"event\":\"RoleSucceeded\",\"action\":"
	     "\"TaskSetSucceeded\"}]}"),
	 FILLED(DONE("1", "1", "1") "," NO_RETRY
				    ",\"eventPolicy\":[{\"event\":\"RoleSucceeded\",\"action\":"
				    "\"TaskSetSucceeded\"},{\"event\":\"RoleFailed\",\"action\":"
				    "\"TaskSetFailed\"}]")},
	{SET("{\"name\":\"a\",\"eventPolicy\":[{\"event\":\"RoleCompleted\",\"action\":"
	     "\"NoAction\"}]}"),
	 FILLED(DONE("1", "1", "1") "," NO_RETRY
				    ",\"eventPolicy\":[{\"event\":\"RoleCompleted\",\"action\":"
				    "\"NoAction\"}]")},
	/* what is wrong stays as it is: the reader says so */
	{"{\"kind\":\"TaskSet\",\"spec\":{\"roles\":7,\"retryPolicy\":8}}",
	 "{\"kind\":\"TaskSet\",\"spec\":{\"roles\":7,\"retryPolicy\":8}}"},
	{"{\"kind\":\"TaskSet\",\"spec\":7}", "{\"kind\":\"TaskSet\",\"spec\":7}"},
};

static void fill(const char *from, struct buf *to)
{
	struct json json = test_json(from);
	struct sl_error err = {0};
	buf_init(to, 1 << 20);
	if (taskset_fill(&json, 0, to, &err))
		fail_msg("%s: %s", from, err.text);
	json_fini(&json);
}

static void test_defaults(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(fills); i++) {
		scoped(buf_finip) struct buf text;
		fill(fills[i].from, &text);
		struct json got = test_json(buf_str(&text)), want = test_json(fills[i].to);
		if (!json_equal(&got, 0, &want, 0))
			fail_msg("%s\n gave %s\n  not %s", fills[i].from, buf_str(&text),
				 fills[i].to);
		json_fini(&got);
		json_fini(&want);
	}
}

/* Filling what is filled changes no byte; nor does filling change what is there. */
static void test_bytes_stay(void **state SL_UNUSED)
{
	static const char odd[] = "{\"apiVersion\":\"x/v1\",\"kind\":\"TaskSet\",\"spec\":{\"n\": "
				  "1.50e1 , \"roles\":[{"
				  "\"name\":\"a\",\"x\":[1,  {\"\\u0061\":null}]," POD "}]}}";
	scoped(buf_finip) struct buf once, twice;
	fill(odd, &once);
	fill(buf_str(&once), &twice);
	assert_string_equal(buf_str(&once), buf_str(&twice));
	assert_non_null(strstr(buf_str(&once), "1.50e1"));
	assert_non_null(strstr(buf_str(&once), "[1,  {\"\\u0061\":null}]"));
	assert_non_null(strstr(buf_str(&once), "{\"command\":[\"x\"]}"));
}

/* However the number is written, the default is a number, too. */
static void test_odd_numbers(void **state SL_UNUSED)
{
	static const char *const numbers[] = {"5.0000000000000000000000000000000000",
					      "0.0000000000000000000000000000000005e34",
					      "50000000000000000000000000000000000e-34"};
	for (size_t i = 0; i < countof(numbers); i++) {
		scoped(buf_finip) struct buf text;
		struct taskset *set = NULL;
		struct sl_error err = {0};
		char from[300];
		snprintf(from, sizeof(from), WITH("\"replicas\":%s"), numbers[i]);
		fill(from, &text);
		struct json json = test_json(buf_str(&text));
		if (taskset_read(&json, 0, &set, &err))
			fail_msg("%s: %s", numbers[i], err.text);
		assert_int_equal(set->role[0].min_succeeded, 5);
		taskset_free(set);
		json_fini(&json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_validation),   cmocka_unit_test(test_its_limits),
		cmocka_unit_test(test_what_is_read), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bytes_stay),   cmocka_unit_test(test_odd_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
