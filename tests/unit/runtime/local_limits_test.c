/* Limits of a replica, and that nothing of it is left: with the cgroups that this machine
 * lets us write, and without any. A promise that needs a missing part is looked at without
 * it, and the test says which parts there were. */
#include "house.h"

#include "runtime/local/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMITED(script, limits)                                                                    \
	"{\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\",\"" script "\"],"                  \
	"\"resources\":{\"limits\":{" limits "}}}]}}"

static bool has(const struct house *h, unsigned part) { return h->spawner.can.parts & part; }

static void the_machine_is_told(void **state)
{
	struct house *h = *state;
	char text[64];
	print_message("cgroups here: %s; %s\n", cgroups_say(h->spawner.can.parts, text),
		      h->spawner.can.why);
	house_sh(h, 0, "true");
	struct engine_report r = house_wait(h, 0, REPLICA_STARTED);
	bool all = h->spawner.can.parts == CGROUP_ALL;
	assert_int_equal(strstr(r.message, "not limited by cgroups here") == NULL, all);
}

static void memory_over_its_limit_ends_it(void **state)
{
	struct house *h = *state;
	house_run(h, 0, LIMITED("%s", "\"memory\":\"100Mi\""),
		  "python3 -c 'x = bytearray(400 << 20)' && exit 9; exit 7");
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.code == 7 || r.exit.signal == SIGKILL, true);
	if (has(h, CGROUP_MEMORY)) {
		assert_string_equal(r.reason, "OOMKilled");
		assert_non_null(strstr(r.message, "104857600"));
	} else {
		assert_string_equal(r.reason, "Error");
	}
}

/** In parts that are each small: only a cgroup adds them up. */
static void memory_of_all_processes_counts(void **state)
{
	struct house *h = *state;
	house_run(h, 0, LIMITED("%s", "\"memory\":\"100Mi\""),
		  "exec python3 -c 'import os, time\\nfor i in range(4):\\n"
		  "  if os.fork() == 0: x = bytearray(60 << 20); time.sleep(60)\\n"
		  "os.wait(); os._exit(5)'");
	house_wait(h, 0, REPLICA_STARTED);
	if (!has(h, CGROUP_MEMORY)) {
		house_ask_stop(h, 0);
		house_wait(h, 0, REPLICA_ENDED);
		return;
	}
	assert_string_equal(house_wait(h, 0, REPLICA_ENDED).reason, "OOMKilled");
}

static void memory_below_its_limit_is_fine(void **state)
{
	struct house *h = *state;
	house_run(h, 0, LIMITED("echo fine", "\"memory\":\"512Mi\",\"cpu\":\"500m\",\"pids\":50"));
	assert_int_equal(house_code(h, 0), 0);
}

/** A second of wall time at a fifth of a core; on a busy machine it only gets less. */
static void cpu_is_limited(void **state)
{
	struct house *h = *state;
	if (!has(h, CGROUP_CPU))
		return; /* promised only with a cgroup; the job's log says so */
	house_run(h, 0, LIMITED("%s", "\"cpu\":\"200m\""),
		  "exec python3 -c 'import time\\nend = time.monotonic() + 1.5\\n"
		  "while time.monotonic() < end: pass\\n"
		  "raise SystemExit(3 if time.process_time() < 0.8 else 4)'");
	assert_int_equal(house_code(h, 0), 3);
}

static void processes_are_limited(void **state)
{
	struct house *h = *state;
	if (!has(h, CGROUP_PIDS))
		return; /* promised only with a cgroup; the job's log says so */
	house_run(h, 0, LIMITED("for i in $(seq 40); do sleep 100 & done; exit 5", "\"pids\":10"));
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_not_equal(r.exit.code, 0);
	assert_non_null(strstr(r.message, "limit of 10 processes"));
}

static void a_fork_bomb_is_ended(void **state)
{
	struct house *h = *state;
	if (!has(h, CGROUP_PIDS))
		return; /* it would take the machine with it */
	house_run(h, 0, LIMITED("f() { f | f & }; touch $SIDE/on; f; sleep 300", "\"pids\":60"));
	house_wait_side(h, "on");
	house_ask_stop(h, 0);
	assert_string_equal(house_wait(h, 0, REPLICA_ENDED).reason, "Stopped");
}

/** It left its session, its parents and its environment, and does not hear SIGTERM. */
static void what_has_cleared_all_marks_is_ended(void **state)
{
	struct house *h = *state;
	house_sh(h, 0,
		 "(setsid env -i SIDE=$SIDE sh -c 'trap : TERM; echo $$ > $SIDE/n; mv $SIDE/n "
		 "$SIDE/left; "
		 "while :; do sleep 100; done' &) ; while [ ! -e $SIDE/left ]; do sleep 0.01; "
		 "done; exit 4");
	assert_int_equal(house_code(h, 0), 4);
	assert_false(house_alive(house_pid_in(h, "left")));
}

/** The gap that only a cgroup closes: the supervisor is killed, so no parent is left that
 * knows it, and it bears no marks. */
static void it_is_ended_although_its_supervisor_was_killed(void **state)
{
	struct house *h = *state;
	house_sh(h, 0,
		 "(setsid env -i SIDE=$SIDE sh -c 'echo $$ > $SIDE/n; mv $SIDE/n $SIDE/left; "
		 "while :; do sleep 100; done' &) ; sleep 300");
	house_wait(h, 0, REPLICA_STARTED);
	house_wait_side(h, "left");
	kill(house_supervisor(h, 0), SIGKILL);
	house_wait(h, 0, REPLICA_LOST);
	int32_t left = house_pid_in(h, "left");
	if (has(h, CGROUP_TREE))
		assert_false(house_alive(left));
	else
		kill(left, SIGKILL);
}

