/* Which plugins a job meets, and what is wrong with a stage. */
#include "core/plan.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLUGINS_MAX = 8 };

/** A registry by hand: each plugin a feature of its own. */
struct house {
	struct registry_ref registry;
	struct feature feature[PLUGINS_MAX];
	struct plugin plugin[PLUGINS_MAX];
	const struct plugin *ordered[PLUGIN_TYPES][PLUGINS_MAX];
	char key[PLUGINS_MAX][32];
	uint32_t place[PLUGINS_MAX];
	struct selector_pool *pool;
	struct selector_index *index;
	uint32_t n;
	struct selector_scratch *scratch;
	struct json header;
	struct plan *plan;
};

#define IS(key, value)                                                                             \
	"{\"conditions\":[{\"name\":\"c\",\"key\":\"" key "\",\"expect\":\"" value                 \
	"\"}],\"expression\":\"c\"}"
#define ALL "{\"conditions\":[],\"expression\":\"*\"}"
/* A pattern tried on a value that is too long: neither yes nor no. */
#define UNKNOWN IS("long", "/x/")

static void open_house(struct house *h)
{
	struct selector_limits limits = {16, 1000};
	memset(h, 0, sizeof(*h));
	assert_int_equal(selector_scratch_create(&limits, &h->scratch), 0);
	h->header =
		test_json("{\"a\":\"yes\",\"b\":\"no\",\"long\":\"0123456789012345678901234567\"}");
	for (int type = 0; type < PLUGIN_TYPES; type++)
		h->registry.ordered[type] = h->ordered[type];
	h->registry.place = h->place;
	h->registry.places = PLUGINS_MAX;
	assert_int_equal(selector_pool_create(&h->pool), 0);
	assert_int_equal(selector_index_create(h->pool, &h->index), 0);
}

/* As the registry does: places by number, and an index over what is on. */
static void enter(struct house *h, struct plugin *p)
{
	struct selector_index *next;
	assert_int_equal(selector_join(p->selector, h->pool, p, NULL), 0);
	h->place[selector_number(p->selector)] = (uint32_t)h->registry.count[p->type];
	assert_int_equal(selector_index_change(h->index, NULL, 0, &p->selector,
					       p->feature->enabled && p->type != PLUGIN_LIFEHOOK,
					       &next),
			 0);
	selector_index_free(h->index);
	h->registry.stages = h->index = next;
}

static void add(struct house *h, enum plugin_type type, const char *selector,
		enum failure_policy policy, bool enabled)
{
	struct json json = test_json(selector);
	struct selector_source own = {&json, 0}, none = {&json, JSON_NONE};
	uint32_t n = h->n++;
	snprintf(h->key[n], sizeof(h->key[n]), "p%u", n);
	h->feature[n].enabled = enabled;
	h->plugin[n] = (struct plugin){
		.feature = &h->feature[n], .type = type, .key = h->key[n], .policy = policy};
	assert_int_equal(selector_compile(none, own, &h->plugin[n].selector, NULL), 0);
	h->ordered[type][h->registry.count[type]++] = &h->plugin[n];
	enter(h, &h->plugin[n]);
	json_fini(&json);
}

static void build(struct house *h, bool is_taskset)
{
	h->registry.stages = h->index;
	assert_int_equal(
		plan_build(&h->registry, &h->header, is_taskset, BYTES("K"), h->scratch, &h->plan),
		0);
}

static void close_house(struct house *h)
{
	plan_free(h->plan);
	selector_index_free(h->index);
	selector_pool_free(h->pool);
	for (uint32_t i = 0; i < h->n; i++)
		selector_free(h->plugin[i].selector);
	selector_scratch_free(h->scratch);
	json_fini(&h->header);
}

static void fault_is(struct house *h, enum plugin_type type, const char *code, const char *plugin,
		     const char *words)
{
	const struct plan_stage *stage = &h->plan->stage[type];
	if (!code) {
		assert_null(stage->fault);
		return;
	}
	assert_non_null(stage->fault);
	assert_string_equal(stage->fault, code);
	assert_string_equal(stage->fault_plugin, plugin);
	assert_non_null(strstr(stage->words, words));
}

