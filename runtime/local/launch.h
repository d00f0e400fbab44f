/* From the supervisor to a running command: fork, make it bare, exec.
 *
 * What runs has its own session and process group, is in its cgroup, has the identity of
 * replicas, no descriptors but 0, 1, 2, default signals, no core files, no new privileges,
 * a clean environment, and dies with its supervisor.
 *
 * In two steps, since the first one takes a while: launch_prepare() comes back at once, while
 * a child makes itself ready for exec and then waits; launch_go() lets it go on, and comes
 * back when exec has succeeded or with the words why not. A child that was never let go runs
 * nothing. */
#pragma once

#include "runtime/local/identity.h"
#include "runtime/local/plan.h"
#include "runtime/local/shield.h"

#include <sys/types.h>

struct launch {
	const struct plan *plan;
	const struct plan_container *container;
	const char *data_dir; /**< Absolute. */
	const char *work_dir; /**< Absolute: HOME, and the default directory. */
	/** Bar it from the data directory (see shield.h); or NULL. Checked. */
	const struct shield *shield;
	const struct cgroups *cgroups;
	const struct identity *user;
	int out, err; /**< Become stdout and stderr; stay the caller's. */
};

/** A child that is not let go yet. */
struct launched {
	pid_t pid;
	int link;  /**< To it and from it. */
	bool born; /**< In its cgroup of version 2: it says so first. */
};

SL_BEGIN_DECLS

/** 0; else the exit code the shell would use, 126, with the words in `message`. */
SL_MUST_USE int launch_prepare(const struct launch *launch, struct launched *ret,
			       char message[200]);
/** 0 and the process; else 127 when the command was not found, 126 for anything else, with
 * the words in `message`. `child` is over then. */
SL_MUST_USE int launch_go(const struct launch *launch, struct launched *child, pid_t *ret_pid,
			  char message[200]);
/** Instead of launch_go(): end it. */
void launch_drop(struct launched *child);

SL_END_DECLS
