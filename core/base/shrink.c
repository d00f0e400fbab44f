#include "core/base/shrink.h"

#include <lz4.h>

enum { LEAST_SAVED = 8 /* a part of so many */, RATIO_MAX = 255, SMALLEST = 64 };

/* Both ways alike. */
static struct bytes usable(struct bytes like)
{
	return like.len > SHRINK_LIKE_MAX ? bytes_of("", 0) : like;
}

int shrink(struct bytes text, struct bytes like, struct buf *to)
{
	size_t most = text.len - text.len / LEAST_SAVED - 1;
	if (text.len < SMALLEST || text.len > SHRINK_TEXT_MAX)
		return SL_E_TOO_BIG;
	LZ4_stream_t state; /* 16 KiB, which LZ4 itself puts on the stack, too */
	void *at = buf_room(to, most);
	if (!at)
		return SL_E_NO_MEMORY;
	LZ4_initStream(&state, sizeof(state));
	like = usable(like);
	if (like.len)
		LZ4_loadDict(&state, like.at, (int)like.len);
	int n = LZ4_compress_fast_continue(&state, text.at, at, (int)text.len, (int)most, 1);
	to->len += (size_t)n;
	return n ? 0 : SL_E_TOO_BIG;
}

int shrink_back(struct bytes packed, struct bytes like, void *to, size_t len)
{
	if (packed.len > SHRINK_TEXT_MAX || len > SHRINK_TEXT_MAX)
		return SL_E_CORRUPT;
	like = usable(like);
	int n = LZ4_decompress_safe_usingDict(packed.at, to, (int)packed.len, (int)len, like.at,
					      (int)like.len);
	return n >= 0 && (size_t)n == len ? 0 : SL_E_CORRUPT;
}

bool shrink_could_be(size_t packed, size_t len)
{
	return len <= SHRINK_TEXT_MAX && len / RATIO_MAX <= packed;
}
