/* Many features that come, go, are turned and moved: orders and indexes stay what a look at
 * everything would give, and older generations stay as they were. */
#include "core/base/crypt.h"
#include "core/registry.h"
#include "tests/lib/fake_clock.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 60, STEPS = 300 };

struct house {
	struct http_config http;
	struct registry_config config;
	struct store *store;
	struct writer *writer;
	struct fake_clock clock;
	struct registry *registry;
	uint8_t secret[CRYPT_KEY_SIZE];
	struct selector_scratch *scratch;
	uint64_t state;
};

static const struct feature_caller caller = {.may_write = true};

static uint32_t roll(struct house *h, uint32_t sides)
{
	h->state = h->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(h->state >> 33) % sides;
}

static void open_registry(struct house *h)
{
	assert_int_equal(registry_create(&h->config, h->store, h->writer, &h->clock.base,
					 &h->registry, NULL),
			 0);
}

static void put(struct house *h)
{
	static const char *const types[] = {"FactorGenerator", "AccessGate", "TemplateDecorator",
					    "LifeHook"};
	char text[1600];
	uint32_t type = roll(h, 4), other = roll(h, 4);
	const char *states = ",\"states\":[\"*\"]";
	struct json_object *payload = NULL;
	snprintf(
		text, sizeof(text),
		"{\"name\":\"f%u\",\"author\":\"me\",\"enabled\":%s,\"plugins\":["
		"{\"pluginType\":\"%s\",\"callAddress\":\"http://127.0.0.1:7/\",\"jobSelector\":{"
		"\"conditions\":[{\"name\":\"a\",\"key\":\"k\",\"expect\":\"v%u\"},{\"name\":\"b\","
		"\"key\":\"l\",\"expect\":\"/x%u/\"}],\"expression\":\"%s\"%s}},"
		"{\"pluginType\":\"%s\",\"name\":\"second\",\"callAddress\":\"http://127.0.0.1:7/"
		"\","
		"\"jobSelector\":{\"conditions\":[],\"expression\":\"*\"%s}}]}",
		roll(h, NAMES), roll(h, 3) ? "true" : "false", types[type], roll(h, 6), roll(h, 6),
		roll(h, 2) ? "a || b" : "!a && b", type == 3 ? states : "", types[other],
		other == 3 ? states : "");
	struct json json = test_json(text);
	assert_int_equal(registry_register(h->registry, &json, &caller, -1, &payload, NULL), 0);
	jb_free(payload);
	json_fini(&json);
}

static void step(struct house *h)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(h->registry);
	uint32_t what = roll(h, 10);
	int rc = 0;
	if (what < 5 || now->features < 4) {
		put(h);
		return;
	}
	const char *name = now->feature[roll(h, (uint32_t)now->features)]->name;
	enum plugin_type type = (enum plugin_type)(PLUGIN_FACTOR + roll(h, 3));
	if (what == 5)
		rc = registry_delete(h->registry, bytes_str(name), &caller, NULL);
	else if (what < 8)
		rc = registry_turn(h->registry, bytes_str(name), roll(h, 2), &caller, NULL);
	else if (now->count[type] > 2) {
		uint32_t n = (uint32_t)now->count[type], a = roll(h, n), b = roll(h, n);
		if (a != b)
			rc = registry_order(h->registry, type,
					    bytes_str(now->ordered[type][a]->key),
					    bytes_str(now->ordered[type][b]->key), &caller, NULL);
	}
	assert_int_equal(rc, 0);
}

/* ---- what a look at everything gives ---- */

static void found(void *user, const void *owner, enum verdict verdict,
		  const struct sl_error *err SL_UNUSED)
{
	const struct plugin *p = owner;
	assert_int_equal(verdict, VERDICT_TRUE);
	assert_true(p->feature->enabled);
	buf_add_str(user, p->key);
	buf_add_char(user, ' ');
}

