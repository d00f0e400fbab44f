/* What a job leaves in its work directory, for reading: `open_artifact` of the port.
 *
 * The directory is the replicas' own, and they may be at work in it: beneath.h.
 *
 * Any thread. */
#pragma once

#include "core/base/err.h"
#include "core/base/id.h"

SL_BEGIN_DECLS

/** `data` is a descriptor of the data directory. SL_E_NOT_FOUND also when the job has no work
 * directory; SL_E_CONFLICT for links, devices and the like, and what we may not read. */
SL_MUST_USE int artifacts_open(int data, struct uuid job, const char *path, int *ret_fd,
			       struct sl_error *err);

SL_END_DECLS
