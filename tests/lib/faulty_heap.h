/* Stands in for the allocations of our own code: linked with --wrap (`heap_wraps`). Who links it
 * says which of them fail: `sluiced-faulty` as faults.h tells it, unit tests by nth_allocation.h.
 */
#pragma once

#include <stdbool.h>

/** Shall the one that is being made fail? */
bool heap_fails(void);
