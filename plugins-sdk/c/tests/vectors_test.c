/* Every SDK answers conformance/vectors.json alike: here over real sockets. And the test kit. */
#include "internal.h"
#include "reference.h"

#include <civetweb.h>
#include <curl/curl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct got {
	long status;
	char *text, *headers;
	size_t len, headers_len;
};

static struct json_object *vectors(const char *list)
{
	const char *path = getenv("SLUICE_VECTORS");
	assert_non_null(path);
	struct json_object *all = json_object_from_file(path), *found = NULL;
	assert_true(json_object_object_get_ex(all, list, &found));
	assert_true(json_object_array_length(found) > 10);
	found = json_object_get(found);
	json_object_put(all);
	return found;
}

static const char *text_in(struct json_object *object, const char *name)
{
	struct json_object *value;
	return json_object_object_get_ex(object, name, &value) ? json_object_get_string(value)
							       : NULL;
}

/* What every vector has. */
static const char *need_text(struct json_object *object, const char *name)
{
	const char *text = text_in(object, name);
	if (!text) {
		print_error("a vector has no \"%s\"\n", name);
		abort();
	}
	return text;
}

static int64_t number_in(struct json_object *object, const char *name)
{
	struct json_object *value;
	return json_object_object_get_ex(object, name, &value) ? json_object_get_int64(value) : 0;
}

static void read_keys(struct json_object *vector, struct sluice_keys *ret)
{
	struct json_object *list = NULL;
	char text[1024] = "";
	size_t len = 0;
	const char *words;
	json_object_object_get_ex(vector, "keys", &list);
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		len += (size_t)snprintf(text + len, sizeof text - len, "%s ",
					json_object_get_string(json_object_array_get_idx(list, i)));
		assert_true(len < sizeof text);
	}
	assert_true(sluice_keys_parse(text, ret, &words));
}

static void signatures_are_judged(void **state)
{
	(void)state;
	struct json_object *list = vectors("signatures"), *headers, *good;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *vector = json_object_array_get_idx(list, i);
		struct sluice_keys keys;
		read_keys(vector, &keys);
		assert_true(json_object_object_get_ex(vector, "headers", &headers));
		assert_true(json_object_object_get_ex(vector, "good", &good));
		const char *body = need_text(vector, "body");
		bool is = sluice_is_signed(&keys, text_in(headers, "webhook-id"),
					   text_in(headers, "webhook-timestamp"),
					   text_in(headers, "webhook-signature"), body,
					   strlen(body), number_in(vector, "now"));
		if (is != (bool)json_object_get_boolean(good))
			fail_msg("%s", text_in(vector, "name"));
	}
	json_object_put(list);
}

/* The body of a vector; to be freed. */
static char *body_of(struct json_object *vector, size_t *ret_len)
{
	struct json_object *value;
	const char *text = text_in(vector, "text");
	size_t n = (size_t)number_in(vector, "bytes"), deep = (size_t)number_in(vector, "deep");
	if ((value = NULL, json_object_object_get_ex(vector, "body", &value)))
		text = json_object_to_json_string(value);
	if (text) {
		*ret_len = strlen(text);
		return strdup(text);
	}
	char *body = malloc(n + 2 * deep + 4096);
	if (!body)
		abort();
	if ((text = text_in(vector, "base64"))) {
		assert_int_equal(sodium_base642bin((uint8_t *)body, 4096, text, strlen(text), NULL,
						   ret_len, NULL, sodium_base64_VARIANT_ORIGINAL),
				 0);
		return body;
	}
	if (deep > 0) {
		size_t len = (size_t)sprintf(body, "{\"factors\":{},\"header\":{},\"job\":");
		memset(body + len, '[', deep);
		memset(body + len + deep, ']', deep);
		body[len + 2 * deep] = '}';
		*ret_len = len + 2 * deep + 1;
		return body;
	}
	memset(body, ' ', n);
	*ret_len = n;
	return body;
}

static size_t keep(char *data, size_t one, size_t n, void *user)
{
	struct got *got = user;
	got->text = realloc(got->text, got->len + n + 1);
	memcpy(got->text + got->len, data, n);
	got->len += n;
	got->text[got->len] = '\0';
	return one * n;
}

static size_t keep_header(char *data, size_t one, size_t n, void *user)
{
	struct got *got = user;
	got->headers = realloc(got->headers, got->headers_len + n + 1);
	memcpy(got->headers + got->headers_len, data, n);
	got->headers_len += n;
	got->headers[got->headers_len] = '\0';
	return one * n;
}

