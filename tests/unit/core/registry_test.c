/* Registering, replacing, secrets, the order, and that a reload is the same. */
#include "core/base/crypt.h"
#include "core/registry.h"
#include "tests/lib/fake_clock.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

struct house {
	struct fake_clock clock;
	struct store *store;
	struct writer *writer;
	struct registry *registry;
	struct registry_config config;
	struct http_config http;
	uint8_t secret[CRYPT_KEY_SIZE];
	struct sl_error err;
	struct json answer; /* the payload of the last registration */
	struct buf answer_text;
};

static const struct feature_caller writer_token = {.may_write = true},
				   register_token = {.may_write = false};

static void open_registry(struct house *h)
{
	h->config = (struct registry_config){.features_max = 20,
					     .plugins_max = 100,
					     .timeout_ms = 10000,
					     .retries = 2,
					     .http = &h->http,
					     .secret_key = h->secret};
	if (registry_create(&h->config, h->store, h->writer, &h->clock.base, &h->registry, &h->err))
		fail_msg("%s", h->err.text);
}

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(crypt_start(), 0);
	fake_clock_init(&h->clock, 1700000000000);
	crypt_random(h->secret, sizeof(h->secret));
	assert_int_equal(store_open_mem(&h->store), 0);
	assert_int_equal(writer_create(h->store, 100, &h->writer), 0);
	assert_int_equal(writer_start(h->writer), 0);
	buf_init(&h->answer_text, 1 << 20);
	open_registry(h);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	registry_free(h->registry);
	writer_free(h->writer);
	store_close(h->store);
	json_fini(&h->answer);
	buf_fini(&h->answer_text);
	free(h);
	return 0;
}

static int put_as(struct house *h, const struct feature_caller *caller, int64_t if_match,
		  const char *text)
{
	struct json json = test_json(text);
	struct json_object *payload = NULL;
	h->err = (struct sl_error){0};
	int rc = registry_register(h->registry, &json, caller, if_match, &payload, &h->err);
	json_fini(&json);
	buf_reset(&h->answer_text);
	if (!rc) {
		assert_non_null(payload);
		assert_int_equal(jb_print(payload, &h->answer_text), 0);
		assert_int_equal(
			json_parse(&h->answer, buf_bytes(&h->answer_text), &test_limits, NULL), 0);
	} else {
		assert_null(payload);
		assert_true(h->err.text[0]);
	}
	jb_free(payload);
	return rc;
}

static int put(struct house *h, const char *text) { return put_as(h, &writer_token, -1, text); }

static void must(struct house *h, const char *text)
{
	int rc = put(h, text);
	if (rc)
		fail_msg("%s: %s", text, h->err.text);
}

/** A member of the last payload as JSON text, "" when absent. */
static const char *told(struct house *h, const char *member)
{
	static _Thread_local char text[2000];
	json_at at = json_get(&h->answer, 0, bytes_str(member));
	snprintf(text, sizeof(text), "%.*s",
		 BYTES_FMT(at == JSON_NONE ? bytes_of("", 0) : json_raw(&h->answer, at)));
	return text;
}

#define ALL "{\"conditions\":[],\"expression\":\"*\"}"
#define GATE(more)                                                                                 \
	"{\"pluginType\":\"AccessGate\",\"callAddress\":\"http://127.0.0.1:7/g\"" more "}"
#define FEATURE(name, more, plugins)                                                               \
	"{\"name\":\"" name "\",\"author\":\"me\",\"jobSelector\":" ALL more                       \
	",\"plugins\":[" plugins "]}"

/* ---- what is refused, and where ---- */

struct row {
	const char *text;
	int rc;
	const char *words;
};

#define BODY(members) "{\"name\":\"f\",\"author\":\"me\",\"jobSelector\":" ALL "," members "}"

