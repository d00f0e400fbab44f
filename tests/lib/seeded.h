/* Random numbers that depend on a seed alone. seeded_crypt() also makes every random
 * number of core/base/crypt.h one of them, so that a run can be repeated. One thread. */
#pragma once

#include "core/base/base.h"

struct seeded {
	uint64_t state;
};

uint64_t seeded_next(struct seeded *s);
/** 0 .. limit - 1. */
static inline uint32_t seeded_below(struct seeded *s, uint32_t limit)
{
	return limit ? (uint32_t)(seeded_next(s) >> 11) % limit : 0;
}
/** True in `percent` of 100 cases. */
static inline bool seeded_chance(struct seeded *s, uint32_t percent)
{
	return seeded_below(s, 100) < percent;
}

/** Before crypt_start(); then seed as often as wanted. */
void seeded_crypt_install(void);
void seeded_crypt_seed(uint64_t seed);
