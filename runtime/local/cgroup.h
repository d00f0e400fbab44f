/* The cgroup of one replica attempt: made before its first process, which joins it
 * before exec, limited for each container, ended as a whole, removed.
 *
 * It is named after the job and the attempt, in every place of `struct cgroups`. A note
 * in the run directory names those places, so that a later gateway, which may live in
 * another group, can end and remove what an earlier one made.
 *
 * Where a part is missing, its functions do nothing and succeed. Supervisor, and the
 * spawner when it sweeps; one thread. */
#pragma once

#include "core/engine_port.h"
#include "runtime/local/cgroups.h"

#include <sys/types.h>

struct limits {
	int64_t memory; /**< Bytes; 0: none, as in the others. */
	int64_t cpu_milli, pids;
	int64_t file; /**< Bytes of one file. */
};

enum { PIDS_USUAL_MAX = 4096 }; /**< Where a container does not say. */

/** What a group has met since it was made. */
struct cgroup_events {
	uint64_t oom_kills, pids_refused;
};

SL_BEGIN_DECLS

/** Make it; 0 or -1 with errno, then nothing is left of it. */
SL_MUST_USE int cgroup_make(const struct cgroups *all, const struct replica_name *name);
/** Limits in force from now on; 0 or -1 with errno. */
SL_MUST_USE int cgroup_limit(const struct cgroups *all, const struct replica_name *name,
			     const struct limits *limits);
/** Fork a child that is born in the version 2 part of it, where there is one and the kernel
 * can do that (`*ret_born`), else plainly. As fork(), of a process with one thread. */
pid_t cgroup_fork(const struct cgroups *all, const struct replica_name *name, bool *ret_born);
/** The calling process, which has one thread, goes into it; into version 2 only unless it
 * was `born` there. 0 or -1 with errno. Safe between fork and exec. */
SL_MUST_USE int cgroup_join(const struct cgroups *all, const struct replica_name *name, bool born);
/** Kill all that is in it, again and again until nothing is. Waits, for a bounded time. */
void cgroup_kill(const struct cgroups *all, const struct replica_name *name);
void cgroup_events(const struct cgroups *all, const struct replica_name *name,
		   struct cgroup_events *ret);
/** When it is empty. */
void cgroup_remove(const struct cgroups *all, const struct replica_name *name);

/** The note in the run directory. 0 or SL_E_IO. */
SL_MUST_USE int cgroup_note_write(int dir, const struct cgroups *all);
/** No note, or a damaged one: an empty list. */
void cgroup_note_read(int dir, struct cgroups *ret);

SL_END_DECLS
