/* Can this engine ever run a TaskSet? Looks for what it cannot do (images, missing
 * commands, more slots than there are) and for what it must not (privileges, host
 * paths), and names the place and the way out. Any thread. */
#pragma once

#include "runtime/local/local.h"

SL_BEGIN_DECLS

SL_MUST_USE int check_taskset(const struct local_config *config, struct bytes taskset,
			      struct sl_error *err);

SL_END_DECLS
