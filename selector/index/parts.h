/* An index as its two files see it: index.c makes them, lookup.c asks them. */
#pragma once

#include "selector/index/index.h"
#include "selector/index/pool.h"
#include "selector/index/segment.h"

enum { PARTS_MAX = 16 };

struct part {
	struct segment *segment;
	uint32_t live; /* of its selectors this index finds so many */
};

struct selector_index {
	atomic_size_t refs;
	struct selector_pool *pool; /* borrowed; whoever changes indexes holds it */
	struct pool_numbers top;    /* all numbers that occur are below these */
	uint64_t name_lengths;
	struct part part[PARTS_MAX];
	struct segment *gone[PARTS_MAX]; /* while it is made */
	uint32_t n, n_gone;
	size_t words;
	uint64_t alive[]; /* by a selector's number */
};

static inline bool index_lives(const struct selector_index *x, uint32_t number)
{
	return number / 64 < x->words && x->alive[number / 64] >> number % 64 & 1;
}
