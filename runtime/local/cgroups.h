/* Where this machine lets us make cgroups: looked up once, when the spawner starts.
 *
 * Version 1 has a tree for each controller, version 2 one tree for all, and hybrid
 * machines have both, with each controller in one of them; so what is found is a short
 * list of folders and which promises each can keep. A replica's group is made in all of
 * them. A machine without a writable cgroup gives an empty list, and `why` says so.
 *
 * Version 2 gives controllers only to groups below one without processes of its own:
 * where that one is ours (a service with Delegate=yes, a container, or a group that was
 * configured), its processes move into a group `gateway` beside the replicas'.
 *
 * Pure data afterwards; any thread. Errors are not failures: less is promised. */
#pragma once

#include "core/base/err.h"

enum cgroup_part {
	CGROUP_MEMORY = 1,
	CGROUP_CPU = 2,
	CGROUP_PIDS = 4,
	CGROUP_TREE = 8, /**< Everything in it can be ended at once. */
	CGROUP_ALL = 15,
};

enum { CGROUP_PLACES_MAX = 5, CGROUP_PATH_MAX = 384 };

struct cgroup_place {
	unsigned parts;
	bool v2;
	char path[CGROUP_PATH_MAX]; /**< The groups of replicas are made in it. */
};

struct cgroups {
	unsigned n;
	struct cgroup_place place[CGROUP_PLACES_MAX];
	char why[120]; /**< What kept us from having all parts; "" when nothing did. */
};

SL_BEGIN_DECLS

/** `root` stands before every path ("" but in tests). `under`: the group to work below, from
 * the top of the tree ("/sluice"); "" for the one this process is in. */
void cgroups_find(const char *root, const char *under, struct cgroups *ret);

/** Remove the places that hold no replica any more and that others make anew by themselves. */
void cgroups_leave(const struct cgroups *all);

unsigned cgroups_parts(const struct cgroups *all); /**< enum cgroup_part, or-ed. */
/** "memory, cpu, pids, whole groups" or "none"; returns `out`. */
const char *cgroups_say(unsigned parts, char out[64]);

SL_END_DECLS
