/* The null engine: started and succeeded, at once. */
#include "runtime/null/null.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct seen {
	struct engine_report report[4];
	size_t n;
};

static void note(void *user, const struct engine_report *report)
{
	struct seen *seen = user;
	assert_true(seen->n < countof(seen->report));
	seen->report[seen->n++] = *report;
}

static void a_replica_starts_and_succeeds_at_once(void **state SL_UNUSED)
{
	struct seen seen = {0};
	struct engine *e = NULL;
	assert_int_equal(null_create(&clock_system, note, &seen, &e), 0);
	struct replica_spec spec = {.name = {.role = 1, .index = 2, .attempt = 3}};
	assert_int_equal(e->ops->start(e, &(struct replica_group){START_EACH, 1, &spec}), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.report[0].change, REPLICA_STARTED);
	assert_int_equal(seen.report[1].change, REPLICA_ENDED);
	assert_int_equal(seen.report[1].exit.code, 0);
	assert_string_equal(seen.report[1].reason, "Completed");
	assert_memory_equal(&seen.report[1].name, &spec.name, sizeof(spec.name));
	assert_true(seen.report[1].exit.finished_ms > 0);
	assert_int_equal(e->ops->check(e, BYTES("{}"), NULL), 0);
	assert_int_equal(e->ops->open_log(e, &spec.name.job, BYTES("r"), 0, "stdout"), -1);
	assert_string_equal(e->ops->name, "null");
	assert_null(engine_free(e));
}

/* After a crash the store may know that it started, and not that it succeeded. */
static void after_a_restart_it_has_still_succeeded(void **state SL_UNUSED)
{
	struct seen seen = {0};
	struct engine *e = NULL;
	assert_int_equal(null_create(&clock_system, note, &seen, &e), 0);
	struct replica_name name = {.role = 1, .index = 2, .attempt = 3};
	assert_true(e->ops->recover(e, &name));
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.report[1].change, REPLICA_ENDED);
	assert_int_equal(seen.report[1].exit.code, 0);
	assert_memory_equal(&seen.report[1].name, &name, sizeof(name));
	assert_null(engine_free(e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replica_starts_and_succeeds_at_once),
		cmocka_unit_test(after_a_restart_it_has_still_succeeded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
