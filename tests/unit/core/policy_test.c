/* How a TaskSet runs to an end: the rules of doc/taskset.md, one by one. */
#include "tests/unit/core/policy_house.h"

/* ---- replicas ---- */

static void test_one_that_succeeds(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "")));
	assert_string_equal(h.said, "+0/0.0");
	assert_false(h.out.running);
	started(&h, 0, 0, 0);
	assert_true(h.out.running);
	assert_int_equal(h.out.outcome, SET_OPEN);
	ended(&h, 0, 0, 0, 0);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

static void test_one_that_fails(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "")));
	started(&h, 0, 0, 0);
	ended(&h, 0, 0, 0, 3);
	assert_int_equal(h.out.exit_code, 3);
	assert_non_null(strstr(h.out.reason, "role a"));
	assert_non_null(strstr(h.out.reason, "3"));
	assert_over(&h, SET_FAILED, "replica_failed");
}

static void test_lost_is_a_failure(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "")));
	report(&h, REPLICA_LOST, 0, 0, 0, 0);
	assert_over(&h, SET_FAILED, "lost");
}

static void test_refused_is_a_failure(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "")));
	report(&h, REPLICA_REFUSED, 0, 0, 0, 0);
	assert_over(&h, SET_FAILED, "replica_failed");
}

static void test_retries_after_a_delay(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"replicas\":2," RETRY("2"))));
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, ""); /* the other one is not disturbed */
	assert_int_equal(h.out.wake_ms, T0 + 10000);
	tick(&h, 9999);
	assert_string_equal(h.said, "");
	tick(&h, 1);
	assert_string_equal(h.said, "+0/0.1");
	ended(&h, 0, 0, 1, 1);
	tick(&h, 10000);
	assert_string_equal(h.said, "+0/0.2");
	ended(&h, 0, 0, 2, 1); /* no retry is left */
	assert_string_equal(h.said, "-0/1.0");
	ended(&h, 0, 1, 0, 143);
	assert_int_equal(state_of(&h, 0, 1), REPLICA_STOPPED);
	assert_over(&h, SET_FAILED, "replica_failed");
}

static void test_a_retry_waits_no_longer_when_the_clock_is_turned_back(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", RETRY("2"))));
	started(&h, 0, 0, 0);
	ended(&h, 0, 0, 0, 1);
	assert_int_equal(h.out.wake_ms, h.now + 10000);
	h.now -= 900000;
	policy_turn_back(h.policy, h.now);
	tick(&h, 0);
	assert_string_equal(h.said, "");
	assert_int_equal(h.out.wake_ms, h.now + 10000);
	tick(&h, 10000);
	assert_string_equal(h.said, "+0/0.1");
	end(&h);
}

static void test_no_retry_unless_it_is_on(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"retryPolicy\":{\"retry\":false,\"maxRetryCount\":5},")));
	ended(&h, 0, 0, 0, 1);
	assert_over(&h, SET_FAILED, "replica_failed");
}

/* ---- completion ---- */

static void test_min_succeeded(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"replicas\":3," COMPLETION("3", "2"))));
	ended(&h, 0, 2, 0, 0);
	assert_string_equal(h.said, "");
	ended(&h, 0, 0, 0, 0);
	assert_string_equal(h.said, "-0/1.0"); /* still running: stopped */
	assert_int_equal(h.out.outcome, SET_OPEN);
	ended(&h, 0, 1, 0, 0);
	assert_int_equal(state_of(&h, 0, 1), REPLICA_STOPPED);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

static void test_max_failed(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"replicas\":5," COMPLETION("2", "1"))));
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, "");
	ended(&h, 0, 1, 0, 1);
	assert_string_equal(h.said, "-0/2.0 -0/3.0 -0/4.0");
	end(&h);
}

static void test_max_failed_of_zero_is_one(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"replicas\":2," COMPLETION("0", "1"))));
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, "-0/1.0");
	end(&h);
}

static void test_min_succeeded_out_of_reach(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"replicas\":4," COMPLETION("4", "3"))));
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, "");
	ended(&h, 0, 1, 0, 1);
	assert_string_equal(h.said, "-0/2.0 -0/3.0");
	end(&h);
}

static void test_success_is_looked_at_first(void **state SL_UNUSED)
{
	const struct role role = {.replicas = 3, .min_succeeded = 1, .max_failed = 1};
	assert_int_equal(policy_judge(&role, 1, 2), SET_SUCCEEDED);
	assert_int_equal(policy_judge(&role, 0, 1), SET_FAILED);
	assert_int_equal(policy_judge(&role, 0, 0), SET_OPEN);
}

