/* Opening what lies below a folder, and nothing else: not by "..", not by a link of any
 * kind on the way or at its end, not by what is moved meanwhile.
 *
 * The folder's owner may be hostile and at work in it. Nothing but files and folders is
 * opened; a pipe, a socket or a device is not even touched.
 *
 * Any thread; may wait for the disk. */
#pragma once

#include "core/base/err.h"

#include <sys/stat.h>

SL_BEGIN_DECLS

/** Open the file or folder `path` (relative, "" or "." for `dir` itself) for reading. The
 * descriptor, or -1 with errno: ENOENT; ELOOP for a link; EXDEV for what lies outside or
 * on another mount; ENOTSUP for what is neither file nor folder, or a file of somebody
 * else that was linked in. */
int beneath_open(int dir, const char *path, struct stat *ret);

/** Likewise without openat2(), which old kernels and some sandboxes lack: step by step. */
int beneath_walk(int dir, const char *path, struct stat *ret);

SL_END_DECLS
