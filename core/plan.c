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

/* A selector that could not be evaluated fails the stage, unless the plugin's answer
 * would not count anyway; a gate is never passed over for it. */
static void selector_fault(struct plan_stage *stage, const struct plugin *plugin,
			   const struct sl_error *err)
{
	if (stage->fault || (plugin->policy == FAILURE_IGNORE && plugin->type != PLUGIN_GATE))
		return;
	stage->fault = "selector_error";
	stage->fault_plugin = plugin->key;
	snprintf(stage->words, sizeof(stage->words),
		 "the jobSelector of %s could not be evaluated: %s", plugin->key, err->text);
}

static void match_stage(struct plan *plan, enum plugin_type type,
			const struct registry_ref *registry, const struct json *header,
			struct selector_scratch *scratch)
{
	struct plan_stage *stage = &plan->stage[type];
	stage->first = plan->n;
	for (size_t i = 0; i < registry->count[type]; i++) {
		const struct plugin *plugin = registry->ordered[type][i];
		struct sl_error err = {0};
		if (!plugin->feature->enabled)
			continue;
		switch (selector_match(plugin->selector, scratch, header, &err)) {
		case VERDICT_TRUE:
			plan->plugin[plan->n++] = plugin;
			break;
		case VERDICT_UNKNOWN:
			selector_fault(stage, plugin, &err);
			break;
		case VERDICT_FALSE:
			break;
		}
	}
	stage->n = plan->n - stage->first;
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
	size_t most = 0;
	for (int type = 0; type < PLUGIN_STAGES; type++)
		most += registry->count[type];
	scoped(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	if (!plan || !(plan->plugin = calloc(most ? most : 1, sizeof(plan->plugin[0]))))
		return SL_E_NO_MEMORY;
	for (int type = is_taskset ? PLUGIN_FACTOR : PLUGIN_TRANSLATOR; type < PLUGIN_STAGES;
	     type++)
		match_stage(plan, (enum plugin_type)type, registry, header, scratch);
	if (!is_taskset) {
		check_exclusive(plan, PLUGIN_TRANSLATOR);
		check_translator(plan, kind);
	}
	check_exclusive(plan, PLUGIN_BINDER);
	*ret = take_ptr(&plan);
	return 0;
}
