/* The files of new plugin projects: templates and SDKs, put into the program when it is
 * built (plugins-sdk/templates/embed.py). Immutable. Layer 4. */
#pragma once

#include "core/base/base.h"

struct plugin_file {
	const char *language; /**< "go"; NULL: for all. */
	const char *type;     /**< "AccessGate"; NULL: for all. */
	const char *path;     /**< In the project; with placeholders. */
	const unsigned char *text;
	size_t len;
	bool is_template; /**< Placeholders in the text are filled in. */
};

SL_BEGIN_DECLS

extern const struct plugin_file plugin_files[];
extern const size_t plugin_file_count;

SL_END_DECLS