static void ask(struct json_object *vector, int port, struct got *got)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	struct json_object *given = NULL;
	char url[256], line[1024];
	size_t len;
	char *body = body_of(vector, &len);
	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, need_text(vector, "path"));
	if (json_object_object_get_ex(vector, "headers", &given)) {
		json_object_object_foreach(given, name, value)
		{
			snprintf(line, sizeof line, "%s: %s", name, json_object_get_string(value));
			headers = curl_slist_append(headers, line);
		}
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (strcmp(need_text(vector, "method"), "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, got);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, got);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	CURLcode rc = curl_easy_perform(curl);
	if (rc != CURLE_OK)
		fail_msg("%s: %s", text_in(vector, "name"), curl_easy_strerror(rc));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got->status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	free(body);
}

static void check_headers(struct json_object *wanted, const struct got *got, const char *name)
{
	struct json_object *headers = NULL;
	char line[256];
	json_object_object_get_ex(wanted, "headers", &headers);
	if (!headers)
		return;
	json_object_object_foreach(headers, header, value)
	{
		snprintf(line, sizeof line, "%s: %s\r\n", header, json_object_get_string(value));
		if (!strcasestr(got->headers, line))
			fail_msg("%s: without %s", name, line);
	}
}

static void check(struct json_object *vector, const struct got *got)
{
	const char *name = text_in(vector, "name"), *text = got->text ? got->text : "", *words;
	struct json_object *wanted, *body, *answer = json_tokener_parse(text);
	assert_true(json_object_object_get_ex(vector, "answer", &wanted));
	if (got->status != number_in(wanted, "status"))
		fail_msg("%s: status %ld: %s", name, got->status, text);
	if (json_object_object_get_ex(wanted, "body", &body) && !json_object_equal(answer, body))
		fail_msg("%s: answers %s", name, text);
	if ((words = text_in(wanted, "text")) && strcmp(words, text) != 0)
		fail_msg("%s: answers %s", name, text);
	if ((words = text_in(wanted, "error"))) {
		const char *error = text_in(answer, "error");
		if (!error || !strstr(error, words))
			fail_msg("%s: answers %s", name, text);
	}
	check_headers(wanted, got, name);
	if (strstr(text, "swordfish"))
		fail_msg("%s: tells what went wrong inside", name);
	json_object_put(answer);
}

static void calls_are_answered(void **state)
{
	(void)state;
	struct json_object *list = vectors("calls");
	struct sluice_app *app = reference_create();
	int port = 0;
	app->silent = true;
	app->concurrency = 2;
	struct mg_context *server = server_start(app, "127.0.0.1:0", &port);
	assert_non_null(server);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *vector = json_object_array_get_idx(list, i);
		struct got got = {0};
		app->now_s = number_in(vector, "now"); /* no call is in progress */
		read_keys(vector, &app->keys);
		ask(vector, port, &got);
		check(vector, &got);
		free(got.text);
		free(got.headers);
	}
	mg_stop(server);
	sluice_app_free(app);
	json_object_put(list);
}

static void the_kit_asks_a_function(void **state)
{
	(void)state;
	struct sluice_app *app = reference_create();
	char *body;
	app->silent = true;
	assert_int_equal(
		sluice_send(app, "/gate", "{\"header\": {\"want\": \"pass\"}, \"job\": {}}", &body),
		200);
	assert_string_equal(body, "{\"decision\":\"pass\",\"reason\":\"as you wish\"}");
	free(body);
	assert_int_equal(sluice_send(app, "/gate/other", "{}", &body), 404);
	free(body);
	sluice_app_free(app);
}

static void the_kit_replays_recorded_calls(void **state)
{
	(void)state;
	static const char recorded[] =
		"{\"protocol\": 1, \"calls\": [{\"pluginType\": \"TemplateDecorator\","
		" \"pluginKey\": \"TemplateDecorator.reference.me.again\","
		" \"body\": {\"header\": {}, \"job\": {}}, \"answer\": {\"status\": 200, \"body\":"
		" {\"metadata\": {\"annotations\": {\"seen\": \"yes\"}}}}},"
		" {\"name\": \"wrong\", \"pluginType\": \"FactorGenerator\","
		" \"body\": {\"header\": {\"level\": \"none\"}, \"job\": {}}, \"answer\": "
		"{\"status\": 200}}]}";
	char path[] = "/tmp/recorded-XXXXXX", *words = NULL;
	size_t size = 0;
	int file = mkstemp(path);
	assert_true(write(file, recorded, sizeof recorded - 1) == sizeof recorded - 1);
	close(file);
	struct sluice_app *app = reference_create();
	app->silent = true;
	FILE *to = open_memstream(&words, &size);
	assert_int_equal(sluice_replay(app, path, to), 1);
	fclose(to);
	assert_string_equal(words, "wrong: status 204, not 200: \n");
	assert_int_equal(sluice_replay(app, "/nowhere", stderr), -1);
	free(words);
	unlink(path);
	sluice_app_free(app);
}

static void a_second_plugin_needs_a_name(void **state)
{
	(void)state;
	struct sluice_app *app = sluice_app_create("twice", "me", NULL);
	assert_true(sluice_gate(app, NULL, NULL, NULL));
	assert_false(sluice_gate(app, NULL, NULL, NULL));
	assert_true(sluice_gate(app, json_tokener_parse("{\"name\": \"b\"}"), NULL, NULL));
	char name[] = "twice", *argv[] = {name, NULL};
	assert_int_equal(sluice_main(app, 1, argv), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_judged),
		cmocka_unit_test(calls_are_answered),
		cmocka_unit_test(the_kit_asks_a_function),
		cmocka_unit_test(the_kit_replays_recorded_calls),
		cmocka_unit_test(a_second_plugin_needs_a_name),
	};
	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
