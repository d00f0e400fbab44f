/* Who a process runs as: looked up by name once, taken on for good.
 *
 * An identity with `given` false means the one who started us: taking it on changes
 * nothing. The lookup may load modules of the name service and must be done while the
 * program is allowed to do such things, and has one thread; the rest is safe between
 * fork and exec. */
#pragma once

#include "core/base/err.h"

#include <sys/types.h>

enum { IDENTITY_GROUPS_MAX = 128 };

struct identity {
	bool given;
	uid_t uid;
	gid_t gid;
	int groups;
	gid_t group[IDENTITY_GROUPS_MAX];
};

SL_BEGIN_DECLS

/** `name` "" gives the one who started us. SL_E_INVALID with words: no such user, or we may
 * not become that one. */
SL_MUST_USE int identity_find(const char *name, struct identity *ret, struct sl_error *err);

/** Can this be one? For what came from another process. */
bool identity_ok(const struct identity *who);

/** Is it another user than the one this process runs as? */
bool identity_other(const struct identity *who);

/** Become it, with its groups and no capabilities. 0 or -1 with errno. */
SL_MUST_USE int identity_become(const struct identity *who);

/** Become it, and keep what is needed to start processes of other users, end them, and make
 * cgroups and their folders: the spawner. 0 or -1 with errno. */
SL_MUST_USE int identity_become_spawner(const struct identity *who);

SL_END_DECLS
