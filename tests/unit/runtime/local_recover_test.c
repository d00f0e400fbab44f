/* Sudden ends: of the gateway, of its spawner, of a supervisor. */
#include "house.h"

#include "runtime/local/rundir.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 24 };

static const struct house_options usual = {0};

static bool recover(struct house *h, uint32_t index)
{
	struct replica_name name = house_name(h, index);
	return h->engine->ops->recover(h->engine, &name);
}

/** A gateway in a process of its own, which runs `body` and is then killed. */
static void in_killed_gateway(struct house *h, void (*body)(struct house *h))
{
	int done[2];
	char byte;
	house_stop(h);
	assert_int_equal(pipe(done), 0);
	pid_t pid = fork();
	if (pid == 0) {
		house_start(h, &usual);
		body(h);
		_exit(write(done[1], "x", 1) == 1 ? pause() : 1);
	}
	close(done[1]);
	assert_int_equal(read(done[0], &byte, 1), 1);
	close(done[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void start_many(struct house *h)
{
	char script[128];
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(script, sizeof(script), "echo %u >> $SIDE/runs; %s exit %u", i,
			 i % 2 ? "while [ ! -e $SIDE/go ]; do sleep 0.02; done;" : "", i);
		house_sh(h, i, script);
	}
	/* Half of them have ended, half of them run, when the end comes. */
	for (uint32_t i = 0; i < MANY; i++)
		house_wait(h, i, i % 2 ? REPLICA_STARTED : REPLICA_ENDED);
}

static unsigned lines_of(const struct house *h, const char *name)
{
	char *text = house_side(h, name);
	unsigned n = 0;
	for (const char *at = text; at && (at = strchr(at, '\n')); at++)
		n++;
	free(text);
	return n;
}

static void a_killed_gateway_loses_no_replica_and_no_exit_code(void **state)
{
	struct house *h = *state;
	in_killed_gateway(h, start_many);
	house_start(h, &usual);
	for (uint32_t i = 0; i < MANY; i++)
		assert_true(recover(h, i));
	for (uint32_t i = 1; i < MANY; i += 2) {
		assert_true(house_wait(h, i, REPLICA_STARTED).pid > 0);
		assert_int_equal(house_count(h, i, REPLICA_ENDED), 0);
	}
	for (uint32_t i = 0; i < MANY; i++)
		house_sh(h, i, "echo twice >> $SIDE/runs"); /* asked again: never a second start */
	house_touch(h, "go");
	for (uint32_t i = 0; i < MANY; i++) {
		struct engine_report r = house_wait(h, i, REPLICA_ENDED);
		assert_int_equal(r.exit.code, (int)i);
		assert_true(r.exit.started_ms > 0);
	}
	assert_int_equal(lines_of(h, "runs"), MANY);
	assert_false(recover(h, MANY));
}

static void start_and_forget(struct house *h)
{
	for (uint32_t i = 0; i < MANY; i++)
		house_sh(h, i, "echo ran >> $SIDE/runs; exit 3");
}

static void a_gateway_killed_while_starting_starts_nothing_twice(void **state)
{
	struct house *h = *state;
	in_killed_gateway(h, start_and_forget);
	house_start(h, &usual);
	for (uint32_t i = 0; i < MANY; i++) {
		if (!recover(h, i))
			house_sh(h, i, "echo ran >> $SIDE/runs; exit 3");
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(house_code(h, i), 3);
	assert_int_equal(lines_of(h, "runs"), MANY);
}

static void start_stubborn(struct house *h)
{
	house_run(h, 0,
		  "{\"spec\":{\"terminationGracePeriodSeconds\":1,\"containers\":[{\"command\":"
		  "[\"sh\",\"-c\",\"trap : TERM; touch $SIDE/ready; while :; do sleep 1000; "
		  "done\"]}]}}");
	house_wait(h, 0, REPLICA_STARTED);
	house_wait_side(h, "ready");
}

static void a_replica_found_again_can_be_stopped(void **state)
{
	struct house *h = *state;
	in_killed_gateway(h, start_stubborn);
	house_start(h, &usual);
	assert_true(recover(h, 0));
	int32_t pid = house_wait(h, 0, REPLICA_STARTED).pid;
	assert_true(house_alive(pid));
	house_ask_stop(h, 0);
	assert_int_equal(house_wait(h, 0, REPLICA_ENDED).exit.signal, SIGKILL);
	assert_false(house_alive(pid));
}

static const char with_children[] =
	"(setsid sh -c 'trap : TERM; echo $$ > $SIDE/a.new; mv $SIDE/a.new $SIDE/a; "
	"while :; do sleep 1000; done' &); "
	"env -i sh -c 'sleep 1000 & echo $!' > $SIDE/b; touch $SIDE/ready; sleep 1000";

static void a_killed_supervisor_is_a_lost_replica_with_nothing_left(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, with_children);
	int32_t pid = house_wait(h, 0, REPLICA_STARTED).pid;
	house_wait_side(h, "ready");
	house_wait_side(h, "a");
	kill(house_supervisor(h, 0), SIGKILL);
	house_wait(h, 0, REPLICA_LOST);
	assert_false(house_alive(pid));
	assert_false(house_alive(house_pid_in(h, "a"))); /* in a session of its own */
	assert_false(house_alive(house_pid_in(h, "b"))); /* without its marks */
	assert_true(recover(h, 0));
	house_sh(h, 1, "exit 0");
	house_code(h, 1);
	assert_int_equal(house_count(h, 0, REPLICA_LOST), 2); /* and so it stays */
}

static void start_with_children(struct house *h)
{
	house_sh(h, 0, with_children);
	house_wait(h, 0, REPLICA_STARTED);
	house_wait_side(h, "ready");
	house_wait_side(h, "a");
	kill(h->spawner.pid, SIGKILL);
	kill(house_supervisor(h, 0), SIGKILL);
}

static void gateway_spawner_and_supervisor_killed_at_once(void **state)
{
	struct house *h = *state;
	in_killed_gateway(h, start_with_children);
	house_start(h, &usual);
	assert_true(recover(h, 0));
	house_wait(h, 0, REPLICA_LOST);
	assert_false(house_alive(house_pid_in(h, "a")));
	/* A process that has shed its marks cannot be known for sure any more. */
	kill(house_pid_in(h, "b"), SIGKILL);
}

static void after_a_reboot_it_is_lost(void **state)
{
	struct house *h = *state;
	char path[256], run[RUNDIR_PATH_SIZE];
	struct replica_name name = house_name(h, 0);
	house_sh(h, 0, "sleep 1000");
	house_wait(h, 0, REPLICA_STARTED);
	kill(house_supervisor(h, 0), SIGKILL);
	house_wait(h, 0, REPLICA_LOST);
	snprintf(path, sizeof(path), "%s/data/%s/lock", h->dir, rundir_path(&name, run));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("00000000-0000-4000-8000-000000000000", f);
	fclose(f);
	house_stop(h);
	house_start(h, &usual);
	assert_true(recover(h, 0));
	assert_non_null(strstr(house_wait(h, 0, REPLICA_LOST).message, "started anew"));
}

static void a_dead_spawner_is_told_and_what_runs_is_still_followed(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, "sleep 1000");
	house_sh(h, 1, "while [ ! -e $SIDE/go ]; do sleep 0.01; done; exit 8");
	house_wait(h, 0, REPLICA_STARTED);
	house_wait(h, 1, REPLICA_STARTED);
	kill(h->spawner.pid, SIGKILL);
	pthread_mutex_lock(&h->lock);
	while (!h->spawner_losses)
		pthread_cond_wait(&h->more, &h->lock);
	pthread_mutex_unlock(&h->lock);
	struct replica_spec spec = {
		.name = house_name(h, 2),
		.pod = BYTES("{\"spec\":{\"containers\":[{\"command\":[\"true\"]}]}}"),
		.role_name = BYTES("worker")};
	struct replica_group group = {START_EACH, 1, &spec};
	assert_int_equal(h->engine->ops->start(h->engine, &group), SL_E_UNAVAILABLE);
	house_ask_stop(h, 0);
	house_touch(h, "go");
	assert_string_equal(house_wait(h, 0, REPLICA_ENDED).reason, "Stopped");
	assert_int_equal(house_code(h, 1), 8);
	assert_int_equal(h->spawner_losses, 1);
}

static void start_one(struct house *h)
{
	house_sh(h, 3, "sleep 1000");
	house_wait(h, 3, REPLICA_STARTED);
	house_sh(h, 0, "while [ ! -e $SIDE/go ]; do sleep 0.02; done; exit 8");
	house_wait(h, 0, REPLICA_STARTED);
}

static void without_free_descriptors_nothing_is_taken_for_lost(void **state)
{
	struct house *h = *state;
	struct rlimit before, none;
	const struct house_options one = {.slots = 1};
	in_killed_gateway(h, start_one);
	house_start(h, &one);
	house_sh(h, 1, "sleep 1000");
	house_sh(h, 2, "true");
	house_wait(h, 1, REPLICA_STARTED);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bool heard = recover(h, 0) && recover(h, 3);
	house_ask_stop(h, 3); /* while it cannot be found: not forgotten */
	house_ask_stop(h, 2); /* it waits for the slot; orders are taken one after another */
	house_wait(h, 2, REPLICA_ENDED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	house_ask_stop(h, 1);
	assert_true(heard);
	assert_string_equal(house_wait(h, 3, REPLICA_ENDED).reason, "Stopped");
	house_wait(h, 0, REPLICA_STARTED);
	house_touch(h, "go");
	assert_int_equal(house_code(h, 0), 8);
	assert_int_equal(house_count(h, 0, REPLICA_LOST), 0);
}

static void forgetting_removes_run_directories_and_keeps_logs(void **state)
{
	struct house *h = *state;
	char path[256], id[UUID_TEXT_SIZE];
	for (uint32_t i = 0; i < 100; i++)
		house_sh(h, i, "echo text");
	for (uint32_t i = 0; i < 100; i++)
		house_code(h, i);
	snprintf(path, sizeof(path), "%s/data/run/%s", h->dir, uuid_format(h->job, id));
	assert_int_equal(access(path, F_OK), 0);
	h->engine->ops->forget(h->engine, &h->job);
	while (access(path, F_OK) == 0) /* in the background; the runner has the deadline */
		sched_yield();
	char *log = house_log(h, 99, "stdout");
	assert_string_equal(log, "text\n");
	free(log);
	assert_false(recover(h, 0));
}

int main(void)
{
	/* Orphans come here instead of to a process 1 that may not reap. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
#define T(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		T(a_killed_gateway_loses_no_replica_and_no_exit_code),
		T(a_gateway_killed_while_starting_starts_nothing_twice),
		T(a_replica_found_again_can_be_stopped),
		T(a_killed_supervisor_is_a_lost_replica_with_nothing_left),
		T(gateway_spawner_and_supervisor_killed_at_once),
		T(after_a_reboot_it_is_lost),
		T(a_dead_spawner_is_told_and_what_runs_is_still_followed),
		T(without_free_descriptors_nothing_is_taken_for_lost),
		T(forgetting_removes_run_directories_and_keeps_logs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
