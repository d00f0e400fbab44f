/* What the daemon gives up before it reads anything from outside, once the spawner runs:
 * gaining privileges by exec, and exec itself (seccomp: execve and execveat are answered
 * EPERM, in every form the processor knows). What must be started later is started by the
 * spawner. Main thread, before any other. */
#pragma once

#include "core/base/err.h"

SL_BEGIN_DECLS

/** SL_E_IO with words. A kernel without seccomp filters is no error: `*ret_filter` is false. */
SL_MUST_USE int confine(bool *ret_filter, struct sl_error *err);

SL_END_DECLS
