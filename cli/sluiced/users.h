/* Who does what: the user the daemon becomes (`run.user`), and the one replicas run as
 * (`engines.local.user`). Empty means the one who started sluiced.
 *
 * Single-user mode: replicas run as the daemon's own user, or as root, so whoever may
 * submit can act as the gateway. Main thread, before any other. */
#pragma once

#include "cli/config.h"
#include "runtime/local/identity.h"

struct users {
	struct identity daemon, replicas;
	bool single; /**< Single-user mode. */
};

SL_BEGIN_DECLS

/** SL_E_INVALID with words: no such user, or a combination that is not safe. */
SL_MUST_USE int users_find(const struct config *config, struct users *ret, struct sl_error *err);

/** Become the daemon's user, for good, after the spawner was started. SL_E_INVALID when the
 * data directory is not its own, SL_E_IO. */
SL_MUST_USE int users_drop(const struct users *users, const struct config *config,
			   struct sl_error *err);

/** Append a line for each file that is read again on SIGHUP and that the daemon's user could
 * not read: the configuration at `path` (NULL: none) and all that it names. */
void users_unreadable(const struct users *users, const struct config *config, const char *path,
		      struct buf *to);

SL_END_DECLS