/** Root could write there; Landlock does not let it. */
static void there_is_no_way_out_of_the_group(void **state)
{
	struct house *h = *state;
	house_sh(h, 0,
		 "for f in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs); do "
		 "echo $$ 2>&1 > $f && exit 3; done; mkdir /sys/fs/cgroup/*/mine && exit 4; "
		 "cat /proc/self/cgroup > /dev/null && cat /sys/fs/cgroup/*/cgroup.procs > "
		 "/dev/null");
	int code = house_code(h, 0);
	assert_true(code != 3 && code != 4);
}

/** Each process starts the next one and leaves, for ever. */
static _Noreturn void run_away(void)
{
	for (;;) {
		pid_t pid = fork();
		if (pid != 0)
			_exit(0);
		setsid();
	}
}

/** Chains of processes in a group of this one place; then it is killed. */
static void end_chains(const char *path, bool v2)
{
	struct cgroups all = {.n = 1, .place = {{.parts = CGROUP_TREE, .v2 = v2}}};
	struct replica_name name = {.job = {{0xfe, 0xed}}, .index = (uint32_t)getpid()};
	char file[512], id[UUID_TEXT_SIZE], text[16];
	snprintf(all.place[0].path, sizeof(all.place[0].path), "%s", path);
	if ((mkdir(path, 0755) < 0 && errno != EEXIST) || cgroup_make(&all, &name) < 0) {
		print_message("%s cannot be written here\n", path);
		return;
	}
	for (int i = 0; i < 8; i++) {
		bool born;
		pid_t pid = cgroup_fork(&all, &name, &born);
		assert_true(pid >= 0);
		if (pid == 0) {
			if (cgroup_join(&all, &name, born) < 0)
				_exit(1);
			run_away();
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	cgroup_kill(&all, &name);
	snprintf(file, sizeof(file), "%s/%s-0-%u-0/cgroup.procs", path, uuid_format(name.job, id),
		 name.index);
	FILE *list = fopen(file, "re");
	assert_non_null(list);
	assert_null(fgets(text, sizeof(text), list));
	fclose(list);
	cgroup_remove(&all, &name);
	assert_true(access(file, F_OK) < 0);
}

static void a_group_that_runs_away_is_ended_in_each_version(void **state SL_UNUSED)
{
	end_chains("/sys/fs/cgroup/freezer/sluice", false);
	end_chains("/sys/fs/cgroup/unified/sluice", true);
	if (access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0)
		end_chains("/sys/fs/cgroup/sluice", true);
}

static unsigned groups_of(const struct house *h, const char *tree)
{
	char id[UUID_TEXT_SIZE];
	unsigned n = 0;
	DIR *list = opendir(tree);
	for (struct dirent *e; list && (e = readdir(list));)
		n += strncmp(e->d_name, uuid_format(h->job, id), UUID_TEXT_SIZE - 1) == 0;
	if (list)
		closedir(list);
	return n;
}

static void groups_go_with_their_replicas(void **state)
{
	struct house *h = *state;
	struct cgroups all;
	cgroups_find("", "", &all);
	house_sh(h, 0, "sleep 300");
	house_sh(h, 1, "sleep 300 & exit 0");
	house_wait(h, 0, REPLICA_STARTED);
	house_wait(h, 1, REPLICA_ENDED);
	for (unsigned i = 0; i < all.n; i++)
		assert_int_equal(groups_of(h, all.place[i].path), h->spawner.can.parts ? 1 : 0);
	kill(house_supervisor(h, 0), SIGKILL);
	house_wait(h, 0, REPLICA_LOST);
	for (unsigned i = 0; i < all.n; i++)
		assert_int_equal(groups_of(h, all.place[i].path), 0);
}

static void each_process_has_its_limits(void **state)
{
	struct house *h = *state;
	house_run(h, 0,
		  LIMITED("ulimit -c; ulimit -Sn; ulimit -f", "\"ephemeral-storage\":\"1Mi\""));
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "0\n1024\n2048\n");
	free(log);
	house_run(h, 1,
		  LIMITED("head -c 2000000 /dev/zero > big; exit 3",
			  "\"ephemeral-storage\":\"1Mi\""));
	assert_int_equal(house_code(h, 1), 3);
	house_run(h, 2, LIMITED("stat -c %%s big; exit 0", "\"pids\":9"));
	assert_int_equal(house_code(h, 2), 0);
	log = house_log(h, 2, "stdout");
	assert_string_equal(log, "1048576\n");
	free(log);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, house_setup, house_teardown)
#define WITHOUT(test)                                                                              \
	{                                                                                          \
#test "_without_cgroups", test, house_setup_without_cgroups, house_teardown, NULL  \
	}
#define BOTH(test) WITH(test), WITHOUT(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(the_machine_is_told),
		BOTH(memory_over_its_limit_ends_it),
		BOTH(memory_of_all_processes_counts),
		BOTH(memory_below_its_limit_is_fine),
		BOTH(cpu_is_limited),
		BOTH(processes_are_limited),
		BOTH(a_fork_bomb_is_ended),
		BOTH(what_has_cleared_all_marks_is_ended),
		BOTH(it_is_ended_although_its_supervisor_was_killed),
		WITH(there_is_no_way_out_of_the_group),
		cmocka_unit_test(a_group_that_runs_away_is_ended_in_each_version),
		BOTH(groups_go_with_their_replicas),
		BOTH(each_process_has_its_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
