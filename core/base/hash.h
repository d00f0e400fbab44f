/* Hashes of short texts, for tables in memory. Nothing stored or sent depends on them. */
#pragma once

#include "core/base/base.h"

static inline uint64_t hash_mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static inline uint64_t hash_bytes(struct bytes text, uint64_t seed)
{
	const char *at = (const char *)text.at;
	size_t n = text.len;
	uint64_t h = seed ^ (n * UINT64_C(0xff51afd7ed558ccd));
	for (; n >= 8; n -= 8, at += 8) {
		uint64_t w;
		memcpy(&w, at, 8);
		h = (h ^ w) * UINT64_C(0xc4ceb9fe1a85ec53);
		h ^= h >> 33;
	}
	uint64_t tail = 0;
	if (n >= 4) { /* two pieces that may overlap */
		uint32_t a, b;
		memcpy(&a, at, 4);
		memcpy(&b, at + n - 4, 4);
		tail = (uint64_t)a << 32 | b;
	} else if (n) {
		tail = (uint64_t)(uint8_t)at[0] << 16 | (uint64_t)(uint8_t)at[n / 2] << 8 |
		       (uint8_t)at[n - 1];
	}
	h = (h ^ tail) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash_mix(h);
}
