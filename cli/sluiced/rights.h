/* What `engines.local.allow` says, in the engine's terms. Owned by the caller; the paths
 * are borrowed from the configuration. */
#pragma once

#include "cli/config.h"

struct rights {
	unsigned allow;    /**< enum local_right, or-ed. */
	const char **path; /**< NULL-ended roots of hostPath. */
};

SL_BEGIN_DECLS

SL_MUST_USE int rights_init(struct rights *rights, const struct config *config);
void rights_fini(struct rights *rights);

static inline void rights_finip(struct rights *rights) { rights_fini(rights); }

SL_END_DECLS
