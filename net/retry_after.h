/* Retry-After (RFC 9110, 10.2.3): a number of seconds, or a date.
 *
 * Layer 1, pure. Times in milliseconds. */
#pragma once

#include "core/base/base.h"

enum { RETRY_AFTER_MAX_S = 366 * 86400 };

SL_BEGIN_DECLS

/** How long to wait from `now_ms` (wall time) on: 0 for a date that is over, at most
 * RETRY_AFTER_MAX_S; -1: it is neither of the two. White space around it does not matter. */
int64_t retry_after_read(struct bytes value, int64_t now_ms);

SL_END_DECLS
