/* Removing what the engine keeps of jobs: logs/JOB, work/JOB, run/JOB, on a thread of its
 * own, as a work directory may hold any number of files.
 *
 * No link is followed and no depth is too great: folders deeper than some levels are first
 * moved up. What cannot be removed stays, and is told.
 *
 * Threads: remover_*() by any; `over` is called on the remover's. */
#pragma once

#include "core/base/id.h"

struct remover;

/** `why` is "" when nothing of the job is left. */
typedef void (*remover_over_fn)(void *user, struct uuid job, const char *why);

SL_BEGIN_DECLS

/** `data` is a descriptor of the data directory, borrowed. */
SL_MUST_USE int remover_create(int data, remover_over_fn over, void *user, struct remover **ret);
/** Ends after the file it is at; what is left is not told. NULL is fine; returns NULL. */
struct remover *remover_free(struct remover *r);
/** SL_E_NO_MEMORY, or 0: `over` will be called. */
SL_MUST_USE int remover_order(struct remover *r, struct uuid job);

/** Remove the tree `name` below `at`, if it is there. 0 or -1 with errno; `*stop` ends it
 * early (NULL: never). */
SL_MUST_USE int remove_tree(int at, const char *name, const bool *stop);

SL_END_DECLS
