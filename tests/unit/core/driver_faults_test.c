/* The driver when a part of it is in trouble: nothing else may be held up by that, and no
 * job may be left behind. */
#include "tests/unit/core/driver_house.h"

#include <stdio.h>

/* Role y starts and, with the end of z in the same step, is to end: it must count as ended,
 * though the engine never heard of it. */
static void test_started_and_stopped_at_once(void **state SL_UNUSED)
{
	struct world *w = world_open(10);
	w->engine.fail_percent = 100;
	struct uuid id = submit(
		w, JOB("\"roles\":[{\"name\":\"x\"," POD ",\"eventPolicy\":[{\"event\":"
		       "\"RoleFailed\",\"action\":\"NoAction\"}]},{\"name\":\"y\"," POD
		       ",\"dependsOn\":[{\"role\":\"x\",\"on\":\"ended\"}]},{\"name\":\"z\"," POD
		       ",\"dependsOn\":[\"x\"]}]"));
	let_go_on(w, 30000);
	assert_is(w, id, JOB_FAILED, "replica_failed");
	assert_true(driver_idle(w->driver));
	assert_string_equal(w->engine.wrong, "");
	world_close(w);
}

static void lose_header(struct world *w, struct uuid id)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(w->store, STORE_WRITE, &txn), 0);
	ledger_drop_doc(txn, id, PART_HEADER);
	assert_int_equal(store_commit(&txn), 0);
}

static void test_unreadable_job_holds_up_nobody(void **state SL_UNUSED)
{
	struct world *w = world_open(10);
	add_gate(w);
	w->answer = "{\"decision\":\"suspend\",\"retryAfterSec\":5}";
	struct uuid bad = submit(w, JOB(ONE_ROLE));
	struct uuid good = submit(w, JOB(ONE_ROLE));
	let_go_on(w, 1000);
	assert_is(w, bad, JOB_SUSPENDED, "gate_suspended");
	lose_header(w, bad);
	w->answer = "{\"decision\":\"pass\"}";
	let_go_on(w, 60000);
	assert_is(w, bad, JOB_FAILED, "internal_error");
	assert_is(w, good, JOB_SUCCEEDED, "succeeded");
	world_close(w);
}

/* A resumed job takes a place like a new one. */
static void test_resume_needs_a_place(void **state SL_UNUSED)
{
	struct world *w = world_open(1);
	add_gate(w);
	w->answer = "{\"decision\":\"suspend\"}";
	struct uuid first = submit(w, JOB(ONE_ROLE));
	let_go_on(w, 1000);
	assert_is(w, first, JOB_SUSPENDED, "gate_suspended");
	w->delay_ms = 5000;
	submit(w, JOB(ONE_ROLE));
	assert_int_equal(resume(w, first), SL_E_BUSY);
	assert_is(w, first, JOB_SUSPENDED, "gate_suspended");
	let_go_on(w, 6000);
	assert_int_equal(resume(w, first), 0);
	let_go_on(w, 30000);
	assert_is(w, first, JOB_SUCCEEDED, "succeeded");
	assert_int_equal(resume(w, first), SL_E_CONFLICT); /* and gives its place back */
	assert_int_equal(resume(w, first), SL_E_CONFLICT);
	world_close(w);
}

/* Waiting for a gate that is slow to say "not yet" uses up no budget. */
static void test_asked_again_and_again(void **state SL_UNUSED)
{
	struct world *w = world_open(10);
	add_gate(w);
	w->answer = "{\"decision\":\"suspend\",\"retryAfterSec\":1}";
	w->delay_ms = 9000;
	struct uuid id = submit(w, JOB(ONE_ROLE));
	let_go_on(w, 300000);
	assert_true(w->executor.started > 20);
	assert_is(w, id, JOB_SUSPENDED, "gate_suspended");
	w->answer = "{\"decision\":\"pass\"}";
	let_go_on(w, 30000);
	assert_is(w, id, JOB_SUCCEEDED, "succeeded");
	world_close(w);
}

/* A job that expires while it is asked again is over: what is asked is not wanted any more. */
static void test_expires_while_asked(void **state SL_UNUSED)
{
	struct world *w = world_open(10);
	char text[200], when[TIME_TEXT_SIZE];
	add_gate(w);
	time_format(w->clock.now_wall_ms + 8000, when);
	snprintf(text, sizeof(text),
		 "{\"decision\":\"suspend\",\"retryAfterSec\":3,\"expiresAt\":\"%s\"}", when);
	w->answer = text;
	struct uuid id = submit(w, JOB(ONE_ROLE));
	let_go_on(w, 1000);
	assert_is(w, id, JOB_SUSPENDED, "gate_suspended");
	w->answer = "{\"decision\":\"pass\"}";
	w->delay_ms = 9000; /* asked at the 3rd second or so */
	let_go_on(w, 5000);
	assert_int_equal(w->executor.open, 1);
	let_go_on(w, 4000);
	assert_is(w, id, JOB_STOPPED, "expired");
	assert_int_equal(w->executor.open, 0);
	assert_true(driver_idle(w->driver));
	world_close(w);
}

/* What memory was short for is never written in part. */
static void test_change_with_a_flaw(void **state SL_UNUSED)
{
	struct world *w = world_open(10);
	add_gate(w);
	w->answer = "{\"decision\":\"suspend\"}";
	struct uuid id = submit(w, JOB(ONE_ROLE));
	let_go_on(w, 1000);
	struct change *c;
	assert_int_equal(change_create(w->driver, id, 2, &c), 0);
	change_add_doc(c, PART_TASKSET, BYTES("{}"));
	c->path[c->path_n++] = JOB_PREPARING;
	c->flaw = SL_E_NO_MEMORY;
	change_submit(c);
	let_go_on(w, 5000);
	assert_is(w, id, JOB_SUSPENDED, "gate_suspended");
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes text;
	assert_int_equal(store_begin(w->store, STORE_READ, &txn), 0);
	if (ledger_doc(txn, id, PART_TASKSET, &text) == 0)
		assert_false(bytes_is(text, "{}"));
	txn = store_abort(txn);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_started_and_stopped_at_once),
		cmocka_unit_test(test_unreadable_job_holds_up_nobody),
		cmocka_unit_test(test_resume_needs_a_place),
		cmocka_unit_test(test_asked_again_and_again),
		cmocka_unit_test(test_expires_while_asked),
		cmocka_unit_test(test_change_with_a_flaw),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
