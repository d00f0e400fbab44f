/* Which plugins a job meets, stage by stage, in their order: frozen when admission
 * begins (or goes on) from one generation of the registry.
 *
 * The plan borrows plugins from the registry, whose reference its owner holds. What is
 * wrong with a stage (no translator, two binders, a selector that cannot be evaluated)
 * is kept with that stage and counts when the job gets there. Layer 2, pure. */
#pragma once

#include "core/registry.h"

struct plan_stage {
	uint32_t first, n;        /**< Range of `plugin`. */
	const char *fault;        /**< A reason code when the stage cannot be run, or NULL. */
	const char *fault_plugin; /**< The plugin it is about, or "". */
	char words[400];
};

struct plan {
	struct plan_stage stage[PLUGIN_STAGES];
	const struct plugin **plugin;
	uint32_t n;
};

SL_BEGIN_DECLS

/** `header` is the job's header information; `is_taskset`: it needs no translator.
 * `kind` is for the words. */
SL_MUST_USE int plan_build(const struct registry_ref *registry, const struct json *header,
			   bool is_taskset, struct bytes kind, struct selector_scratch *scratch,
			   struct plan **ret);
struct plan *plan_free(struct plan *p);

SL_DEFINE_SCOPED(struct plan, plan_free)

SL_END_DECLS