/* ---- events ---- */

struct event_row {
	const char *policies;
	int32_t code; /* role a's only replica exits with this; role b runs on */
	enum set_outcome outcome;
};

static const struct event_row event_rows[] = {
	{"", 1, SET_FAILED},
	{"", 0, SET_OPEN},
	{EVENTS(ON("RoleFailed", "NoAction")), 1, SET_OPEN},
	{EVENTS(ON("RoleFailed", "TaskSetSucceeded")), 1, SET_SUCCEEDED},
	{EVENTS(ON("RoleFailed", "TaskSetCompleted")), 1, SET_FAILED},
	{EVENTS(ON("RoleSucceeded", "TaskSetSucceeded")), 0, SET_SUCCEEDED},
	{EVENTS(ON("RoleSucceeded", "TaskSetFailed")), 0, SET_FAILED},
	{EVENTS(ON("RoleSucceeded", "TaskSetCompleted")), 0, SET_SUCCEEDED},
	{EVENTS(ON("RoleCompleted", "TaskSetCompleted")), 0, SET_SUCCEEDED},
	{EVENTS(ON("RoleCompleted", "TaskSetCompleted")), 1, SET_FAILED},
	{EVENTS(ON("RoleCompleted", "NoAction")), 1, SET_OPEN},
	{EVENTS(ON("RoleCompleted", "TaskSetFailed")), 0, SET_FAILED},
	/* the specific one first, wherever it stands */
	{EVENTS(ON("RoleCompleted", "TaskSetFailed") "," ON("RoleSucceeded", "NoAction")), 0,
	 SET_OPEN},
	{EVENTS(ON("RoleFailed", "NoAction") "," ON("RoleCompleted", "TaskSetSucceeded")), 1,
	 SET_OPEN},
	{EVENTS(ON("RoleFailed", "NoAction") "," ON("RoleCompleted", "TaskSetSucceeded")), 0,
	 SET_SUCCEEDED},
};

static void test_events(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(event_rows); i++) {
		const struct event_row *row = &event_rows[i];
		struct house h;
		char text[1000];
		snprintf(text, sizeof(text), SET("", "{\"name\":\"a\",%s" POD "}," ROLE("b", "")),
			 row->policies);
		begin(&h, text);
		ended(&h, 0, 0, 0, row->code);
		if (row->outcome == SET_OPEN) {
			assert_string_equal(h.said, "");
		} else {
			assert_string_equal(h.said, "-1/0.0");
			assert_int_equal(h.out.outcome, SET_OPEN); /* not before it is gone */
			ended(&h, 1, 0, 0, 143);
		}
		if (h.out.outcome != row->outcome)
			fail_msg("%s and %d: outcome %d", row->policies, row->code, h.out.outcome);
		end(&h);
	}
}

static void test_without_an_action_all_roles_decide(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", EVENTS(ON("RoleFailed", "NoAction"))) "," ROLE("b", "")));
	ended(&h, 0, 0, 0, 1);
	ended(&h, 1, 0, 0, 0);
	assert_over(&h, SET_FAILED, "replica_failed");
	begin(&h, SET("", ROLE("a", "") "," ROLE("b", "")));
	ended(&h, 0, 0, 0, 0);
	ended(&h, 1, 0, 0, 0);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

/* ---- dependencies ---- */

static void test_starts_when_dependencies_hold(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "") "," ROLE("b", "") "," ROLE("c", AFTER("\"a\",\"b\""))));
	assert_string_equal(h.said, "+0/0.0 +1/0.0");
	ended(&h, 0, 0, 0, 0);
	assert_string_equal(h.said, "");
	ended(&h, 1, 0, 0, 0);
	assert_string_equal(h.said, "+2/0.0");
	ended(&h, 2, 0, 0, 0);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

static void test_a_dependency_that_cannot_hold(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", QUIET) "," ROLE("b", AFTER("\"a\"") QUIET) "," ROLE(
				  "c", AFTER("\"b\""))));
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, ""); /* neither b nor c starts */
	assert_non_null(strstr(h.out.reason, "dependency"));
	assert_over(&h, SET_FAILED, "replica_failed");
}

static void test_on_failed(void **state SL_UNUSED)
{
	static const char text[] = SET(
		"", ROLE("a", QUIET) "," ROLE("b", AFTER("{\"role\":\"a\",\"on\":\"failed\"}")));
	struct house h;
	begin(&h, text);
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, "+1/0.0");
	end(&h);
	begin(&h, text);
	ended(&h, 0, 0, 0, 0); /* b is skipped and counts as succeeded */
	assert_string_equal(h.said, "");
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

