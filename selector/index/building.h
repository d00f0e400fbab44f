/* Building a segment: what its parts share. A segment's tables lie in its arena, what is needed
 * only meanwhile does not. Private to selector/index. Threads: one segment is built by one thread.
 * Errors: SL_E_NO_MEMORY, and then the segment is freed unfinished. */
#pragma once

#include "selector/index/segment.h"

#define SEGMENT_NEW(s, n, type) (type *)arena_alloc((s)->arena, ((n) ? (n) : 1) * sizeof(type))

SL_BEGIN_DECLS

/** At least twice `n`, a power of two, less one. */
uint32_t building_mask(size_t n);
/** Of `mask` + 1 numbers, each SEGMENT_NONE; to be freed. NULL: no memory. */
uint32_t *building_table(uint32_t mask);
/** Likewise, but the segment's. */
uint32_t *building_own_table(struct segment *s, uint32_t mask);

/** The literals of the anchors that are there, and the windows by which they are found. */
SL_MUST_USE int building_texts(struct segment *s);

SL_END_DECLS
