/* The six types of plugins, by their names and by the short ones of the command line.
 * Immutable. Layer 4. */
#pragma once

#include "core/base/base.h"

struct plugin_type {
	const char *name;  /**< "AccessGate" */
	const char *alias; /**< "gate" */
	const char *path;  /**< Where the SDKs serve it: "/gate". */
};

SL_BEGIN_DECLS

extern const struct plugin_type plugin_types[];
extern const size_t plugin_type_count;

/** By either name; NULL when there is none. */
const struct plugin_type *plugin_type_find(const char *name);
/** Tell which there are; returns CTL_USAGE. */
int plugin_type_unknown(const char *name);

SL_END_DECLS