static const struct row refused[] = {
	{"[]", SL_E_INVALID, "must be an object"},
	{"{\"author\":\"me\",\"jobSelector\":" ALL ",\"plugins\":[" GATE("") "]}", SL_E_LACK,
	 "name: "},
	{"{\"name\":\"f\",\"jobSelector\":" ALL ",\"plugins\":[" GATE("") "]}", SL_E_LACK,
	 "author: "},
	{"{\"name\":\"\",\"author\":\"me\"}", SL_E_LACK, "name: "},
	{"{\"name\":\"a b\",\"author\":\"me\"}", SL_E_INVALID, "name: "},
	{"{\"name\":\"-a\",\"author\":\"me\"}", SL_E_INVALID, "name: "},
	{"{\"name\":\"a.b\",\"author\":\"me\"}", SL_E_INVALID, "name: "},
	{"{\"name\":\"f\",\"author\":\"all\"}", SL_E_INVALID, "author: "},
	{"{\"name\":7}", SL_E_INVALID, "name: "},
	{"{\"name\":null}", SL_E_LACK, "name: "},
	{BODY("\"plugins\":[]"), SL_E_LACK, "plugins: "},
	{BODY("\"plugins\":{}"), SL_E_INVALID, "plugins: "},
	{BODY("\"x\":1"), SL_E_INVALID, "x: unknown field"},
	{BODY("\"plugins\":[" GATE(",\"x\":1") "]"), SL_E_INVALID, "plugins[0].x: unknown field"},
	{BODY("\"enabled\":\"yes\""), SL_E_INVALID, "enabled: "},
	{BODY("\"authorization\":\"a\\nb\""), SL_E_INVALID, "authorization: "},
	{BODY("\"signingKey\":\"whsec_AAAA\""), SL_E_INVALID, "signingKey: "},
	{BODY("\"signingKey\":\"secret\""), SL_E_INVALID, "signingKey: "},
	{BODY("\"plugins\":[{\"callAddress\":\"http://127.0.0.1/\"}]"), SL_E_LACK,
	 "plugins[0].pluginType: "},
	{BODY("\"plugins\":[{\"pluginType\":\"Gate\",\"callAddress\":\"http://127.0.0.1/\"}]"),
	 SL_E_PLUGIN_TYPE, "plugins[0].pluginType: "},
	{BODY("\"plugins\":[{\"pluginType\":\"AccessGate\"}]"), SL_E_LACK,
	 "plugins[0].callAddress: "},
	{BODY("\"plugins\":[{\"pluginType\":\"AccessGate\",\"callAddress\":\"ftp://h/\"}]"),
	 SL_E_INVALID, "plugins[0].callAddress: "},
	{BODY("\"plugins\":[{\"pluginType\":\"AccessGate\",\"callAddress\":[]}]"), SL_E_LACK,
	 "plugins[0].callAddress: "},
	{BODY("\"plugins\":[{\"pluginType\":\"AccessGate\",\"callAddress\":[\"http://127.0.0.1/"
	      "\",\"x\"]}]"),
	 SL_E_INVALID, "plugins[0].callAddress[1]: "},
	{BODY("\"plugins\":[{\"pluginType\":\"AccessGate\",\"callAddress\":\"http://"
	      "169.254.169.254/\"}]"),
	 SL_E_INVALID, "plugins[0].callAddress: "},
	{BODY("\"plugins\":[" GATE(",\"timeoutMs\":0") "]"), SL_E_INVALID,
	 "plugins[0].timeoutMs: "},
	{BODY("\"plugins\":[" GATE(",\"timeoutMs\":300001") "]"), SL_E_INVALID,
	 "plugins[0].timeoutMs: "},
	{BODY("\"plugins\":[" GATE(",\"retries\":-1") "]"), SL_E_INVALID, "plugins[0].retries: "},
	{BODY("\"plugins\":[" GATE(",\"maxInFlight\":0") "]"), SL_E_INVALID,
	 "plugins[0].maxInFlight: "},
	{BODY("\"plugins\":[" GATE(",\"failurePolicy\":\"open\"") "]"), SL_E_INVALID,
	 "plugins[0].failurePolicy: "},
	{BODY("\"plugins\":[" GATE(",\"sideEffects\":\"many\"") "]"), SL_E_INVALID,
	 "plugins[0].sideEffects: "},
	{BODY("\"plugins\":[" GATE(",\"answer\":\"typed\"") "]"), SL_E_INVALID,
	 "plugins[0].answer: "},
	{BODY("\"plugins\":[{\"pluginType\":\"TemplateTranslator\",\"callAddress\":\"http://"
	      "127.0.0.1/\","
	      "\"failurePolicy\":\"ignore\"}]"),
	 SL_E_INVALID, "plugins[0].failurePolicy: "},
	{BODY("\"plugins\":[{\"pluginType\":\"SchedulerBinder\",\"callAddress\":\"http://127.0.0.1/"
	      "\","
	      "\"failurePolicy\":\"ignore\"}]"),
	 SL_E_INVALID, "plugins[0].failurePolicy: "},
	{BODY("\"plugins\":[{\"pluginType\":\"LifeHook\",\"callAddress\":\"http://127.0.0.1/\","
	      "\"failurePolicy\":\"wait\",\"jobSelector\":{\"states\":[\"*\"]}}]"),
	 SL_E_INVALID, "plugins[0].failurePolicy: "},
	{BODY("\"plugins\":[{\"pluginType\":\"LifeHook\",\"callAddress\":\"http://127.0.0.1/\"}]"),
	 SL_E_INVALID, "plugins[0]"},
	{BODY("\"plugins\":[{\"pluginType\":\"LifeHook\",\"callAddress\":\"http://127.0.0.1/\","
	      "\"jobSelector\":{\"states\":[\"sleeping\"]}}]"),
	 SL_E_INVALID, "plugins[0].jobSelector.states[0]: "},
	{BODY("\"plugins\":[" GATE(",\"jobSelector\":{\"states\":[\"running\"]}") "]"),
	 SL_E_INVALID, "plugins[0].jobSelector.states"},
	{BODY("\"plugins\":[" GATE("") "," GATE("") "]"), SL_E_INVALID, "plugins[1]"},
	{"{\"name\":\"f\",\"author\":\"me\",\"plugins\":[" GATE("") "]}", SL_E_LACK,
	 "jobSelector: "},
	{"{\"name\":\"f\",\"author\":\"me\",\"jobSelector\":{\"conditions\":[],\"expression\":\"a "
	 "&&\"},"
	 "\"plugins\":[" GATE("") "]}",
	 SL_E_INVALID, "jobSelector"},
};

