/* Kubernetes quantities: "1", "1000m", "64Mi", "1e3". Pure; any thread. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** The same amount (1000m = 1, 1Ki = 1024)? Exact. Texts that are no quantities, or have
 * more than 18 significant digits, are the same only if they are written alike. */
bool quantity_equal(struct bytes a, struct bytes b);

/** The amount times ten to the `tens`, rounded up: "1500m" is 2 for 0 and 1500 for 3.
 * False: no quantity, below 0, or too much for the number. */
bool quantity_count(struct bytes text, unsigned tens, int64_t *ret);

SL_END_DECLS
