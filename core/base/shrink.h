/* Texts made shorter for the disk, and back again, byte for byte.
 *
 * A text may be shrunk against another one that is at hand when it is read: what both have
 * in common then costs next to nothing. LZ4, which is fast rather than thorough
 * (doc/adr/0017-shrunk-documents.md). Making back is safe with any bytes and writes no more
 * than it was told to; it does not notice every byte that was changed.
 *
 * Layer 0, pure: any thread. */
#pragma once

#include "core/base/buf.h"

enum {
	SHRINK_LIKE_MAX = 60 << 10, /**< Against longer texts nothing is shrunk. */
	SHRINK_TEXT_MAX = 64 << 20, /**< Longer ones are not shrunk. */
};

SL_BEGIN_DECLS

/** Append what `text` becomes, against `like` (empty: by itself). SL_E_TOO_BIG: an eighth of it
 * would not be saved; SL_E_NO_MEMORY; nothing is appended then. */
SL_MUST_USE int shrink(struct bytes text, struct bytes like, struct buf *to);

/** Write the `len` bytes that were shrunk to `to`. SL_E_CORRUPT: they are not these. */
SL_MUST_USE int shrink_back(struct bytes packed, struct bytes like, void *to, size_t len);

/** Could so few bytes have been `len` ones? To be asked before memory is taken for them. */
bool shrink_could_be(size_t packed, size_t len);

SL_END_DECLS
