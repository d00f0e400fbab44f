/* Kubernetes quantities: "1", "1000m", "64Mi", "1e3". Pure; any thread. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** The same amount (1000m = 1, 1Ki = 1024)? Exact. Texts that are no quantities, or have
 * more than 18 significant digits, are the same only if they are written alike. */
bool quantity_equal(struct bytes a, struct bytes b);

SL_END_DECLS
