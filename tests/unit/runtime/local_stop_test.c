/* How replicas end: nothing of them is left, whatever they try; and how they wait. */
#include "house.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Leaves a process behind that has its own session, no parent, and ignores what it can. */
#define DETACH                                                                                     \
	"(setsid sh -c 'trap : TERM HUP INT; echo $$ > $SIDE/left.new; "                           \
	"mv $SIDE/left.new $SIDE/left; while :; do sleep 1000; done' >/dev/null 2>&1 &) ; "        \
	"while [ ! -e $SIDE/left ]; do sleep 0.01; done; "

static void a_detached_child_ends_with_its_replica(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, DETACH "exit 7");
	assert_int_equal(house_code(h, 0), 7);
	assert_false(house_alive(house_pid_in(h, "left")));
}

static void a_detached_child_ends_with_a_stop(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, DETACH "sleep 1000");
	house_wait(h, 0, REPLICA_STARTED);
	house_wait_side(h, "left");
	house_ask_stop(h, 0);
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_string_equal(r.reason, "Stopped");
	assert_int_equal(r.exit.signal, SIGTERM);
	assert_int_equal(r.exit.code, 128 + SIGTERM);
	assert_false(house_alive(house_pid_in(h, "left")));
}

static void a_stop_reaches_the_group_and_lets_it_clean_up(void **state)
{
	struct house *h = *state;
	house_sh(h, 0,
		 "trap 'echo cleaned; exit 5' TERM; touch $SIDE/ready; "
		 "while :; do sleep 1000 & wait $!; done");
	house_wait(h, 0, REPLICA_STARTED);
	house_wait_side(h, "ready");
	house_ask_stop(h, 0);
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 5);
	assert_string_equal(r.reason, "Stopped");
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "cleaned\n");
	free(log);
}

static void what_ignores_sigterm_is_killed_after_its_grace(void **state)
{
	struct house *h = *state;
	house_run(h, 0,
		  "{\"spec\":{\"terminationGracePeriodSeconds\":1,\"containers\":[{\"command\":"
		  "[\"sh\",\"-c\",\"trap : TERM; touch $SIDE/ready; while :; do sleep 1000; "
		  "done\"]}]}}");
	int32_t pid = house_wait(h, 0, REPLICA_STARTED).pid;
	house_wait_side(h, "ready");
	house_ask_stop(h, 0);
	house_ask_stop(h, 0);
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.signal, SIGKILL);
	assert_string_equal(r.reason, "Stopped");
	assert_non_null(strstr(r.message, "killed"));
	assert_false(house_alive(pid));
}

static void a_stop_without_grace_kills_at_once(void **state)
{
	struct house *h = *state;
	house_run(h, 0,
		  "{\"spec\":{\"terminationGracePeriodSeconds\":0,\"containers\":[{\"command\":"
		  "[\"sleep\",\"1000\"]}]}}");
	house_wait(h, 0, REPLICA_STARTED);
	house_ask_stop(h, 0);
	assert_int_equal(house_wait(h, 0, REPLICA_ENDED).exit.signal, SIGKILL);
}

static void a_stop_right_after_the_start_is_not_lost(void **state)
{
	struct house *h = *state;
	for (uint32_t i = 0; i < 20; i++) {
		house_sh(h, i, "sleep 1000");
		house_ask_stop(h, i);
	}
	for (uint32_t i = 0; i < 20; i++)
		assert_string_equal(house_wait(h, i, REPLICA_ENDED).reason, "Stopped");
	house_ask_stop(h, 99); /* unknown: nothing happens */
}

static void a_stop_while_it_prepares_is_no_success(void **state)
{
	struct house *h = *state;
	house_run(
		h, 0,
		"{\"spec\":{\"initContainers\":[{\"command\":[\"sh\",\"-c\",\"trap 'exit 0' TERM; "
		"touch $SIDE/ready; while :; do sleep 1000 & wait; done\"]}],\"containers\":[{"
		"\"command\":[\"sh\",\"-c\",\"touch $SIDE/ran\"]}]}}");
	house_wait_side(h, "ready");
	house_ask_stop(h, 0);
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 128 + SIGTERM);
	assert_string_equal(r.reason, "Stopped");
	assert_null(house_side(h, "ran"));
}

static void a_tree_that_keeps_forking_is_ended(void **state)
{
	struct house *h = *state;
	/* Eight chains in which each process starts the next one and leaves. */
	house_sh(h, 0,
		 "echo '(setsid sh $SIDE/f &)' > $SIDE/f; for i in 1 2 3 4 5 6 7 8; do "
		 "sh $SIDE/f; done; sleep 0.05; exit 6");
	assert_int_equal(house_code(h, 0), 6);
}

