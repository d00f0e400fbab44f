/* The heap against a search through everything. */
#include "core/base/heap.h"
#include "tests/unit/base/unit.h"

struct thing {
	struct heap_node node;
	unsigned key;
};

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, const struct thing, node)->key <
	       container_of(b, const struct thing, node)->key;
}

static const struct thing *slow_first(const struct thing *all, size_t n)
{
	const struct thing *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (all[i].node.place && (!best || all[i].key < best->key))
			best = &all[i];
	return best;
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void first_is_always_the_least(void **state SL_UNUSED)
{
	struct thing all[200] = {0};
	struct heap h;
	unsigned seed = 3, serial = 0;
	heap_init(&h, before);
	assert_null(heap_first(&h));
	assert_int_equal(heap_reserve(&h, countof(all)), 0);
	for (unsigned step = 0; step < 20000; step++) {
		struct thing *t = &all[next_random(&seed) % countof(all)];
		unsigned key = (next_random(&seed) % 1000) * 100000 + ++serial; /* no two equal */
		if (!t->node.place) {
			t->key = key;
			heap_push(&h, &t->node);
		} else if (next_random(&seed) % 2) {
			t->key = key;
			heap_moved(&h, &t->node);
		} else {
			heap_remove(&h, &t->node);
			heap_remove(&h, &t->node); /* twice is once */
		}
		const struct thing *best = slow_first(all, countof(all));
		assert_ptr_equal(heap_first(&h), best ? &best->node : NULL);
	}
	heap_fini(&h);
}

static void room_grows_to_what_is_asked(void **state SL_UNUSED)
{
	struct heap h;
	heap_init(&h, before);
	for (size_t n = 1; n < 5000; n = n * 3 + 1) {
		assert_int_equal(heap_reserve(&h, n), 0);
		assert_true(h.cap > n); /* places count from 1 */
	}
	heap_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_is_always_the_least),
		cmocka_unit_test(room_grows_to_what_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
