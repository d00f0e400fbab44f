/* Ending processes that do not want to end, without a cgroup.
 *
 * A supervisor is a subreaper: whatever its replica leaves behind, however detached,
 * becomes its child sooner or later. Children are found in /proc and killed until the
 * kernel says that none is left; a child's id cannot be used again before it is reaped,
 * so nothing else can be hit.
 *
 * When the supervisor itself was killed, its replica's processes are known by the
 * variables they were started with, and by their session. */
#pragma once

#include "core/engine_port.h"

#include <sys/types.h>

SL_BEGIN_DECLS

/** Kill and reap all children of this process and what is below them. Waits. */
void hunt_children(void);

/** Kill what still bears the marks of this attempt or, unless 0, is of this session, and wait
 * for it to be gone; of one user only, unless `only` is NULL. Gives up after a bounded number
 * of rounds. */
void hunt_marked(const struct replica_name *name, int32_t session, const uid_t *only);

/** The marks: "SLUICE_JOB_ID=..." and "SLUICE_ATTEMPT=...". */
void hunt_marks(const struct replica_name *name, char job[64], char attempt[64]);

SL_END_DECLS
