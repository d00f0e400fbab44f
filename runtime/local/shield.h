/* Barring a process, and all it will start, from the data directory and from signalling
 * others (Landlock).
 *
 * Landlock can only allow: what lies beside the path to the data directory is allowed
 * entry by entry, and the job's work directory inside it. So entries that are made later
 * directly in a directory above the data directory are closed to the replica too: give
 * the data directory a parent of its own where that matters. Listing names stays free.
 *
 * Cgroups can be read and not written, so that root has no way out of its limits.
 *
 * Where the kernel can (6.12), it also keeps the signals of the replica inside: its
 * processes reach each other, not their supervisor, the gateway or other replicas.
 *
 * Called between fork and exec, after PR_SET_NO_NEW_PRIVS. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** Both absolute, without symbolic links, `work_dir` below `data_dir`. 0, also where the kernel has
 * no Landlock; -1 with errno. */
SL_MUST_USE int shield_enter(const char *data_dir, const char *work_dir);

SL_END_DECLS
