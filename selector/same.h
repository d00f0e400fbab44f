/* Are two short texts the same? Without a call, as it is asked many times for each job. */
#pragma once

#include "core/base/base.h"

static inline bool same_8(const char *a, const char *b)
{
	uint64_t x, y;
	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x == y;
}

static inline bool same_4(const char *a, const char *b)
{
	uint32_t x, y;
	memcpy(&x, a, 4);
	memcpy(&y, b, 4);
	return x == y;
}

/** As bytes_eq(). Two pieces that may overlap cover all up to twice their length. */
static inline bool same_text(struct bytes a, struct bytes b)
{
	const char *x = (const char *)a.at, *y = (const char *)b.at;
	size_t n = a.len;
	if (n != b.len)
		return false;
	if (n < 4 || n > 16)
		return bytes_eq(a, b);
	if (n < 8)
		return same_4(x, y) && same_4(x + n - 4, y + n - 4);
	return same_8(x, y) && same_8(x + n - 8, y + n - 8);
}
