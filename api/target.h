/* The request target as it was sent: what a path may look like, its segments, its
 * query. Nothing is normalised: a path that only becomes one of ours by decoding
 * slashes or folding dots is not found. */
#pragma once

#include "core/base/err.h"

enum { TARGET_SEGMENTS_MAX = 32 };

struct target {
	struct bytes segment[TARGET_SEGMENTS_MAX]; /**< Raw, without slashes. */
	size_t segments;
};

SL_BEGIN_DECLS

/** Cut a path into segments; one trailing slash is dropped. SL_E_NOT_FOUND for an empty
 * segment, "." or "..", an encoded slash or NUL, a broken escape, a byte that must not
 * stand in a path. The segments are borrowed from `path`. */
SL_MUST_USE int target_read(struct bytes path, struct target *ret);

/** Percent-decode to UTF-8 (`plus`: '+' is a space); `to` has room for from.len bytes.
 * SL_E_INVALID for a broken escape, a NUL or what is no UTF-8. */
SL_MUST_USE int target_decode(struct bytes from, bool plus, char *to, size_t *ret_len);

/** Take the next "key=value" off `*rest`; false at the end. Still encoded. */
bool target_next_pair(struct bytes *rest, struct bytes *key, struct bytes *value);

SL_END_DECLS
