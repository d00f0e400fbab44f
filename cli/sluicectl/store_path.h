/* Where a store lies that a person names: a data directory, the directory of a store, a
 * backup in a folder, or one in a file.
 *
 * One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"
#include "store/store.h"

#include <limits.h>

/** The exit code of what cannot be read: damaged, foreign or newer (EX_DATAERR). */
enum { STORE_UNREADABLE = 65 };

struct store_path {
	char dir[PATH_MAX];  /**< The directory with data.mdb. */
	bool linked;         /**< `dir` was made for this: store_path_fini(). */
	char data[PATH_MAX]; /**< The data directory it is part of, or "". */
};

SL_BEGIN_DECLS

/** Find it. CTL_DONE, or an error (told). */
int store_path_find(const char *path, struct store_path *ret);
void store_path_fini(struct store_path *path); /**< Zeroed, or found. */
/** Open for reading. CTL_DONE, or an error (told). */
int store_path_open(const struct store_path *path, struct store **ret);

SL_END_DECLS
