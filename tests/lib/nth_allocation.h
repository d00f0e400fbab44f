/* For unit tests: of the allocations of our own code the n-th fails, once.
 *
 * Linked with faulty_heap.c (meson: `nth_allocation`). One thread. */
#pragma once

#include <stddef.h>

struct nth_allocation {
	size_t left;  /**< Until one fails, 1: the next; 0: none does, or it has. */
	unsigned off; /**< Those made meanwhile are a double's: they neither count nor fail. */
};

/** The wrappers have no argument for it. */
struct nth_allocation *nth_allocation(void);
