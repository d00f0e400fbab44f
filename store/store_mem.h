/* What tests and the simulation may do to a store in memory, besides using it.
 *
 * The memory store behaves like the durable one and is stricter where that finds
 * mistakes: what a writing transaction lends is a copy that is freed at its next put or
 * delete, so a sanitizer sees whoever keeps it. Any thread, unless said otherwise. */
#pragma once

#include "store/store.h"

enum store_mem_call {
	STORE_MEM_BEGIN,
	STORE_MEM_READ,  /**< Get, and each step of a cursor. */
	STORE_MEM_WRITE, /**< Put and delete. */
	STORE_MEM_COMMIT,
	STORE_MEM_CALLS
};

SL_BEGIN_DECLS

/** Let the `nth` such call from now (0: the next) fail once with `code`; 0 takes the
 * order back. One order per kind of call. */
void store_mem_fail(struct store *store, enum store_mem_call call, unsigned nth, int code);
/** Whether an order has not come up yet: then no further `nth` can matter. */
bool store_mem_fail_waits(struct store *store, enum store_mem_call call);

/** Ceiling of keys and values together (no ceiling at first): a commit that grows the
 * store past it fails with SL_E_FULL. */
void store_mem_limit(struct store *store, size_t size_max);

/** A power cut: a new store that holds what `old` has committed and nothing else. `old`
 * lives on, cut off, until whoever uses it has ended; what it still commits is lost. */
SL_MUST_USE int store_mem_reopen(struct store *old, struct store **ret);

SL_END_DECLS