static size_t features_of(struct house *h)
{
	scoped(registry_dropp) const struct registry_ref *ref = registry_take(h->registry);
	return ref->features;
}

static void test_refused(void **state)
{
	struct house *h = *state;
	for (size_t i = 0; i < countof(refused); i++) {
		int rc = put(h, refused[i].text);
		if (rc != refused[i].rc ||
		    strncmp(h->err.text, refused[i].words, strlen(refused[i].words)) != 0)
			fail_msg("%s: %s \"%s\"", refused[i].text, sl_err_name(rc), h->err.text);
	}
	assert_int_equal(features_of(h), 0);
}

/* ---- registering ---- */

static void test_a_new_feature(void **state)
{
	struct house *h = *state;
	must(h, FEATURE("f", ",\"description\":\"d\",\"authorization\":\"Bearer x\"",
			GATE(",\"timeoutMs\":7") "," GATE(",\"name\":\"two\"")));
	assert_string_equal(told(h, "enabled"), "false");
	assert_string_equal(told(h, "revision"), "1");
	assert_string_equal(told(h, "authorization"), "\"***\"");
	assert_starts(told(h, "signingKey"), "\"whsec_");
	scoped(registry_dropp) const struct registry_ref *ref = registry_take(h->registry);
	const struct plugin *p = registry_plugin(ref, BYTES("AccessGate.f.me"));
	assert_non_null(p);
	assert_int_equal(p->timeout_ms, 7);
	assert_int_equal(p->retries, 2);
	assert_int_equal(p->in_flight_max, 256);
	assert_int_equal(p->policy, FAILURE_WAIT);
	assert_true(p->side_effects);
	assert_string_equal(p->feature->authorization, "Bearer x");
	assert_int_equal(p->feature->signing_key.len, 32);
	assert_int_equal(registry_sequence(ref, p), 1);
	p = registry_plugin(ref, BYTES("AccessGate.f.me.two"));
	assert_non_null(p);
	assert_int_equal(registry_sequence(ref, p), 2);
	assert_null(registry_plugin(ref, BYTES("AccessGate.f.you")));
	assert_null(registry_plugin(ref, BYTES("AccessGate")));
	assert_null(registry_plugin(ref, BYTES("")));
}

