/* Which allocations of `sluiced-faulty` fail: those that the test asks for. */
#include "tests/lib/faults.h"
#include "tests/lib/faulty_heap.h"

bool heap_fails(void) { return fault_due(FAULT_ALLOC); }