static void test_on_ended(void **state SL_UNUSED)
{
	for (int code = 0; code < 2; code++) {
		struct house h;
		begin(&h, SET("", ROLE("a", QUIET) "," ROLE(
					  "b", AFTER("{\"role\":\"a\",\"on\":\"ended\"}"))));
		ended(&h, 0, 0, 0, code);
		assert_string_equal(h.said, "+1/0.0");
		end(&h);
	}
}

/* ---- deadlines ---- */

static void test_deadline_of_the_set(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("\"activeDeadlineSeconds\":60,\"retryPolicy\":{\"retry\":true,"
		      "\"maxRetryCount\":3},",
		      ROLE("a", "")));
	assert_int_equal(h.out.wake_ms, T0 + 60000);
	tick(&h, 59999);
	assert_string_equal(h.said, "");
	tick(&h, 1);
	assert_string_equal(h.said, "-0/0.0");
	ended(&h, 0, 0, 0, 143);
	assert_over(&h, SET_FAILED, "deadline_exceeded");
}

static void test_deadline_of_a_role(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "\"activeDeadlineSeconds\":5,") "," ROLE("b", "")));
	tick(&h, 5000);
	assert_string_equal(h.said, "-0/0.0 -1/0.0");
	ended(&h, 0, 0, 0, 143);
	ended(&h, 1, 0, 0, 143);
	assert_over(&h, SET_FAILED, "deadline_exceeded");
}

/* Once decided it stays so, also when its last replica does well in the end. */
static void test_deadline_of_a_role_outlives_a_crash(void **state SL_UNUSED)
{
	struct house h;
	begin(&h,
	      SET("", ROLE("a", "\"replicas\":2,") "," ROLE("b", "\"activeDeadlineSeconds\":5,")));
	tick(&h, 5000);
	ended(&h, 0, 0, 0, 143);
	restart(&h);
	assert_string_equal(h.said, "-1/0.0 -0/1.0");
	ended(&h, 0, 1, 0, 0);
	ended(&h, 1, 0, 0, 0);
	assert_over(&h, SET_FAILED, "deadline_exceeded");
}

/* Why one was stopped is not known any more: the role cannot wait for it. */
static void test_stopped_before_a_crash(void **state SL_UNUSED)
{
	struct house h;
	struct replica gone = {.state = REPLICA_STOPPED, .attempts = 1, .started_ms = T0};
	struct replica good = {.state = REPLICA_SUCCEEDED, .attempts = 1, .started_ms = T0};
	open_at(&h, SET("", ROLE("a", "\"replicas\":2,")));
	policy_restore(h.policy, 0, 0, &gone);
	policy_restore(h.policy, 0, 1, &good);
	policy_start(h.policy, T0, h.now, &h.out);
	assert_over(&h, SET_FAILED, "replica_failed");
}

static void test_deadline_of_a_pod(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", "{\"name\":\"a\"," POD_DL("7") "}"));
	h.now += 100000; /* waiting for a slot does not count */
	started(&h, 0, 0, 0);
	assert_int_equal(h.out.wake_ms, h.now + 7000);
	tick(&h, 7000);
	assert_string_equal(h.said, "-0/0.0");
	ended(&h, 0, 0, 0, 143);
	assert_over(&h, SET_FAILED, "deadline_exceeded");
}

/* ---- retry of the set ---- */

static void test_retry_of_the_set(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET(SET_RETRY("1"), ROLE("a", "") "," ROLE("b", AFTER("\"a\""))));
	ended(&h, 0, 0, 0, 0);
	ended(&h, 1, 0, 0, 1);
	assert_int_equal(h.out.outcome, SET_OPEN);
	assert_int_equal(h.out.wake_ms, T0 + 30000);
	tick(&h, 29999);
	assert_string_equal(h.said, "");
	tick(&h, 1);
	assert_string_equal(h.said, "+0/0.1"); /* a new attempt, in order */
	ended(&h, 0, 0, 1, 0);
	assert_string_equal(h.said, "+1/0.1");
	ended(&h, 1, 0, 1, 1);
	assert_over(&h, SET_FAILED, "replica_failed");
}

static void test_the_next_round_waits_until_all_are_gone(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET(SET_RETRY("1"), ROLE("a", "\"replicas\":2,")));
	ended(&h, 0, 0, 0, 1);
	assert_string_equal(h.said, "-0/1.0");
	tick(&h, 60000);
	assert_string_equal(h.said, "");
	ended(&h, 0, 1, 0, 143);
	tick(&h, 30000);
	assert_string_equal(h.said, "+0/0.1 +0/1.1");
	ended(&h, 0, 0, 1, 0);
	ended(&h, 0, 1, 1, 0);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

