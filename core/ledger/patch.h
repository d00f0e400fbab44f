/* An earlier document out of a later one: which stretches of the later text it is made
 * of, and what is not to be found there.
 *
 * Stages only add to a TaskSet, so the earlier text is, but for a few bytes, the later
 * one with stretches left out. A patch holds those stretches; applied to the same later
 * text it gives the earlier one back byte for byte, whatever the two look like. How small
 * it is depends on how alike they are, and is at most a little more than the earlier text.
 *
 * Stored: u32 offset, u32 length, u32 length of new bytes, the new bytes; and so on.
 * Layer 2, pure: any thread. Recurses to the depth of the documents. */
#pragma once

#include "core/json/index.h"

SL_BEGIN_DECLS

/** Append the patch that makes `earlier` out of `later`; both whole documents. SL_E_TOO_BIG,
 * SL_E_NO_MEMORY (of `to`). */
SL_MUST_USE int patch_make(const struct json *later, const struct json *earlier, struct buf *to);

/** Append the earlier text. SL_E_CORRUPT: this is no patch for `later`. */
SL_MUST_USE int patch_apply(struct bytes patch, struct bytes later, struct buf *to);

SL_END_DECLS