static void test_who_may_turn_it_on(void **state)
{
	struct house *h = *state;
	must(h, FEATURE("on", ",\"enabled\":true", GATE("")));
	assert_string_equal(told(h, "enabled"), "true");
	assert_int_equal(
		put_as(h, &register_token, -1, FEATURE("off", ",\"enabled\":true", GATE(""))), 0);
	assert_string_equal(told(h, "enabled"), "false");
	assert_non_null(strstr(told(h, "warnings"), "enabled"));
	/* one that is off may be replaced by register_feature, one that is on only by the same */
	assert_int_equal(
		put_as(h, &register_token, -1, FEATURE("off", ",\"description\":\"x\"", GATE(""))),
		0);
	assert_string_equal(told(h, "revision"), "2");
	assert_int_equal(put_as(h, &register_token, -1, FEATURE("on", "", GATE(""))), 0);
	assert_string_equal(told(h, "revision"), "1");
	assert_int_equal(
		put_as(h, &register_token, -1, FEATURE("on", ",\"description\":\"x\"", GATE(""))),
		SL_E_DENIED);
	must(h, FEATURE("on", ",\"enabled\":false,\"description\":\"y\"", GATE("")));
	assert_string_equal(told(h, "enabled"), "true"); /* a replacement keeps it, and says so */
	assert_non_null(strstr(told(h, "warnings"), "enabled"));
}

static void test_replacing(void **state)
{
	struct house *h = *state;
	static const char text[] = FEATURE("f", "", GATE(""));
	must(h, text);
	must(h, text);
	assert_string_equal(told(h, "revision"), "1");
	assert_string_equal(told(h, "signingKey"), ""); /* shown only by the answer that made it */
	must(h, FEATURE("f", ",\"description\":\"new\"", GATE("")));
	assert_string_equal(told(h, "revision"), "2");
	assert_int_equal(put_as(h, &writer_token, 1, FEATURE("f", "", GATE(""))), SL_E_CONFLICT);
	assert_int_equal(put_as(h, &writer_token, 2, FEATURE("f", "", GATE(""))), 0);
	assert_string_equal(told(h, "revision"), "3");
	assert_int_equal(put_as(h, &writer_token, 0, FEATURE("g", "", GATE(""))), SL_E_CONFLICT);
	assert_int_equal(put(h, "{\"name\":\"f\",\"author\":\"you\",\"jobSelector\":" ALL
				",\"plugins\":[" GATE("") "]}"),
			 SL_E_CONFLICT);
}

/* What a read shows can be sent back. */
static void test_what_is_read_can_be_sent(void **state)
{
	struct house *h = *state;
	must(h, FEATURE("f", ",\"authorization\":\"Bearer x\",\"enabled\":true",
			GATE("") "," GATE(",\"name\":\"two\"")));
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, 1 << 20);
	scoped(registry_dropp) const struct registry_ref *ref = registry_take(h->registry);
	struct json_object *shown = feature_show(ref, registry_feature(ref, BYTES("f")));
	assert_int_equal(jb_print(shown, &text), 0);
	jb_free(shown);
	assert_null(strstr(buf_str(&text), "Bearer"));
	assert_null(strstr(buf_str(&text), "whsec_"));
	must(h, buf_str(&text));
	assert_string_equal(told(h, "revision"), "1");
}

static void test_authors(void **state)
{
	struct house *h = *state;
	struct feature_caller bound = {.may_write = true, .author = BYTES("you")};
	must(h, FEATURE("f", "", GATE("")));
	assert_int_equal(put_as(h, &bound, -1, FEATURE("g", "", GATE(""))), SL_E_DENIED);
	assert_int_equal(registry_turn(h->registry, BYTES("f"), true, &bound, &h->err),
			 SL_E_DENIED);
	assert_int_equal(registry_delete(h->registry, BYTES("f"), &bound, &h->err), SL_E_DENIED);
	assert_int_equal(features_of(h), 1);
}

