/* Read a whole small file into memory, with words for a person when it cannot be.
 *
 * Any thread. */
#pragma once

#include "core/base/buf.h"

enum file_privacy {
	FILE_ANY,    /**< Whoever may read it. */
	FILE_PRIVATE /**< Refused unless it is the caller's own and nobody else may touch it. */
};

SL_BEGIN_DECLS

/** Append the content of `path` ("-": standard input) to `to`, up to its ceiling.
 * SL_E_NOT_FOUND, SL_E_DENIED, SL_E_TOO_BIG, SL_E_IO, SL_E_NO_MEMORY. */
SL_MUST_USE int file_read(const char *path, enum file_privacy privacy, struct buf *to,
			  struct sl_error *err);

SL_END_DECLS
