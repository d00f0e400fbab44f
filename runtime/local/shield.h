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
 * All but the work directory can be listed beforehand, which takes milliseconds where there are
 * many neighbours. What was listed holds until one of the folders changes or something is mounted;
 * then it is listed anew.
 *
 * shield_enter(): between fork and exec, after PR_SET_NO_NEW_PRIVS. One thread. */
#pragma once

#include "core/base/base.h"

#include <sys/stat.h>

enum { SHIELD_FOLDERS_MAX = 32 };

/** What is allowed but for the work directory; of one job. */
struct shield {
	int fd;     /**< Of the ruleset; -1: nothing was listed beforehand. */
	int mounts; /**< Tells of new mounts. */
	unsigned n;
	struct shield_folder {
		int fd;
		nlink_t links; /**< As it was before it was listed, like the next. */
		struct timespec changed;
	} folder[SHIELD_FOLDERS_MAX];
};

/** Nothing is listed yet. */
#define SHIELD_NONE ((struct shield){.fd = -1, .mounts = -1})

SL_BEGIN_DECLS

/** List beforehand, unless a folder changed just now, so that its time would not tell of the next
 * change. */
void shield_prepare(struct shield *shield, const char *data_dir);
/** Before each use: forget what was listed if it does not hold any more. */
void shield_check(struct shield *shield);
/** Both absolute, without symbolic links, `work_dir` below `data_dir`. 0, also where the kernel has
 * no Landlock; -1 with errno. */
SL_MUST_USE int shield_enter(const struct shield *shield, const char *data_dir,
			     const char *work_dir);

SL_END_DECLS
