/* From the supervisor to a running command: fork, make it bare, exec.
 *
 * What runs has its own session and process group, is in its cgroup, has the identity of
 * replicas, no descriptors but 0, 1, 2, default signals, no core files, no new privileges,
 * a clean environment, and dies with its supervisor. launch() comes back when exec has
 * succeeded or with the words why not. */
#pragma once

#include "runtime/local/identity.h"
#include "runtime/local/plan.h"

#include <sys/types.h>

struct launch {
	const struct plan *plan;
	const struct plan_container *container;
	const char *data_dir; /**< Absolute. */
	const char *work_dir; /**< Absolute: HOME, and the default directory. */
	bool shield;          /**< Bar it from the data directory (see shield.h). */
	const struct cgroups *cgroups;
	const struct identity *user;
	int out, err; /**< Become stdout and stderr; stay the caller's. */
};

SL_BEGIN_DECLS

/** 0 and the process; else the exit code the shell would use: 127 the command was not
 * found, 126 anything else, with the words in `message`. */
SL_MUST_USE int launch(const struct launch *launch, pid_t *ret_pid, char message[200]);

SL_END_DECLS
