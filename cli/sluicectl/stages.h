/* An admission, real or dry, as a person reads it: its summary, then stage by stage the
 * plugins, how long each took, what it said, and below it what it added. One thread. */
#pragma once

#include "cli/sluicectl/output.h"

SL_BEGIN_DECLS

/** Print `summary`, `stages` and `provenance` of a payload; an enum ctl_exit. */
int stages_print(struct ctl *ctl, const struct json *json, json_at payload);
/** Print an array as a table; nothing for one that is absent or empty. */
int stages_list(struct ctl *ctl, const struct json *json, json_at list, const struct column *column,
		size_t columns);

SL_END_DECLS
