/* Raw targets, patterns, methods; queries. */
#include "api/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct route jobs[] = {
	{.method = "POST", .pattern = "/v1/job"},
	{.method = "GET", .pattern = "/v1/job/detail/{jobID}"},
	{.method = "GET", .pattern = "/v1/job/list"},
	{.method = "DELETE", .pattern = "/v1/job/{jobID}"},
	{.method = "GET", .pattern = "/v1/job/artifacts/{jobID}/{path...}"},
};
static const struct route other[] = {
	{.method = "GET", .pattern = "/"},
	{.method = "PUT", .pattern = "/v1/job"},
};
static const struct route_group one = {jobs, countof(jobs)}, two = {other, countof(other)};
static const struct route_group *const groups[] = {&one, &two, NULL};

static const struct route *found;
static struct bytes param[REQUEST_PARAMS_MAX];
static char allow[ROUTE_ALLOW_SIZE];

static int find(const char *method, const char *path)
{
	struct target target;
	int rc = target_read(bytes_str(path), &target);
	return rc < 0 ? rc : route_find(groups, bytes_str(method), &target, &found, param, allow);
}

static void finds_by_method_and_segments(void **state)
{
	(void)state;
	assert_int_equal(find("POST", "/v1/job"), 0);
	assert_ptr_equal(found, &jobs[0]);
	assert_int_equal(find("PUT", "/v1/job/"), 0);
	assert_ptr_equal(found, &other[1]);
	assert_int_equal(find("HEAD", "/v1/job/list"), 0);
	assert_ptr_equal(found, &jobs[2]);
	assert_int_equal(find("GET", "/"), 0);
	assert_ptr_equal(found, &other[0]);
	assert_int_equal(find("DELETE", "/v1/job/a%20b"), 0);
	assert_ptr_equal(found, &jobs[3]);
	assert_true(bytes_is(param[0], "a%20b"));
}

static void a_last_parameter_takes_the_rest(void **state)
{
	(void)state;
	assert_int_equal(find("GET", "/v1/job/artifacts/7/out/a.txt"), 0);
	assert_true(bytes_is(param[0], "7"));
	assert_true(bytes_is(param[1], "out/a.txt"));
	assert_int_equal(find("GET", "/v1/job/artifacts/7"), SL_E_NOT_FOUND);
}

static void tells_what_a_path_takes(void **state)
{
	(void)state;
	assert_int_equal(find("GET", "/v1/job"), SL_E_METHOD);
	assert_string_equal(allow, "POST, PUT, OPTIONS");
	assert_int_equal(find("DELETE", "/v1/job/list"), 0);
	assert_int_equal(find("POST", "/v1/job/detail/7"), SL_E_METHOD);
	assert_string_equal(allow, "GET, HEAD, OPTIONS");
	assert_int_equal(find("GET", "/v1/jobs"), SL_E_NOT_FOUND);
	assert_int_equal(find("GET", "/v1/job/detail/7/8"), SL_E_NOT_FOUND);
	assert_int_equal(find("GET", "/v1"), SL_E_NOT_FOUND);
}

static void nothing_is_normalised(void **state)
{
	static const char *const none[] = {
		"",
		"v1/job",
		"//v1/job",
		"/v1//job",
		"/v1/job//",
		"/v1/./job",
		"/v1/../v1/job",
		"/v1%2Fjob",
		"/v1/job/%2e%2e",
		"/v1/job/.%2E",
		"/v1/job/%00",
		"/v1/job/%5c",
		"/v1/job/%",
		"/v1/job/%4",
		"/v1/job/%zz",
		"/v1/job/a b",
		"/v1/job/a\x80",
		"/v1/job/a\"",
	};
	(void)state;
	for (size_t i = 0; i < countof(none); i++)
		if (find("DELETE", none[i]) != SL_E_NOT_FOUND)
			fail_msg("found: %s", none[i]);
	assert_int_equal(find("DELETE", "/v1/job/..."), 0);
	assert_int_equal(find("DELETE", "/v1/job/a..b"), 0);
}

static void decodes_to_utf8_only(void **state)
{
	char to[64];
	size_t len;
	(void)state;
	assert_int_equal(target_decode(BYTES("a+%C3%a4%2B"), true, to, &len), 0);
	assert_true(bytes_eq(bytes_of(to, len), BYTES("a \xc3\xa4+")));
	assert_int_equal(target_decode(BYTES("a+b"), false, to, &len), 0);
	assert_true(bytes_eq(bytes_of(to, len), BYTES("a+b")));
	static const char *const bad[] = {"%00",       "%c3",          "%ff",    "%c0%80",
					  "%ed%a0%80", "%f5%80%80%80", "%e2%82", "%"};
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(target_decode(bytes_str(bad[i]), true, to, &len), SL_E_INVALID);
}

static void reads_queries(void **state)
{
	struct request req = {.query = BYTES("a=1&b=x%20y&&c&d=-5&e=99999999999999999999&f=1&f=2")};
	struct sl_error err = {0};
	struct bytes text;
	int64_t n = 7;
	bool flag = true;
	(void)state;
	assert_int_equal(arena_create(1 << 16, &req.arena), 0);
	assert_int_equal(request_query(&req, "b", &text, &err), 0);
	assert_true(bytes_is(text, "x y"));
	assert_int_equal(request_query(&req, "c", &text, &err), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(request_query(&req, "z", &text, &err), SL_E_NOT_FOUND);
	assert_int_equal(request_query(&req, "f", &text, &err), SL_E_INVALID);
	assert_int_equal(request_query_int(&req, "a", 1, 10, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(request_query_int(&req, "d", -10, 10, &n, &err), 0);
	assert_int_equal(n, -5);
	assert_int_equal(request_query_int(&req, "z", -10, 10, &n, &err), 0);
	assert_int_equal(n, -5);
	assert_int_equal(request_query_int(&req, "a", 2, 10, &n, &err), SL_E_INVALID);
	assert_int_equal(request_query_int(&req, "e", 0, INT64_MAX, &n, &err), SL_E_INVALID);
	assert_int_equal(request_query_int(&req, "b", 0, 10, &n, &err), SL_E_INVALID);
	assert_int_equal(request_query_int(&req, "c", 0, 10, &n, &err), SL_E_INVALID);
	assert_int_equal(request_query_bool(&req, "a", &flag, &err), SL_E_INVALID);
	assert_int_equal(request_query_only(&req, "a,b,c,d,e,f", &err), 0);
	assert_int_equal(request_query_only(&req, "a,b,c,d,e,ff", &err), SL_E_INVALID);
	assert_non_null(strstr(err.text, "f: unknown"));
	request_fini(&req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_method_and_segments),
		cmocka_unit_test(a_last_parameter_takes_the_rest),
		cmocka_unit_test(tells_what_a_path_takes),
		cmocka_unit_test(nothing_is_normalised),
		cmocka_unit_test(decodes_to_utf8_only),
		cmocka_unit_test(reads_queries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
