/* How a jobSelector fares against header information, condition by condition. */
#pragma once

#include "core/json/build.h"
#include "selector/selector.h"

/** {"matched": true, false or null, "conditions": [{name, key, expect, value, verdict}],
 * "error"?}: null where a limit was hit. */
struct json_object *selector_show(const struct selector *s, struct selector_scratch *scratch,
				  const struct json *header);
