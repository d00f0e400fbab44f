/* Where two documents differ: members by name, elements by position. Layer 0, any thread.
 * Recurses to the depth of the documents. */
#pragma once

#include "core/json/index.h"

/** Told of each difference: its RFC 6901 pointer and the value on either side, JSON_NONE
 * where there is none. Returns false to end. */
typedef bool (*json_diff_fn)(void *user, struct bytes pointer, json_at a, json_at b);

SL_BEGIN_DECLS

/** SL_E_NO_MEMORY, SL_E_TOO_BIG (of a pointer). */
SL_MUST_USE int json_diff(const struct json *a, const struct json *b, json_diff_fn each,
			  void *user);

SL_END_DECLS
