/* The table of attempts. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_until_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
