/* The process that looks after one replica attempt, from its start to its outcome.
 *
 * A fork of the spawner without exec, alone with its replica: it makes the run
 * directory and holds its lock, runs the init containers and then the first
 * container, copies their output into the log files, stops them when told to (SIGTERM
 * to itself), kills all they leave behind, writes the outcome, lets go of the lock, says so,
 * flushes the outcome and ends: its gateway writes it into its store anyway. It needs nobody:
 * neither the spawner nor the gateway has to live for that.
 *
 * What its gateway should know at once goes through the notice pipe; a notice that
 * nobody reads is lost without harm, since the run directory says the same. */
#pragma once

#include "runtime/local/cgroup.h"
#include "runtime/local/identity.h"
#include "runtime/local/rundir.h"

enum notice_kind {
	NOTICE_STARTED = 1, /**< `pid` runs since `ms`. */
	NOTICE_EXISTS,      /**< This attempt was started before; nothing was done. */
	NOTICE_FAILED,      /**< No run directory: nothing was run, `text` says why. */
	NOTICE_ENDED,       /**< All is over, the outcome is written. */
};

struct notice {
	int32_t kind, pid;
	int64_t ms;
	char text[160];
};

struct supervisor_config {
	const char *data_dir; /**< Absolute. */
	int data;             /**< The same, opened. */
	int64_t log_max;      /**< Bytes of one log file. */
	bool shield;          /**< Bar replicas from the data directory. */
	struct cgroups cgroups;
	struct identity user; /**< Of replicas. */
};

SL_BEGIN_DECLS

/** Does not return. `plan` is a memfd, `notice` the pipe's writing end; all other descriptors but
 * config->data are closed. All signals must be blocked. */
void supervisor_run(const struct supervisor_config *config, int plan, int notice)
	__attribute__((noreturn));
/** Likewise; plan and notice pipe come later, as two descriptors in one message on `sock`. Ends
 * when the other side does. */
void supervisor_wait(const struct supervisor_config *config, int sock) __attribute__((noreturn));

SL_END_DECLS
