/* The six types of plugins, by their names and by the short ones of the command line.
 * Immutable. Layer 4. */
#pragma once

#include "core/base/base.h"

struct plugin_kind {
	const char *name;  /**< "AccessGate" */
	const char *alias; /**< "gate" */
	const char *path;  /**< Where the SDKs serve it: "/gate". */
};

SL_BEGIN_DECLS

extern const struct plugin_kind plugin_kinds[];
extern const size_t plugin_kind_count;

/** By either name; NULL when there is none. */
const struct plugin_kind *plugin_kind_find(const char *name);
/** Tell which there are; returns CTL_USAGE. */
int plugin_kind_unknown(const char *name);

SL_END_DECLS
