/* A pod's volumes as directories that its containers find in the environment: volume
 * `my-data` is SLUICE_VOLUME_MY_DATA. Nothing is mounted.
 *
 * hostPath is that path itself. emptyDir is a new directory of this replica attempt
 * below the job's work directory, removed with the replica's end. */
#pragma once

#include "runtime/local/identity.h"
#include "runtime/local/plan.h"

SL_BEGIN_DECLS

/** "SLUICE_VOLUME_NAME=directory", to be freed; NULL: out of memory. `path` as in the plan. */
char *volume_variable(const struct plan *plan, const char *name, const char *path,
		      const char *work_dir);

/** Make the directories of the emptyDir volumes, for that user. 0 or -1 with errno. */
SL_MUST_USE int volume_make_all(const struct plan *plan, const char *work_dir,
				const struct identity *user);
void volume_remove_all(const struct plan *plan, const char *work_dir);

SL_END_DECLS
