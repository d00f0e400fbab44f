/* What the selectors of one registry have in common: each key and each condition once,
 * with a small number by which memory can be laid out.
 *
 * Equal conditions of different selectors (same key, same kind, same text and flags) get
 * the same number and share one compiled pattern. A selector that has joined gets a number
 * of its own. Numbers are given again when the last who held them is gone.
 *
 * The pool lives until its owner and all selectors that joined are gone. Any thread; a lock
 * inside is held shortly. */
#pragma once

#include "selector/selector.h"

struct shared; /* a key or a condition of the pool */

/** Every number given until now is below these. */
struct pool_numbers {
	uint32_t keys, conditions, selectors;
};

SL_BEGIN_DECLS

struct pool_numbers pool_numbers(struct selector_pool *pool);
/** Called by selector_free(). */
void pool_leave(struct selector_pool *pool, struct selector *s);

SL_END_DECLS
