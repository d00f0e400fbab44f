/* The run directory of one replica attempt: run/JOB/ROLE-INDEX-ATTEMPT below the data
 * directory. That it exists says that the attempt was started, once and for all; that
 * its lock is held says that its supervisor lives; a note in it says how it ended.
 *
 * It appears under its name with the lock already held, so nobody ever sees it without
 * one. The lock is a POSIX record lock: the kernel says which process holds it, no child
 * inherits it, it goes with the process, and a process id used again cannot hold it.
 * (So a holder must open the lock file only once: any close of it would let go.)
 *
 * `data` is a descriptor of the data directory. Any thread. */
#pragma once

#include "core/engine_port.h"

enum { RUNDIR_PATH_SIZE = 96 };

struct rundir {
	int dir, lock;
	int job, run; /**< The folders above, until they are flushed; or -1. */
};

SL_BEGIN_DECLS

/** Relative to the data directory: "run/0190.../2-0-1". Returns `out`. */
const char *rundir_path(const struct replica_name *name, char out[RUNDIR_PATH_SIZE]);
/** The last part of it, "2-0-1", which is also SLUICE_ATTEMPT of the replica. */
const char *rundir_attempt(const struct replica_name *name, char out[RUNDIR_PATH_SIZE]);

/** Make it, locked by this process, with room for the outcome; the name is not on disk before
 * rundir_flush(). SL_E_CONFLICT: it exists; SL_E_IO with words. */
SL_MUST_USE int rundir_create(int data, const struct replica_name *name, struct rundir *ret,
			      struct sl_error *err);

/** Make its name durable, once, and close the folders above. 0 or SL_E_IO (errno is set). */
SL_MUST_USE int rundir_flush(struct rundir *run);
int rundir_open(int data, const struct replica_name *name); /**< A descriptor or -1. */

/** The process that holds the lock, as its id and a new pidfd; 0 when nobody does; else
 * a negative code. */
SL_MUST_USE int rundir_holder(int dir, int *ret_pidfd);

bool rundir_same_boot(int dir); /**< Was it made since this machine was booted? */

/** Remove up to `max` attempts of a job that nobody holds. True: there may be more. */
bool rundir_forget_some(int data, struct uuid job, unsigned max);

SL_END_DECLS