/* ---- secrets ---- */

static const struct feature *now(struct house *h, const struct registry_ref **ref)
{
	registry_drop(*ref);
	*ref = registry_take(h->registry);
	return registry_feature(*ref, BYTES("f"));
}

#define AT(address) "{\"pluginType\":\"AccessGate\",\"callAddress\":\"" address "\"}"

static void test_secrets_are_kept(void **state)
{
	struct house *h = *state;
	scoped(registry_dropp) const struct registry_ref *ref = NULL;
	uint8_t key[32];
	must(h, FEATURE("f", ",\"authorization\":\"Bearer x\"", AT("http://127.0.0.1:7/a")));
	memcpy(key, now(h, &ref)->signing_key.at, 32);
	must(h, FEATURE("f", "", AT("http://127.0.0.1:7/b"))); /* another path there */
	assert_string_equal(now(h, &ref)->authorization, "Bearer x");
	assert_memory_equal(now(h, &ref)->signing_key.at, key, 32);
	must(h, FEATURE("f", ",\"authorization\":\"***\",\"description\":\"d\"",
			AT("http://127.0.0.1:7/b")));
	assert_string_equal(now(h, &ref)->authorization, "Bearer x");
	static const char *const elsewhere[] = {
		AT("http://127.0.0.1:8/a"), AT("https://127.0.0.1:7/a"), AT("http://127.0.0.2:7/a"),
		AT("http://127.0.0.1:7/a") ",{\"pluginType\":\"FactorGenerator\",\"callAddress\":"
					   "\"http://127.0.0.3/\"}"};
	for (size_t i = 0; i < countof(elsewhere); i++) {
		char text[1000];
		snprintf(text, sizeof(text), FEATURE("f", "", "%s"), elsewhere[i]);
		assert_int_equal(put(h, text), SL_E_INVALID);
		assert_starts(h->err.text, "authorization: send authorization again");
		snprintf(text, sizeof(text), FEATURE("f", ",\"authorization\":\"***\"", "%s"),
			 elsewhere[i]);
		assert_int_equal(put(h, text), SL_E_INVALID);
	}
	must(h, FEATURE("f", ",\"authorization\":\"Bearer y\"", AT("http://127.0.0.1:8/a")));
	assert_string_equal(now(h, &ref)->authorization, "Bearer y");
	assert_memory_not_equal(now(h, &ref)->signing_key.at, key, 32); /* made anew, and shown */
	assert_starts(told(h, "signingKey"), "\"whsec_");
	must(h, FEATURE("f", ",\"authorization\":\"\"", AT("http://127.0.0.1:8/a")));
	assert_string_equal(now(h, &ref)->authorization, "");
	assert_string_equal(told(h, "authorization"), "\"\"");
}