static void fifty_at_once(void **state)
{
	struct house *h = *state;
	char script[64];
	for (uint32_t i = 0; i < 50; i++) {
		snprintf(script, sizeof(script), "echo %u >> $SIDE/all; exit %u", i, i);
		house_sh(h, i, script);
	}
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(house_code(h, i), (int)i);
	char *all = house_side(h, "all");
	unsigned lines = 0;
	for (const char *at = all; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 50);
	free(all);
}

static void start_with_priority(struct house *h, uint32_t index, int32_t priority)
{
	char pod[320], side[160];
	snprintf(side, sizeof(side), "SIDE=%s/side", h->dir);
	snprintf(pod, sizeof(pod),
		 "{\"spec\":{\"priority\":%d,\"containers\":[{\"command\":[\"sh\",\"-c\",\"%s "
		 "echo %u >> $SIDE/order\"]}]}}",
		 priority, index == 0 ? "while [ ! -e $SIDE/go ]; do sleep 0.01; done;" : "",
		 index);
	const char *env[] = {side, NULL};
	struct replica_spec spec = {.name = house_name(h, index),
				    .pod = bytes_str(pod),
				    .role_name = BYTES("worker"),
				    .env = env};
	struct replica_group group = {START_EACH, 1, &spec};
	assert_int_equal(h->engine->ops->start(h->engine, &group), 0);
}

static void one_slot_is_given_by_priority_then_arrival(void **state)
{
	struct house *h = *state;
	const struct house_options one = {.slots = 1};
	house_stop(h);
	house_start(h, &one);
	start_with_priority(h, 0, 0);
	house_wait(h, 0, REPLICA_STARTED);
	start_with_priority(h, 1, 0);
	start_with_priority(h, 2, 5);
	start_with_priority(h, 3, 0);
	start_with_priority(h, 4, 5);
	start_with_priority(h, 5, -1);
	start_with_priority(h, 6, 0);
	house_ask_stop(h, 6); /* while it waits */
	struct engine_report r = house_wait(h, 6, REPLICA_ENDED);
	assert_string_equal(r.reason, "Stopped");
	assert_int_equal(r.exit.started_ms, 0);
	house_touch(h, "go");
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(house_code(h, i), 0);
	char *order = house_side(h, "order");
	assert_string_equal(order, "0\n2\n4\n1\n3\n5\n");
	free(order);
}

static void a_start_of_the_same_name_is_no_second_start(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, "echo ran >> $SIDE/runs; while [ ! -e $SIDE/go ]; do sleep 0.01; done");
	house_wait(h, 0, REPLICA_STARTED);
	house_sh(h, 0, "echo ran >> $SIDE/runs");
	house_touch(h, "go");
	house_wait(h, 0, REPLICA_ENDED);
	house_sh(h, 0, "echo ran >> $SIDE/runs");
	house_sh(h, 1, "exit 0");
	house_wait(h, 1, REPLICA_ENDED); /* orders are taken one after another */
	assert_int_equal(house_count(h, 0, REPLICA_ENDED), 2);
	char *runs = house_side(h, "runs");
	assert_string_equal(runs, "ran\n");
	free(runs);
}

static void the_spawner_has_no_zombies(void **state)
{
	struct house *h = *state;
	char command[128], line[64];
	for (uint32_t i = 0; i < 10; i++)
		house_sh(h, i, "sh -c 'exit 0' & exit 0");
	for (uint32_t i = 0; i < 10; i++)
		house_code(h, i);
	/* An ask that is answered comes after everything the spawner has reaped before it. */
	house_sh(h, 10, "exit 0");
	house_code(h, 10);
	snprintf(command, sizeof(command), "ps -o stat= --ppid %d | grep -c Z", h->spawner.pid);
	for (bool none = false; !none;) { /* each turn reaps; the runner has the deadline */
		FILE *ps = popen(command, "r");
		assert_non_null(fgets(line, sizeof(line), ps));
		pclose(ps);
		none = strcmp(line, "0\n") == 0;
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		T(a_detached_child_ends_with_its_replica),
		T(a_detached_child_ends_with_a_stop),
		T(a_stop_reaches_the_group_and_lets_it_clean_up),
		T(what_ignores_sigterm_is_killed_after_its_grace),
		T(a_stop_without_grace_kills_at_once),
		T(a_stop_right_after_the_start_is_not_lost),
		T(a_stop_while_it_prepares_is_no_success),
		T(a_tree_that_keeps_forking_is_ended),
		T(fifty_at_once),
		T(one_slot_is_given_by_priority_then_arrival),
		T(a_start_of_the_same_name_is_no_second_start),
		T(the_spawner_has_no_zombies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
