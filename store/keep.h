/* A copy of a store's data file beside it, made before it is moved to another format.
 *
 * A folder `PATH.format-N` with data.mdb in it, which any sluiced of that format can use; it
 * has its name when it is whole and on disk. Nobody may write to the store meanwhile.
 * Private to store/. */
#pragma once

#include "store/dir.h"

#include <limits.h>

SL_BEGIN_DECLS

/** `ret` gets its path. SL_E_FULL: no room on the disk; SL_E_IO; with words. */
SL_MUST_USE int keep_copy(const struct dir *dir, long format, char ret[PATH_MAX],
			  struct sl_error *err);

SL_END_DECLS
