/* Merging what several decorators added to one base (doc/protocol.md).
 *
 * Each part is an increment of the same base. Unchanged parts of the base are copied as
 * bytes. Where two add objects or keyed lists at one path they are merged member by
 * member; equal values agree; anything else is a conflict, and its words name both
 * plugins, the path and both values. With one part the result is the base with that
 * plugin's additions. The parts stand in `sequence` order; which answered first does
 * not matter.
 *
 * Pure; any thread. Everything is borrowed for the length of the call. */
#pragma once

#include "core/increment/increment.h"

struct merge_part {
	struct bytes plugin; /**< Its key, for messages. */
	const struct increment *increment;
};

/** Told of each path that was added (RFC 6901, in the merged document) and by which part;
 * more than once for a path where several agreed, and for a command that several
 * prefixed. A member or element that one part added is told whole, not what it holds. */
struct merge_provenance {
	void (*added)(void *user, struct bytes pointer, size_t part);
	void *user;
};

SL_BEGIN_DECLS

/** Append the merged document to `out`. `told` may be NULL. SL_E_CONFLICT with the words;
 * SL_E_TOO_BIG (the ceiling of `out`), SL_E_NO_MEMORY. On failure what was appended is
 * worth nothing. */
SL_MUST_USE int merge_increments(const struct json *base, const struct merge_part *part, size_t n,
				 struct buf *out, const struct merge_provenance *told,
				 struct sl_error *err);

SL_END_DECLS
