#include "core/plan.h"

#include <stdio.h>
#include <stdlib.h>

struct plan *plan_free(struct plan *p)
{
	if (!p)
		return NULL;
	free(p->plugin);
	free(p);
	return NULL;
}

struct hit {
	const struct plugin *plugin;
	size_t place; /* in the order of its type */
};

struct gathering {
	struct plan *plan;
	const struct registry_ref *registry;
	bool is_taskset;
	struct hit *hit;
	size_t n, cap;
	size_t fault_place[PLUGIN_STAGES];
	int rc;
};

/* A selector that could not be evaluated fails the stage, unless the plugin's answer
 * would not count anyway; a gate is never passed over for it. The first in order is told. */
static void selector_fault(struct gathering *g, const struct plugin *plugin, size_t place,
			   const struct sl_error *err)
{
	struct plan_stage *stage = &g->plan->stage[plugin->type];
	if ((stage->fault && g->fault_place[plugin->type] < place) ||
	    (plugin->policy == FAILURE_IGNORE && plugin->type != PLUGIN_GATE))
		return;
	g->fault_place[plugin->type] = place;
	stage->fault = "selector_error";
	stage->fault_plugin = plugin->key;
	snprintf(stage->words, sizeof(stage->words),
		 "the jobSelector of %s could not be evaluated: %s", plugin->key, err->text);
}

static void add_hit(struct gathering *g, const struct plugin *plugin, size_t place)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		struct hit *at = reallocarray(g->hit, cap, sizeof(*at));
		if (!at) {
			g->rc = SL_E_NO_MEMORY;
			return;
		}
		g->hit = at;
		g->cap = cap;
	}
	g->hit[g->n++] = (struct hit){plugin, place};
}

static void found(void *user, const void *owner, enum verdict verdict, const struct sl_error *err)
{
	struct gathering *g = user;
	const struct plugin *plugin = owner;
	if (g->is_taskset && plugin->type == PLUGIN_TRANSLATOR)
		return;
	size_t place = registry_sequence(g->registry, plugin);
	if (verdict == VERDICT_TRUE)
		add_hit(g, plugin, place);
	else
		selector_fault(g, plugin, place, err);
}

static int by_place(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	if (x->plugin->type != y->plugin->type)
		return x->plugin->type < y->plugin->type ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* The plugins that match, by stage and in their order. */
static int settle(struct gathering *g)
{
	struct plan *plan = g->plan;
	plan->plugin = calloc(g->n + 1, sizeof(plan->plugin[0]));
	if (!plan->plugin)
		return SL_E_NO_MEMORY;
	if (g->n)
		qsort(g->hit, g->n, sizeof(*g->hit), by_place);
	for (; plan->n < g->n; plan->n++) {
		plan->plugin[plan->n] = g->hit[plan->n].plugin;
		plan->stage[plan->plugin[plan->n]->type].n++;
	}
	for (int type = 1; type < PLUGIN_STAGES; type++)
		plan->stage[type].first = plan->stage[type - 1].first + plan->stage[type - 1].n;
	return 0;
}

static void check_exclusive(struct plan *plan, enum plugin_type type)
{
	struct plan_stage *stage = &plan->stage[type];
	if (stage->fault || stage->n < 2)
		return;
	stage->fault = "ambiguous_plugins";
	stage->fault_plugin = plan->plugin[stage->first]->key;
	size_t used = (size_t)snprintf(stage->words, sizeof(stage->words),
				       "%u %s plugins match, at most one may:", stage->n,
				       plugin_type_name(type));
	for (uint32_t i = 0; i < stage->n && used < sizeof(stage->words); i++)
		used += (size_t)snprintf(stage->words + used, sizeof(stage->words) - used, "%s %s",
					 i ? "," : "", plan->plugin[stage->first + i]->key);
}

static void check_translator(struct plan *plan, struct bytes kind)
{
	struct plan_stage *stage = &plan->stage[PLUGIN_TRANSLATOR];
	if (stage->fault || stage->n)
		return;
	stage->fault = "no_translator";
	stage->fault_plugin = "";
	snprintf(stage->words, sizeof(stage->words),
		 "no TemplateTranslator for kind %.*s: register a feature whose translator's "
		 "jobSelector matches this job and turn it on",
		 BYTES_FMT(kind));
}

int plan_build(const struct registry_ref *registry, const struct json *header, bool is_taskset,
	       struct bytes kind, struct selector_scratch *scratch, struct plan **ret)
{
	scoped(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	struct gathering g = {.plan = plan, .registry = registry, .is_taskset = is_taskset};
	if (!plan)
		return SL_E_NO_MEMORY;
	int rc = selector_index_match(registry->stages, scratch, header, found, &g);
	if (!rc)
		rc = g.rc;
	if (!rc)
		rc = settle(&g);
	free(g.hit);
	if (rc)
		return rc;
	if (!is_taskset) {
		check_exclusive(plan, PLUGIN_TRANSLATOR);
		check_translator(plan, kind);
	}
	check_exclusive(plan, PLUGIN_BINDER);
	*ret = take_ptr(&plan);
	return 0;
}
