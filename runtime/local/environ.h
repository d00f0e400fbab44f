/* The environment of a replica, made from nothing: PATH, HOME, LANG and TZ, the
 * container's own, what the gateway says about the replica and its volumes, and last what the core
 * gives. A later one of a name replaces an earlier one. */
#pragma once

#include "runtime/local/plan.h"

SL_BEGIN_DECLS

/** For exec; HOME is the work directory; allocated for good (the caller execs or exits). NULL: out
 * of memory. */
char **environ_build(const struct plan *plan, const struct plan_container *container,
		     const char *work_dir);

SL_END_DECLS