static void test_a_signing_key_that_is_sent(void **state)
{
	struct house *h = *state;
	scoped(registry_dropp) const struct registry_ref *ref = NULL;
	must(h,
	     FEATURE("f", ",\"signingKey\":\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"", GATE("")));
	assert_int_equal(now(h, &ref)->signing_key.len, 24);
	must(h, FEATURE("f", ",\"description\":\"d\"", GATE("")));
	assert_int_equal(now(h, &ref)->signing_key.len, 24);
}

/* ---- order ---- */

static void order_is(struct house *h, const char *want)
{
	scoped(registry_dropp) const struct registry_ref *ref = registry_take(h->registry);
	char text[200] = "";
	for (size_t i = 0; i < ref->count[PLUGIN_GATE]; i++) {
		const struct plugin *p = ref->ordered[PLUGIN_GATE][i];
		strcat(text, p->feature->name);
		assert_int_equal(registry_sequence(ref, p), i + 1);
	}
	assert_string_equal(text, want);
}

static int order(struct house *h, const char *before, const char *after)
{
	char b[100], a[100];
	snprintf(b, sizeof(b), "AccessGate.%s.me", before);
	snprintf(a, sizeof(a), "AccessGate.%s.me", after);
	return registry_order(h->registry, PLUGIN_GATE, bytes_str(b), bytes_str(a), &writer_token,
			      &h->err);
}

static void four_gates(struct house *h)
{
	must(h, FEATURE("a", "", GATE("")));
	must(h, FEATURE("b", "", GATE("")));
	must(h, FEATURE("c", "", GATE("")));
	must(h, FEATURE("d", "", GATE("")));
}

static void reload(struct house *h)
{
	registry_free(h->registry);
	open_registry(h);
}

static void test_order(void **state)
{
	struct house *h = *state;
	four_gates(h);
	order_is(h, "abcd");
	assert_int_equal(order(h, "d", "b"), 0);
	order_is(h, "adbc");
	assert_int_equal(order(h, "a", "c"), 0); /* runs before it already */
	order_is(h, "adbc");
	assert_int_equal(order(h, "c", "a"), 0);
	order_is(h, "cadb");
	assert_int_equal(order(h, "c", "c"), SL_E_INVALID);
	assert_int_equal(order(h, "c", "x"), SL_E_NOT_FOUND);
	assert_int_equal(order(h, "x", "c"), SL_E_NOT_FOUND);
	assert_int_equal(registry_order(h->registry, PLUGIN_FACTOR, BYTES("AccessGate.a.me"),
					BYTES("AccessGate.b.me"), &writer_token, &h->err),
			 SL_E_INVALID);
	reload(h);
	order_is(h, "cadb");
	must(h, FEATURE("a", ",\"description\":\"replaced\"", GATE("")));
	order_is(h, "cadb");
	assert_int_equal(registry_turn(h->registry, BYTES("a"), true, &writer_token, &h->err), 0);
	assert_int_equal(registry_turn(h->registry, BYTES("a"), false, &writer_token, &h->err), 0);
	order_is(h, "cadb");
	assert_int_equal(registry_delete(h->registry, BYTES("a"), &writer_token, &h->err), 0);
	must(h, FEATURE("a", "", GATE(""))); /* new plugins go last */
	order_is(h, "cdba");
}

/* However often: the room between two ranks runs out, the order does not. */
static void test_order_for_ever(void **state)
{
	struct house *h = *state;
	four_gates(h);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(order(h, i % 2 ? "b" : "c", i % 2 ? "c" : "b"), 0);
		if (i % 2)
			order_is(h, "abcd");
		else
			order_is(h, "acbd");
	}
	reload(h);
	order_is(h, "abcd");
}

/* ---- on, off, gone, again ---- */

static void test_turning(void **state)
{
	struct house *h = *state;
	scoped(registry_dropp) const struct registry_ref *ref = NULL;
	must(h, FEATURE("f", ",\"authorization\":\"x\"", GATE("")));
	assert_int_equal(registry_turn(h->registry, BYTES("f"), true, &writer_token, &h->err), 0);
	assert_true(now(h, &ref)->enabled);
	uint64_t generation = ref->generation;
	assert_int_equal(registry_turn(h->registry, BYTES("f"), true, &writer_token, &h->err), 0);
	now(h, &ref);
	assert_int_equal(ref->generation, generation);
	assert_string_equal(now(h, &ref)->authorization, "x");
	assert_int_equal(now(h, &ref)->signing_key.len, 32);
	assert_int_equal(registry_turn(h->registry, BYTES("g"), true, &writer_token, &h->err),
			 SL_E_NOT_FOUND);
	assert_int_equal(registry_delete(h->registry, BYTES("g"), &writer_token, &h->err),
			 SL_E_NOT_FOUND);
}

/* Whoever holds a generation keeps it whole. */
static void test_generations(void **state)
{
	struct house *h = *state;
	must(h, FEATURE("f", "", GATE("")));
	scoped(registry_dropp) const struct registry_ref *old = registry_take(h->registry);
	assert_int_equal(registry_delete(h->registry, BYTES("f"), &writer_token, &h->err), 0);
	assert_non_null(registry_feature(old, BYTES("f")));
	assert_string_equal(registry_plugin(old, BYTES("AccessGate.f.me"))->feature->author, "me");
	assert_int_equal(features_of(h), 0);
}

static void show_all(struct house *h, struct buf *to)
{
	scoped(registry_dropp) const struct registry_ref *ref = registry_take(h->registry);
	for (size_t i = 0; i < ref->features; i++) {
		struct json_object *shown = feature_show(ref, ref->feature[i]);
		assert_int_equal(jb_print(shown, to), 0);
		jb_free(shown);
		for (uint32_t k = 0; k < ref->feature[i]->plugins; k++) {
			shown = plugin_show(ref, &ref->feature[i]->plugin[k]);
			assert_int_equal(jb_print(shown, to), 0);
			jb_free(shown);
		}
	}
}

static void test_reload_is_the_same(void **state)
{
	struct house *h = *state;
	scoped(buf_finip) struct buf before = {0}, after = {0};
	scoped(registry_dropp) const struct registry_ref *ref = NULL;
	buf_init(&before, 1 << 20);
	buf_init(&after, 1 << 20);
	four_gates(h);
	must(h,
	     FEATURE("f",
		     ",\"authorization\":\"Bearer x\",\"enabled\":true,\"description\":\"\\u00e4\"",
		     GATE(",\"retries\":0,\"failurePolicy\":\"ignore\"")));
	assert_int_equal(order(h, "d", "a"), 0);
	uint8_t key[32];
	memcpy(key, now(h, &ref)->signing_key.at, 32);
	show_all(h, &before);
	reload(h);
	show_all(h, &after);
	assert_string_equal(buf_str(&before), buf_str(&after));
	assert_string_equal(now(h, &ref)->authorization, "Bearer x");
	assert_memory_equal(now(h, &ref)->signing_key.at, key, 32);
}

/* Without the key file features are off, and stay off until their secrets are sent again. */
static void test_secrets_that_cannot_be_read(void **state)
{
	struct house *h = *state;
	scoped(registry_dropp) const struct registry_ref *ref = NULL;
	must(h, FEATURE("f", ",\"authorization\":\"Bearer x\",\"enabled\":true", GATE("")));
	crypt_random(h->secret, sizeof(h->secret));
	reload(h);
	assert_false(now(h, &ref)->enabled);
	assert_int_equal(registry_turn(h->registry, BYTES("f"), true, &writer_token, &h->err),
			 SL_E_CONFLICT);
	assert_int_equal(put(h, FEATURE("f", ",\"description\":\"d\"", GATE(""))), SL_E_INVALID);
	assert_starts(h->err.text, "authorization: send authorization again");
	must(h, FEATURE("f", ",\"authorization\":\"Bearer z\"", GATE("")));
	assert_starts(told(h, "signingKey"), "\"whsec_");
	assert_int_equal(registry_turn(h->registry, BYTES("f"), true, &writer_token, &h->err), 0);
	assert_true(now(h, &ref)->enabled);
}

/* What was fine when it was registered does not keep the gateway from starting. */
static void test_rules_that_became_stricter(void **state)
{
	struct house *h = *state;
	must(h, FEATURE("f", "", AT("http://10.1.2.3/g")));
	h->http.require_tls = true;
	reload(h);
	assert_int_equal(features_of(h), 1);
	assert_int_equal(put(h, FEATURE("f", "", AT("http://10.1.2.3/g"))), SL_E_INVALID);
}

static void test_room(void **state)
{
	struct house *h = *state;
	for (int i = 0; i < 20; i++) {
		char text[500];
		snprintf(text, sizeof(text), FEATURE("f%d", "", "%s"), i, GATE(""));
		must(h, text);
	}
	assert_int_equal(put(h, FEATURE("more", "", GATE(""))), SL_E_BUSY);
	must(h, FEATURE("f3", ",\"description\":\"replaced\"", GATE("")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_a_new_feature),
		TEST(test_who_may_turn_it_on),
		TEST(test_replacing),
		TEST(test_what_is_read_can_be_sent),
		TEST(test_authors),
		TEST(test_secrets_are_kept),
		TEST(test_a_signing_key_that_is_sent),
		TEST(test_order),
		TEST(test_order_for_ever),
		TEST(test_turning),
		TEST(test_generations),
		TEST(test_reload_is_the_same),
		TEST(test_secrets_that_cannot_be_read),
		TEST(test_rules_that_became_stricter),
		TEST(test_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