static void test_who_matches(void **state SL_UNUSED)
{
	struct house h;
	open_house(&h);
	add(&h, PLUGIN_GATE, IS("a", "yes"), FAILURE_WAIT, true);
	add(&h, PLUGIN_GATE, IS("b", "yes"), FAILURE_WAIT, true);
	add(&h, PLUGIN_GATE, ALL, FAILURE_WAIT, false); /* its feature is off */
	add(&h, PLUGIN_GATE, ALL, FAILURE_WAIT, true);
	add(&h, PLUGIN_LIFEHOOK, ALL, FAILURE_WAIT, true);
	build(&h, true);
	assert_int_equal(h.plan->n, 2);
	assert_int_equal(h.plan->stage[PLUGIN_GATE].n, 2);
	assert_ptr_equal(h.plan->plugin[0], &h.plugin[0]);
	assert_ptr_equal(h.plan->plugin[1], &h.plugin[3]);
	fault_is(&h, PLUGIN_GATE, NULL, NULL, NULL);
	close_house(&h);
}

static void test_translators(void **state SL_UNUSED)
{
	struct house h;
	open_house(&h);
	build(&h, false);
	fault_is(&h, PLUGIN_TRANSLATOR, "no_translator", "", "no TemplateTranslator for kind K");
	h.plan = plan_free(h.plan);
	build(&h, true); /* a TaskSet needs none */
	fault_is(&h, PLUGIN_TRANSLATOR, NULL, NULL, NULL);
	h.plan = plan_free(h.plan);
	add(&h, PLUGIN_TRANSLATOR, ALL, FAILURE_WAIT, true);
	build(&h, false);
	fault_is(&h, PLUGIN_TRANSLATOR, NULL, NULL, NULL);
	assert_int_equal(h.plan->stage[PLUGIN_TRANSLATOR].n, 1);
	h.plan = plan_free(h.plan);
	add(&h, PLUGIN_TRANSLATOR, ALL, FAILURE_WAIT, true);
	build(&h, false);
	fault_is(&h, PLUGIN_TRANSLATOR, "ambiguous_plugins", "p0", "p0, p1");
	h.plan = plan_free(h.plan);
	build(&h, true);
	assert_int_equal(h.plan->stage[PLUGIN_TRANSLATOR].n, 0);
	close_house(&h);
}

static void test_binders(void **state SL_UNUSED)
{
	struct house h;
	open_house(&h);
	add(&h, PLUGIN_BINDER, ALL, FAILURE_WAIT, true);
	build(&h, true);
	fault_is(&h, PLUGIN_BINDER, NULL, NULL, NULL);
	h.plan = plan_free(h.plan);
	add(&h, PLUGIN_BINDER, ALL, FAILURE_WAIT, true);
	build(&h, true);
	fault_is(&h, PLUGIN_BINDER, "ambiguous_plugins", "p0", "p1");
	close_house(&h);
}

/* Neither yes nor no fails the job; ignore passes it over, but never a gate. */
static void test_selectors_in_error(void **state SL_UNUSED)
{
	static const struct {
		enum plugin_type type;
		enum failure_policy policy;
		bool fault;
	} rows[] = {
		{PLUGIN_GATE, FAILURE_WAIT, true},      {PLUGIN_GATE, FAILURE_FAIL, true},
		{PLUGIN_GATE, FAILURE_IGNORE, true},    {PLUGIN_FACTOR, FAILURE_IGNORE, false},
		{PLUGIN_FACTOR, FAILURE_WAIT, true},    {PLUGIN_DECORATOR, FAILURE_IGNORE, false},
		{PLUGIN_DECORATOR, FAILURE_WAIT, true}, {PLUGIN_TRANSLATOR, FAILURE_WAIT, true},
		{PLUGIN_BINDER, FAILURE_WAIT, true},
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct house h;
		open_house(&h);
		add(&h, rows[i].type, UNKNOWN, rows[i].policy, true);
		build(&h, rows[i].type != PLUGIN_TRANSLATOR);
		fault_is(&h, rows[i].type, rows[i].fault ? "selector_error" : NULL, "p0", "p0");
		assert_int_equal(h.plan->n, 0);
		close_house(&h);
	}
}

static void test_an_error_of_one_that_is_off(void **state SL_UNUSED)
{
	struct house h;
	open_house(&h);
	add(&h, PLUGIN_GATE, UNKNOWN, FAILURE_WAIT, false);
	build(&h, true);
	fault_is(&h, PLUGIN_GATE, NULL, NULL, NULL);
	close_house(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_matches),
		cmocka_unit_test(test_translators),
		cmocka_unit_test(test_binders),
		cmocka_unit_test(test_selectors_in_error),
		cmocka_unit_test(test_an_error_of_one_that_is_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
