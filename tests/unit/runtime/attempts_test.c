/* The table of attempts and the order in which they get a slot. */
#include "runtime/local/attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 2000 };

static struct replica_name name_of(uint32_t i)
{
	return (struct replica_name){.role = i % 7, .index = i / 7, .attempt = i % 3};
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void names_are_found_until_removed(void **state SL_UNUSED)
{
	struct attempts t;
	assert_int_equal(attempts_init(&t, MANY), 0);
	struct attempt *a;
	for (uint32_t i = 0; i < MANY; i++) {
		struct replica_name name = name_of(i);
		assert_null(attempts_find(&t, &name));
		assert_int_equal(attempts_add(&t, &name, &a), 0);
	}
	struct replica_name more = name_of(MANY);
	assert_int_equal(attempts_add(&t, &more, &a), SL_E_BUSY);
	for (uint32_t i = 0; i < MANY; i += 2) {
		struct replica_name name = name_of(i);
		attempts_remove(&t, attempts_find(&t, &name));
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct replica_name name = name_of(i);
		assert_int_equal(attempts_find(&t, &name) != NULL, i % 2);
	}
	attempts_fini(&t);
}

/** The queue against a search through all that wait. */
static struct attempt *slow_first(struct attempt **all, size_t n)
{
	struct attempt *best = NULL;
	for (size_t i = 0; i < n; i++) {
		struct attempt *a = all[i];
		if (a && a->place &&
		    (!best || a->priority > best->priority ||
		     (a->priority == best->priority && a->arrival < best->arrival)))
			best = a;
	}
	return best;
}

static void the_first_is_always_the_right_one(void **state SL_UNUSED)
{
	struct attempts t;
	struct attempt *all[300] = {0};
	uint32_t seed = 7;
	assert_int_equal(attempts_init(&t, MANY), 0);
	for (unsigned step = 0; step < 5000; step++) {
		size_t i = next_random(&seed) % countof(all);
		if (!all[i]) {
			struct replica_name name = name_of((uint32_t)i);
			assert_int_equal(attempts_add(&t, &name, &all[i]), 0);
			all[i]->priority = (int32_t)(next_random(&seed) % 5) - 2;
			attempts_queue(&t, all[i]);
		} else if (next_random(&seed) % 3 == 0 && all[i]->place) {
			attempts_unqueue(&t, all[i]);
		} else {
			attempts_remove(&t, all[i]);
			all[i] = NULL;
		}
		assert_ptr_equal(attempts_first(&t), slow_first(all, countof(all)));
	}
	attempts_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_until_removed),
		cmocka_unit_test(the_first_is_always_the_right_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
