/* Where two TaskSets differ: members by name, elements of keyed lists by their key as in
 * the increment rule, those of other lists by position.
 *
 * Layer 2, any thread. n log n. Recurses to the depth of the documents. */
#pragma once

#include "core/increment/increment.h"

/** Told of each difference: its RFC 6901 pointer and the value on either side, JSON_NONE
 * where there is none. An element is told where it stands in `b`, one that is gone where
 * it stood in `a`; keyed lists whose common elements change places are told whole.
 * Returns false to end. */
typedef bool (*diff_fn)(void *user, struct bytes pointer, json_at a, json_at b);

SL_BEGIN_DECLS

/** Without `rules` no list has keys. SL_E_NO_MEMORY, SL_E_TOO_BIG (of a pointer). */
SL_MUST_USE int diff_documents(const struct json *a, const struct json *b,
			       const struct increment_rules *rules, diff_fn each, void *user);

SL_END_DECLS
