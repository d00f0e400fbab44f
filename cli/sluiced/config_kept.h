/* The configuration that a gateway was last given, kept in its store (META "config") as the
 * audit log shows it: what differs at the next start is told there.
 *
 * Main thread; both sleep until it is on disk. */
#pragma once

#include "cli/config.h"
#include "core/audit.h"

SL_BEGIN_DECLS

/** At a start: an entry config.changed when there was another one before. */
SL_MUST_USE int config_kept_start(struct writer *writer, const struct config *config);
/** After a reload, with the entry that tells of it. */
SL_MUST_USE int config_kept_reload(struct writer *writer, const struct config *config,
				   const struct audit_entry *entry);

SL_END_DECLS
