/* The directory of a durable store, and the lock that keeps a second process out.
 *
 * The lock is flock() on a file of its own, taken before anything in the directory is
 * written; it holds the owner's pid in words for whoever is turned away, ends with the
 * process, and the file stays. Private to store/. */
#pragma once

#include "core/base/err.h"

/** The file with the data, named by LMDB. */
#define DIR_DATA_FILE "data.mdb"
#define DIR_LOCK_FILE "sluice.lock"

struct dir {
	const char *path; /**< Borrowed. */
	int fd;
	int lock_fd; /**< -1: not locked. */
};

SL_BEGIN_DECLS

/** Open the directory; `create` it and its last part (0700) when absent. */
SL_MUST_USE int dir_open(const char *path, bool create, struct dir *ret, struct sl_error *err);
void dir_close(struct dir *dir); /**< And unlock. */

bool dir_has(const struct dir *dir, const char *name);
/** May nobody but this process's user, and root, write to it and to the data file, which is
 * no link? SL_E_DENIED says how to make it so. root itself may use anybody's. */
SL_MUST_USE int dir_check_own(const struct dir *dir, struct sl_error *err);
/** Take the lock; SL_E_CONFLICT names the process that has it. */
SL_MUST_USE int dir_lock(struct dir *dir, struct sl_error *err);
/** For reading only: shared, and nothing is created when there is no lock file. */
SL_MUST_USE int dir_lock_shared(struct dir *dir, struct sl_error *err);

/** Whether nothing is there besides what a store leaves before its first commit. */
SL_MUST_USE int dir_check_empty(const struct dir *dir, struct sl_error *err);
/** Make the data file empty; it has to hold nothing. */
SL_MUST_USE int dir_empty_data(const struct dir *dir, struct sl_error *err);
/** Make the names in it, and its own in its parent, survive a power cut. */
SL_MUST_USE int dir_sync(const struct dir *dir, struct sl_error *err);

SL_END_DECLS
