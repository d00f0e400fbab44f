/* A person resumes a job just when its gate, which is asked again by itself, has answered: the
 * resume is in the store, and the loop hears the answer first. */
#include "tests/unit/core/driver_house.h"

static void resume_once(void *user)
{
	struct world *w = user;
	if (!w->executor.open)
		return;
	w->executor.before = NULL;
	assert_int_equal(resume(w, w->id), 0);
}

/* A job that its gate has suspended; what it answers when it is asked again comes right behind
 * a resume. */
static struct world *resume_before(const char *again)
{
	struct world *w = world_open(10);
	add_gate(w);
	w->answer = "{\"decision\":\"suspend\",\"retryAfterSec\":1}";
	submit(w, JOB(ONE_ROLE));
	let_go_on(w, 500);
	assert_is(w, w->id, JOB_SUSPENDED, "gate_suspended");
	w->answer = again;
	w->executor.before = resume_once;
	let_go_on(w, 5000);
	assert_null(w->executor.before);
	return w;
}

static void test_a_stop_counts(void **state SL_UNUSED)
{
	struct world *w = resume_before("{\"decision\":\"stop\",\"reasonCode\":\"never\"}");
	assert_is(w, w->id, JOB_STOPPED, "never");
	world_close(w);
}

static void test_a_refusal_counts(void **state SL_UNUSED)
{
	struct world *w = resume_before("{\"decision\":\"perhaps\"}");
	assert_is(w, w->id, JOB_FAILED, "plugin_bad_answer");
	world_close(w);
}

static void test_it_goes_on_where_the_gate_passes(void **state SL_UNUSED)
{
	struct world *w = resume_before("{\"decision\":\"pass\"}");
	assert_is(w, w->id, JOB_SUCCEEDED, "succeeded");
	assert_int_equal(w->executor.started, 2);
	world_close(w);
}

static void test_it_goes_on_where_the_gate_suspends_again(void **state SL_UNUSED)
{
	struct world *w = resume_before("{\"decision\":\"suspend\"}");
	assert_is(w, w->id, JOB_SUCCEEDED, "succeeded");
	assert_int_equal(w->executor.started, 2);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stop_counts),
		cmocka_unit_test(test_a_refusal_counts),
		cmocka_unit_test(test_it_goes_on_where_the_gate_passes),
		cmocka_unit_test(test_it_goes_on_where_the_gate_suspends_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
