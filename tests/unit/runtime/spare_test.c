/* The supervisor that waits for a replica: it is used, and nobody misses it. */
#include "house.h"

#include <linux/landlock.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_spare(pid_t pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	bool is = f && fgets(name, sizeof(name), f) && strcmp(name, "sluice-spare\n") == 0;
	if (f)
		fclose(f);
	return is;
}

/** Another one than `but`. */
static pid_t spare_now(const struct house *h, pid_t but)
{
	char path[64];
	int pid, found = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)h->spawner.pid,
		 (int)h->spawner.pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	while (!found && fscanf(f, "%d", &pid) == 1)
		found = pid != but && is_spare(pid) ? pid : 0;
	fclose(f);
	return found;
}

static void pause_a_little(void) { nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); }

static pid_t wait_for_spare(const struct house *h, pid_t but)
{
	time_t end = time(NULL) + HOUSE_DEADLINE_S;
	pid_t pid = 0;
	while (!(pid = spare_now(h, but)) && time(NULL) < end)
		pause_a_little();
	assert_true(pid > 0);
	return pid;
}

/** After this replica; waited for. */
static pid_t spare_behind(struct house *h, uint32_t index)
{
	house_sh(h, index, "exit 0");
	assert_int_equal(house_code(h, index), 0);
	return wait_for_spare(h, 0);
}

static pid_t spare_of(struct house *h) { return spare_behind(h, 0); }

/** Until it waits for a plan, having done what it does beforehand. */
static void wait_for_rest(pid_t pid)
{
	char path[64], state = 'R';
	time_t end = time(NULL) + HOUSE_DEADLINE_S;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'S' && time(NULL) < end) {
		FILE *f = fopen(path, "re");
		if (f && fscanf(f, "%*d %*s %c", &state) != 1)
			state = 'R';
		if (f)
			fclose(f);
		pause_a_little();
	}
	assert_int_equal(state, 'S');
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static void wait_for_end(pid_t pid)
{
	time_t end = time(NULL) + HOUSE_DEADLINE_S;
	while (house_alive(pid) && time(NULL) < end)
		pause_a_little();
	assert_false(house_alive(pid));
}

/** All threads of it, which a zombie may still have: its spawner has reaped it. */
static void wait_for_reaped(pid_t pid)
{
	time_t end = time(NULL) + HOUSE_DEADLINE_S;
	while (kill(pid, 0) == 0 && time(NULL) < end)
		pause_a_little();
	assert_int_equal(kill(pid, 0), -1);
}

static void the_next_replica_is_its_own(void **state)
{
	struct house *h = *state;
	pid_t spare = spare_of(h);
	house_sh(h, 1, "sleep 100");
	house_wait(h, 1, REPLICA_STARTED);
	assert_int_equal(house_supervisor(h, 1), spare);
	assert_false(is_spare(spare)); /* it bears the name of its work */
	house_ask_stop(h, 1);
	assert_string_equal(house_wait(h, 1, REPLICA_ENDED).reason, "Stopped");
}

static void without_it_another_one_is_made(void **state)
{
	struct house *h = *state;
	pid_t spare = spare_of(h);
	kill(spare, SIGKILL);
	wait_for_reaped(spare);
	house_sh(h, 1, "exit 3");
	assert_int_equal(house_code(h, 1), 3);
	assert_int_equal(house_count(h, 1, REPLICA_STARTED), 1);
}

/* As of any supervisor that was killed: whether its replica ran is not known. */
static void killed_with_a_plan_its_replica_is_lost(void **state)
{
	struct house *h = *state;
	pid_t spare = spare_of(h);
	kill(spare, SIGSTOP);
	house_sh(h, 1, "exit 3");
	wait_for_spare(h, spare); /* so that one is taken */
	kill(spare, SIGKILL);
	house_wait(h, 1, REPLICA_LOST);
	assert_int_equal(house_count(h, 1, REPLICA_STARTED), 0);
}

static void a_signal_before_is_no_stop(void **state)
{
	struct house *h = *state;
	pid_t spare = spare_of(h);
	kill(spare, SIGTERM);
	house_sh(h, 1, "exit 0");
	assert_string_equal(house_wait(h, 1, REPLICA_ENDED).reason, "Completed");
	assert_int_equal(house_wait(h, 1, REPLICA_ENDED).exit.code, 0);
}

static void it_ends_with_its_spawner(void **state)
{
	struct house *h = *state;
	pid_t spare = spare_of(h);
	kill(h->spawner.pid, SIGKILL);
	wait_for_end(spare);
}

static void nothing_of_it_stays(void **state)
{
	static const struct house_options usual = {0};
	struct house *h = *state;
	pid_t spare = spare_of(h);
	house_stop(h);
	assert_false(house_alive(spare));
	house_start(h, &usual);
}

/* What it has looked at beforehand holds for the replica only if it still does. */
static void what_is_made_meanwhile_is_open_and_our_own_is_not(void **state)
{
	struct house *h = *state;
	house_sh(h, 1, "sleep 0.3"); /* nothing beside the data directory changes meanwhile */
	assert_int_equal(house_code(h, 1), 0);
	wait_for_rest(spare_of(h));
	house_sh(h, 2, "test -e ../../run || exit 1; echo x >../../mine && exit 2; echo x >here");
	int code = house_code(h, 2);
	assert_int_equal(code, has_landlock() ? 0 : 2);
	wait_for_rest(spare_behind(h, 3));
	char made[192];
	snprintf(made, sizeof(made), "%s/made", h->dir);
	assert_int_equal(mkdir(made, 0777), 0);
	house_sh(h, 4, "echo x >../../../made/file");
	assert_int_equal(house_code(h, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_next_replica_is_its_own, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(without_it_another_one_is_made, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(killed_with_a_plan_its_replica_is_lost, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(a_signal_before_is_no_stop, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(it_ends_with_its_spawner, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(what_is_made_meanwhile_is_open_and_our_own_is_not,
						house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(nothing_of_it_stays, house_setup, house_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