static void check_matches(struct house *h, const struct registry_ref *ref, const char *job)
{
	struct json header = test_json(job);
	scoped(buf_finip) struct buf keys = {0};
	size_t wanted = 0, told = 0;
	char spaced[320];
	buf_init(&keys, 1 << 20);
	buf_add_char(&keys, ' ');
	assert_int_equal(selector_index_match(ref->stages, h->scratch, &header, found, &keys), 0);
	assert_int_equal(selector_index_match(ref->hooks, h->scratch, &header, found, &keys), 0);
	for (size_t i = 1; i < keys.len; i++)
		told += keys.at[i] == ' ';
	for (int type = 0; type < PLUGIN_TYPES; type++)
		for (size_t i = 0; i < ref->count[type]; i++) {
			const struct plugin *p = ref->ordered[type][i];
			if (!p->feature->enabled ||
			    selector_match(p->selector, h->scratch, &header, NULL) != VERDICT_TRUE)
				continue;
			wanted++;
			snprintf(spaced, sizeof(spaced), " %s ", p->key);
			if (!strstr(buf_str(&keys), spaced))
				fail_msg("%s is not found for %s", p->key, job);
		}
	assert_int_equal(told, wanted);
	json_fini(&header);
}

static void check(struct house *h, const struct registry_ref *ref)
{
	uint32_t states = 0;
	size_t plugins = 0;
	for (size_t i = 0; i < ref->features; i++) {
		const struct feature *f = ref->feature[i];
		assert_true(i == 0 || strcmp(ref->feature[i - 1]->name, f->name) < 0);
		assert_ptr_equal(registry_feature(ref, bytes_str(f->name)), f);
		for (uint32_t k = 0; k < f->plugins; k++, plugins++) {
			size_t at = registry_sequence(ref, &f->plugin[k]);
			assert_true(at >= 1 && at <= ref->count[f->plugin[k].type]);
			assert_ptr_equal(ref->ordered[f->plugin[k].type][at - 1], &f->plugin[k]);
			if (f->enabled && f->plugin[k].type == PLUGIN_LIFEHOOK)
				states |= f->plugin[k].states;
		}
	}
	for (int type = 0; type < PLUGIN_TYPES; type++)
		plugins -= ref->count[type];
	assert_int_equal(plugins, 0);
	assert_int_equal(ref->hook_states, states);
	check_matches(h, ref, "{\"k\":\"v3\",\"l\":\"x1 x5\"}");
	check_matches(h, ref, "{\"l\":\"x2\"}");
}

/* The order of all plugins, as one text. */
static void write_order(const struct registry_ref *ref, struct buf *to)
{
	buf_init(to, 1 << 20);
	for (int type = 0; type < PLUGIN_TYPES; type++)
		for (size_t i = 0; i < ref->count[type]; i++)
			buf_addf(to, "%s\n", ref->ordered[type][i]->key);
}

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	struct selector_limits limits = {SELECTOR_REGEX_VALUE_MAX, SELECTOR_STEPS_MAX};
	assert_int_equal(crypt_start(), 0);
	fake_clock_init(&h->clock, 1700000000000);
	h->config = (struct registry_config){.features_max = 1000,
					     .plugins_max = 2000,
					     .timeout_ms = 10000,
					     .http = &h->http,
					     .secret_key = h->secret};
	assert_int_equal(store_open_mem(&h->store), 0);
	assert_int_equal(writer_create(h->store, 100, &h->writer), 0);
	assert_int_equal(writer_start(h->writer), 0);
	assert_int_equal(selector_scratch_create(&limits, &h->scratch), 0);
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
	selector_scratch_free(h->scratch);
	free(h);
	return 0;
}

static void test_histories(void **state)
{
	struct house *h = *state;
	scoped(registry_dropp) const struct registry_ref *older = NULL;
	scoped(buf_finip) struct buf then = {0}, now_text = {0}, again = {0};
	for (unsigned i = 0; i < STEPS; i++) {
		step(h);
		scoped(registry_dropp) const struct registry_ref *now = registry_take(h->registry);
		if (i % 5 == 0)
			check(h, now);
		if (i == STEPS / 2) {
			older = registry_share(now);
			write_order(older, &then);
		}
	}
	check(h, older);
	write_order(older, &now_text);
	assert_string_equal(buf_str(&then), buf_str(&now_text));
	buf_fini(&now_text);
	/* What is read at a start is what was in force. */
	const struct registry_ref *last = registry_take(h->registry);
	write_order(last, &now_text);
	registry_drop(last);
	registry_free(h->registry);
	open_registry(h);
	last = registry_take(h->registry);
	check(h, last);
	write_order(last, &again);
	registry_drop(last);
	assert_string_equal(buf_str(&now_text), buf_str(&again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_histories, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
