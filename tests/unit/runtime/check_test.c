/* What the local engine refuses, and in which words. */
#include "runtime/local/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const roots[] = {"/srv/data", "/scratch/", NULL};

static const struct local_config strict = {.slots = 4, .host_paths = roots};

/** Check a TaskSet of one role `worker` with this pod spec. */
static int check_with(const struct local_config *config, const char *spec, struct sl_error *err)
{
	char *text;
	assert_true(asprintf(&text,
			     "{\"kind\":\"TaskSet\",\"spec\":{\"roles\":[{\"name\":\"worker\","
			     "\"template\":{\"spec\":%s}}]}}",
			     spec) > 0);
	int rc = check_taskset(config, bytes_str(text), err);
	free(text);
	return rc;
}

static void assert_refused(const char *spec, const char *words)
{
	struct sl_error err = {0};
	assert_int_equal(check_with(&strict, spec, &err), SL_E_INVALID);
	if (!strstr(err.text, words) || !strstr(err.text, "role worker"))
		fail_msg("'%s' is not in: %s", words, err.text);
}

static void assert_fine(const char *spec)
{
	struct sl_error err = {0};
	if (check_with(&strict, spec, &err))
		fail_msg("%s", err.text);
}

#define C(more) "{\"containers\":[{\"command\":[\"true\"]" more "}]}"
#define P(more) "{\"containers\":[{\"command\":[\"true\"]}]," more "}"

static void plain_commands_are_fine(void **state SL_UNUSED)
{
	assert_fine(C(""));
	assert_fine(C(",\"image\":\"\",\"env\":[{\"name\":\"A\",\"value\":\"b\"}]"));
	assert_fine(C(",\"resources\":{\"limits\":{\"cpu\":\"3500m\"}}"));
	assert_fine(C(",\"securityContext\":{\"privileged\":false}"));
	assert_fine(P("\"hostNetwork\":false,\"volumes\":[{\"name\":\"e\",\"emptyDir\":{}}]"));
	assert_fine(P("\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"/srv/data/x\"}}]"));
	assert_fine(P("\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"/scratch\"}}]"));
	/* Only the first container runs, so only that one needs a command. */
	assert_fine("{\"containers\":[{\"command\":[\"true\"]},{\"name\":\"side\"}]}");
}

static void an_image_is_refused_with_the_ways_out(void **state SL_UNUSED)
{
	struct sl_error err = {0};
	struct local_config lenient = strict;
	assert_refused(C(",\"image\":\"busybox\""), "container has the image busybox");
	assert_refused(C(",\"image\":\"busybox\""), "docker, kubernetes");
	assert_refused(C(",\"image\":\"busybox\""), "engines.local.images: ignore");
	assert_refused("{\"initContainers\":[{\"image\":\"i\",\"command\":[\"a\"]}],\"containers\":"
		       "[{\"command\":[\"true\"]}]}",
		       "the image i");
	lenient.images_ignore = true;
	assert_int_equal(check_with(&lenient, C(",\"image\":\"busybox\""), &err), 0);
}

static void a_missing_command_is_refused_with_its_place(void **state SL_UNUSED)
{
	assert_refused("{\"containers\":[{\"args\":[\"x\"]}]}",
		       "spec.roles[0].template.spec.containers[0]: the container has no command");
	assert_refused("{\"containers\":[{\"command\":[]}]}", "no command");
	assert_refused("{\"initContainers\":[{\"command\":[\"a\"]},{}],\"containers\":[{"
		       "\"command\":[\"true\"]}]}",
		       "initContainers[1]");
	assert_refused("{\"containers\":[]}", "no container");
}

static void rights_are_refused(void **state SL_UNUSED)
{
	assert_refused(C(",\"securityContext\":{\"privileged\":true}"), "privileged");
	assert_refused(C(",\"securityContext\":{\"capabilities\":{\"add\":[\"SYS_ADMIN\"]}}"),
		       "capabilities");
	assert_refused("{\"containers\":[{\"command\":[\"true\"]},{\"securityContext\":{"
		       "\"privileged\":true}}]}",
		       "containers[1]");
	assert_refused(P("\"hostNetwork\":true"), "hostNetwork");
	assert_refused(P("\"hostPID\":true"), "hostPID");
	assert_refused(P("\"hostIPC\":true"), "hostIPC");
	assert_refused(P("\"serviceAccountName\":\"robot\""),
		       "serviceAccountName: not allowed here (engines.local.allow");
}

static void host_paths_stay_below_their_roots(void **state SL_UNUSED)
{
	static const char *const bad[] = {
		"/etc", "/srv/database", "/srv/data/../../etc", "/srv/data/..",
		"",     "srv/data",      "/scratch/a/../b"};
	char spec[256];
	assert_refused(P("\"volumes\":[{\"name\":\"c\",\"configMap\":{}}]"), "volumes[0]");
	for (size_t i = 0; i < countof(bad); i++) {
		snprintf(spec, sizeof(spec),
			 P("\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"%s\"}}]"),
			 bad[i]);
		assert_refused(spec, "volumes[0].hostPath");
	}
}

static void what_never_fits_is_refused_with_both_numbers(void **state SL_UNUSED)
{
	assert_refused(C(",\"resources\":{\"limits\":{\"cpu\":\"4001m\"}}"), "takes 5 slots");
	assert_refused(C(",\"resources\":{\"limits\":{\"cpu\":16}}"), "engine has 4");
}

static void priority_classes_are_known_or_refused(void **state SL_UNUSED)
{
	static const char *const classes[] = {"high=100", "low=-100", NULL};
	const struct local_config config = {.slots = 4, .priority_classes = classes};
	static const char set[] = "{\"spec\":{\"roles\":[{\"name\":\"a\",\"template\":{\"spec\":{"
				  "%s,\"containers\":[{\"command\":[\"x\"]}]}}}]}}";
	static const struct {
		const char *member;
		bool fine;
	} rows[] = {{"\"priorityClassName\":\"high\"", true},
		    {"\"priorityClassName\":\"low\"", true},
		    {"\"priorityClassName\":\"\"", true},
		    {"\"priorityClassName\":\"hig\"", false},
		    {"\"priorityClassName\":\"high=1\"", false},
		    {"\"priorityClassName\":\"urgent\",\"priority\":3", true}};
	for (size_t i = 0; i < countof(rows); i++) {
		struct sl_error err = {0};
		char text[400];
		snprintf(text, sizeof(text), set, rows[i].member);
		int rc = check_taskset(&config, bytes_str(text), &err);
		assert_int_equal(rc, rows[i].fine ? 0 : SL_E_INVALID);
		if (!rows[i].fine)
			assert_non_null(
				strstr(err.text, "engines.local.priority_classes: high low"));
	}
}

static void values_from_elsewhere_are_refused(void **state SL_UNUSED)
{
	assert_refused(C(",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{}}}]"),
		       "env[0].valueFrom");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_commands_are_fine),
		cmocka_unit_test(an_image_is_refused_with_the_ways_out),
		cmocka_unit_test(a_missing_command_is_refused_with_its_place),
		cmocka_unit_test(rights_are_refused),
		cmocka_unit_test(host_paths_stay_below_their_roots),
		cmocka_unit_test(what_never_fits_is_refused_with_both_numbers),
		cmocka_unit_test(priority_classes_are_known_or_refused),
		cmocka_unit_test(values_from_elsewhere_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
