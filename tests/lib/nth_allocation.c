#include "tests/lib/nth_allocation.h"

#include "tests/lib/faulty_heap.h"

struct nth_allocation *nth_allocation(void)
{
	static struct nth_allocation the_one;
	return &the_one;
}

bool heap_fails(void)
{
	struct nth_allocation *f = nth_allocation();
	return !f->off && f->left && --f->left == 0;
}
