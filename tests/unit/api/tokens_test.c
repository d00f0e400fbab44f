/* The token routes, over the wire. */
#include "tests/unit/api/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct got a;

static int start(void **state)
{
	struct front *f = malloc(sizeof(*f));
	front_start(f, NULL);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	front_stop(*state);
	free(*state);
	return 0;
}

static void call(struct front *f, const char *method, const char *path, const char *token,
		 const char *body, int status, const char *words)
{
	client_call(f, method, path, token, body, &a);
	if (a.status != status || !strstr(a.body, words))
		fail_msg("%s %s %s -> %s", method, path, body ? body : "", a.text);
}

/* Copy the string member `name` of the answer. */
static void pick(const char *name, char *to, size_t size)
{
	char key[32];
	snprintf(key, sizeof(key), "\"%s\":\"", name);
	const char *at = strstr(a.body, key);
	assert_non_null(at);
	snprintf(to, size, "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
}

static void a_token_lives_from_create_to_delete(void **state)
{
	struct front *f = *state;
	char token[64], id[64], body[256];
	call(f, "POST", "/v1/tokens", "admin",
	     "{\"privileges\":[\"read-job\",\"write_token\",\"read_token\"],\"forwho\":\"ann\","
	     "\"note\":\"n\"}",
	     200, "OPERATION_SUCCEEDED");
	pick("token", token, sizeof(token));
	pick("id", id, sizeof(id));
	assert_int_equal(strlen(token), 24);
	call(f, "GET", "/v1/tokens", token, NULL, 200, "\"forwho\":\"ann\",\"note\":\"n\"");
	assert_non_null(strstr(a.body, "[\"read_job\",\"read_token\",\"write_token\"]"));
	assert_null(strstr(a.body, token));
	snprintf(body, sizeof(body), "{\"token\":\"%s\",\"privileges\":[\"write_job\"]}", token);
	call(f, "PUT", "/v1/tokens/normal", "admin", body, 200, "SUCCEEDED");
	call(f, "GET", "/v1/tokens", token, NULL, 403, "read_token");
	snprintf(body, sizeof(body), "/v1/tokens?id=%s", id);
	call(f, "DELETE", body, "admin", NULL, 200, "SUCCEEDED");
	call(f, "GET", "/v1/tokens", token, NULL, 401, "PERMISSION_DENIED");
	call(f, "DELETE", body, "admin", NULL, 404, "OPERATION_TARGET_NOT_FOUND");
}

static void faulty_bodies_are_told(void **state)
{
	struct front *f = *state;
	static const struct {
		const char *body, *code, *words;
	} faulty[] = {
		{"{}", "LACK_OF_PARAM", "privileges: is missing"},
		{"{\"privileges\":[],\"forwho\":\"a\"}", "LACK_OF_PARAM", "privileges:"},
		{"{\"privileges\":[\"read_job\"]}", "LACK_OF_PARAM", "forwho: is missing"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"\"}", "LACK_OF_PARAM", "forwho"},
		{"{\"privileges\":[\"fly\"],\"forwho\":\"a\"}", "WRONG_PARAM", "privileges[0]"},
		{"{\"privileges\":[\"admin\"],\"forwho\":\"a\"}", "WRONG_PARAM",
		 "cannot be granted"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"admin\"}", "WRONG_PARAM", "forwho"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"zzz\":1}", "WRONG_PARAM",
		 "zzz"},
		{"{\"privileges\":[\"read_job\"],\"privileges\":[\"read_job\"],\"forwho\":\"a\"}",
		 "WRONG_PARAM", "not JSON"},
		{"{\"privileges\":[\"read_feature\"],\"forwho\":\"a\",\"userID\":\"ann\"}",
		 "WRONG_PARAM", "userID"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"author\":\"all\"}",
		 "WRONG_PARAM", "author"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"author\":\"-x\"}",
		 "WRONG_PARAM", "author"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"header\":[1]}", "WRONG_PARAM",
		 "header"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"expiresAt\":\"soon\"}",
		 "WRONG_PARAM", "expiresAt"},
		{"{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"expiresAt\":\"2001-01-01T00:00:"
		 "00Z\"}",
		 "WRONG_PARAM", "past"},
		{"", "WRONG_PARAM", "not JSON"},
	};
	for (size_t i = 0; i < countof(faulty); i++) {
		call(f, "POST", "/v1/tokens", "admin", faulty[i].body, 400, faulty[i].code);
		assert_non_null(strstr(a.body, faulty[i].words));
	}
	call(f, "GET", "/v1/tokens", "admin", NULL, 200, "\"payload\":[]");
	call(f, "DELETE", "/v1/tokens", "admin", NULL, 400, "LACK_OF_PARAM");
	call(f, "DELETE", "/v1/tokens?idd=1", "admin", NULL, 400, "idd");
	call(f, "PUT", "/v1/tokens/normal", "admin", "{\"privileges\":[\"read_job\"]}", 400,
	     "LACK_OF_PARAM");
}

static void what_was_read_can_be_sent_back(void **state)
{
	struct front *f = *state;
	char id[64], body[256];
	call(f, "POST", "/v1/tokens", "admin",
	     "{\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"id\":\"x\",\"createdAt\":1}", 200,
	     "id");
	pick("id", id, sizeof(id));
	snprintf(body, sizeof(body),
		 "{\"id\":\"%s\",\"privileges\":[\"read_job\"],\"forwho\":\"a\",\"note\":\"\","
		 "\"createdAt\":\"x\",\"lastUsedAt\":null,\"expiresAt\":null}",
		 id);
	call(f, "PUT", "/v1/tokens/normal", "admin", body, 200, "SUCCEEDED");
}

/* Argon2 runs on a connection's thread, whose stack is small. */
static void the_password_changes_over_the_wire(void **state)
{
	struct front *f = *state;
	call(f, "GET", "/readyz", NULL, NULL, 200, "default");
	call(f, "PUT", "/v1/tokens/admin", "admin", "{\"token\":\"short\"}", 400, "WRONG_PARAM");
	call(f, "PUT", "/v1/tokens/admin", "admin", "{}", 400, "LACK_OF_PARAM");
	call(f, "PUT", "/v1/tokens/admin", "admin", "{\"token\":\"better-one\"}", 200, "SUCCEEDED");
	call(f, "GET", "/v1/tokens", "admin", NULL, 401, "PERMISSION_DENIED");
	call(f, "GET", "/v1/tokens", "better-one", NULL, 200, "SUCCEEDED");
	call(f, "GET", "/readyz", NULL, NULL, 200, "\"notes\":[]");
	/* As after a restart: nothing verified is remembered. */
	auth_free(f->api.auth);
	admin_free(f->api.admin);
	assert_int_equal(admin_open(f->store, f->writer, &f->api.admin), 0);
	assert_int_equal(auth_create(f->api.tokens, f->api.admin, &clock_system, &f->api.auth), 0);
	call(f, "GET", "/v1/tokens", "worse-one", NULL, 401, "PERMISSION_DENIED");
	call(f, "GET", "/v1/tokens", "better-one", NULL, 200, "SUCCEEDED");
}

static void a_token_has_its_rate(void **state)
{
	struct front *f = *state;
	f->api.rate = 1;
	f->api.rate_burst = 1;
	call(f, "GET", "/v1/tokens", "admin", NULL, 200, "SUCCEEDED");
	call(f, "GET", "/v1/tokens", "admin", NULL, 200, "SUCCEEDED"); /* this machine is free */
	f->api.rate_loopback = true;
	call(f, "GET", "/v1/tokens", "admin", NULL, 200, "SUCCEEDED");
	f->api.rate_burst = 0; /* nothing at all, so that no clock matters */
	client_call(f, "GET", "/v1/tokens", "admin", NULL, &a);
	assert_int_equal(a.status, 429);
	assert_non_null(strstr(a.text, "Retry-After: "));
	assert_non_null(strstr(a.body, "TOO_MANY_REQUESTS"));
}

static void the_description_names_every_route(void **state)
{
	struct front *f = *state;
	call(f, "GET", "/openapi.json", NULL, NULL, 200, "\"openapi\":\"3.1.0\"");
	struct json json = {0};
	static const struct json_limits limits = {1 << 20, 64};
	assert_int_equal(json_parse(&json, bytes_str(a.body), &limits, NULL), 0);
	json_at paths = json_get(&json, 0, BYTES("paths"));
	json_at post = json_get(&json, json_get(&json, paths, BYTES("/v1/tokens")), BYTES("post"));
	assert_true(post != JSON_NONE);
	assert_true(json_get(&json, post, BYTES("requestBody")) != JSON_NONE);
	for (const struct route_group *const *g = api_routes; *g; g++)
		for (size_t i = 0; i < (*g)->routes; i++)
			if (!strchr((*g)->route[i].pattern, '{'))
				assert_true(
					json_get(&json, paths, bytes_str((*g)->route[i].pattern)) !=
					JSON_NONE);
	json_fini(&json);
}

#define each(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(a_token_lives_from_create_to_delete),
		each(faulty_bodies_are_told),
		each(what_was_read_can_be_sent_back),
		each(the_password_changes_over_the_wire),
		each(a_token_has_its_rate),
		each(the_description_names_every_route),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