/* ---- stop ---- */

static void test_stop(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET(SET_RETRY("3"),
		      ROLE("a", "\"replicas\":2," RETRY("3")) "," ROLE("b", AFTER("\"a\""))));
	started(&h, 0, 0, 0);
	stop(&h);
	assert_string_equal(h.said, "-0/0.0 -0/1.0");
	ended(&h, 0, 0, 0, 0); /* whatever it still reports */
	stop(&h);
	assert_string_equal(h.said, "");
	assert_int_equal(h.out.outcome, SET_OPEN);
	ended(&h, 0, 1, 0, 1);
	assert_over(&h, SET_STOPPED, "stopped_by_user");
}

static void test_stop_while_nothing_runs(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET(SET_RETRY("1"), ROLE("a", "")));
	ended(&h, 0, 0, 0, 1);
	stop(&h); /* between two rounds */
	assert_over(&h, SET_STOPPED, "stopped_by_user");
	begin(&h, SET("", ROLE("a", RETRY("1"))));
	ended(&h, 0, 0, 0, 1);
	stop(&h); /* before a replica's retry */
	assert_over(&h, SET_STOPPED, "stopped_by_user");
}

static void test_stop_wins_over_an_end_on_its_way(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "") "," ROLE("b", "")));
	ended(&h, 0, 0, 0, 1); /* the set is to fail: b is being stopped */
	stop(&h);
	ended(&h, 1, 0, 0, 143);
	assert_over(&h, SET_STOPPED, "stopped_by_user");
}

/* ---- late, repeated, impossible ---- */

static void test_reports_that_do_not_count(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", RETRY("1")) "," ROLE("b", AFTER("\"a\""))));
	ended(&h, 0, 0, 5, 0); /* an attempt that was never made */
	ended(&h, 1, 0, 0, 0); /* a role that has not started */
	assert_int_equal(h.out.outcome, SET_OPEN);
	started(&h, 0, 0, 0);
	started(&h, 0, 0, 0);
	ended(&h, 0, 0, 0, 1);
	ended(&h, 0, 0, 0, 1); /* twice is once */
	started(&h, 0, 0, 0);  /* out of order */
	tick(&h, 10000);
	assert_string_equal(h.said, "+0/0.1");
	ended(&h, 0, 0, 0, 0); /* the first attempt once more */
	assert_int_equal(state_of(&h, 0, 0), REPLICA_STARTING);
	ended(&h, 0, 0, 1, 0);
	assert_string_equal(h.said, "+1/0.0");
	ended(&h, 1, 0, 0, 0);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

static void test_an_end_without_a_start(void **state SL_UNUSED)
{
	struct house h;
	begin(&h, SET("", ROLE("a", "")));
	ended(&h, 0, 0, 0, 0);
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_succeeds),
		cmocka_unit_test(test_one_that_fails),
		cmocka_unit_test(test_lost_is_a_failure),
		cmocka_unit_test(test_refused_is_a_failure),
		cmocka_unit_test(test_retries_after_a_delay),
		cmocka_unit_test(test_a_retry_waits_no_longer_when_the_clock_is_turned_back),
		cmocka_unit_test(test_no_retry_unless_it_is_on),
		cmocka_unit_test(test_min_succeeded),
		cmocka_unit_test(test_max_failed),
		cmocka_unit_test(test_max_failed_of_zero_is_one),
		cmocka_unit_test(test_min_succeeded_out_of_reach),
		cmocka_unit_test(test_success_is_looked_at_first),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_without_an_action_all_roles_decide),
		cmocka_unit_test(test_starts_when_dependencies_hold),
		cmocka_unit_test(test_a_dependency_that_cannot_hold),
		cmocka_unit_test(test_on_failed),
		cmocka_unit_test(test_on_ended),
		cmocka_unit_test(test_deadline_of_the_set),
		cmocka_unit_test(test_deadline_of_a_role),
		cmocka_unit_test(test_deadline_of_a_role_outlives_a_crash),
		cmocka_unit_test(test_stopped_before_a_crash),
		cmocka_unit_test(test_deadline_of_a_pod),
		cmocka_unit_test(test_retry_of_the_set),
		cmocka_unit_test(test_the_next_round_waits_until_all_are_gone),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_while_nothing_runs),
		cmocka_unit_test(test_stop_wins_over_an_end_on_its_way),
		cmocka_unit_test(test_reports_that_do_not_count),
		cmocka_unit_test(test_an_end_without_a_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
