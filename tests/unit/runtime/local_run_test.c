/* What a replica meets when it runs: its exit code, environment, directory, logs. */
#include "house.h"

#include <linux/landlock.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static void exit_codes_are_reported(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, "exit 0");
	house_sh(h, 1, "exit 3");
	house_sh(h, 2, "exit 255");
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 0);
	assert_string_equal(r.reason, "Completed");
	assert_true(r.exit.started_ms > 1700000000000 && r.exit.finished_ms >= r.exit.started_ms);
	r = house_wait(h, 1, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 3);
	assert_int_equal(r.exit.signal, 0);
	assert_string_equal(r.reason, "Error");
	assert_int_equal(house_code(h, 2), 255);
	assert_int_equal(house_count(h, 0, REPLICA_STARTED), 1);
	assert_true(house_wait(h, 0, REPLICA_STARTED).pid > 0);
}

static void a_signal_is_reported_with_128_added(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, "kill -SEGV $$");
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.signal, SIGSEGV);
	assert_int_equal(r.exit.code, 128 + SIGSEGV);
	assert_string_equal(r.reason, "Signaled");
}

static void a_command_that_cannot_run_is_named(void **state)
{
	struct house *h = *state;
	house_run(h, 0, "{\"spec\":{\"containers\":[{\"command\":[\"no-such-tool\"]}]}}");
	house_run(h, 1, "{\"spec\":{\"containers\":[{\"command\":[\"/etc/passwd\"]}]}}");
	house_run(h, 2,
		  "{\"spec\":{\"containers\":[{\"command\":[\"true\"],\"workingDir\":\"/no/dir\"}"
		  "]}}");
	struct engine_report r = house_wait(h, 0, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 127);
	assert_string_equal(r.reason, "StartError");
	assert_non_null(strstr(r.message, "no-such-tool"));
	assert_int_equal(house_count(h, 0, REPLICA_STARTED), 0);
	r = house_wait(h, 1, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 126);
	assert_non_null(strstr(r.message, "/etc/passwd"));
	r = house_wait(h, 2, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 126);
	assert_non_null(strstr(r.message, "/no/dir"));
}

/* Whether it is let go just before it fails or just after is a matter of luck: many. */
static void a_failure_before_its_start_is_told_always(void **state)
{
	enum { MANY = 40 };
	struct house *h = *state;
	for (uint32_t i = 0; i < MANY; i++)
		house_run(h, i,
			  "{\"spec\":{\"containers\":[{\"command\":[\"true\"],"
			  "\"workingDir\":\"/no/dir\"}]}}");
	for (uint32_t i = 0; i < MANY; i++) {
		assert_string_equal(house_wait(h, i, REPLICA_ENDED).reason, "StartError");
		assert_int_equal(house_count(h, i, REPLICA_STARTED), 0);
	}
}

static void a_pod_that_makes_no_sense_is_refused(void **state)
{
	struct house *h = *state;
	house_run(h, 0, "{\"spec\":{\"containers\":[{\"command\":[]}]}}");
	house_run(h, 1, "{\"spec\":{\"containers\":[{\"command\":[\"a\\u0000b\"]}]}}");
	assert_non_null(strstr(house_wait(h, 0, REPLICA_REFUSED).message, "command"));
	assert_non_null(strstr(house_wait(h, 1, REPLICA_REFUSED).message, "NUL"));
}

static void the_environment_is_clean_and_as_given(void **state)
{
	struct house *h = *state;
	house_run(h, 0,
		  "{\"spec\":{\"containers\":[{\"command\":[\"env\"],\"env\":["
		  "{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"EMPTY\"},{\"name\":\"A\",\"value\":"
		  "\"two words\"},{\"name\":\"GIVEN\",\"value\":\"by the pod\"}]}]}}");
	assert_int_equal(house_code(h, 0), 0);
	char *env = house_log(h, 0, "stdout"), id[UUID_TEXT_SIZE], line[256];
	house_assert_line(env, "A=two words");
	house_assert_line(env, "EMPTY=");
	house_assert_line(env, "GIVEN=by the core");
	house_assert_line(env, "TASKSET_NAME=demo");
	house_assert_line(env, "TASKROLE_NAME=worker");
	house_assert_line(env, "TASKROLE_REPLICA_INDEX=0");
	snprintf(line, sizeof(line), "SLUICE_JOB_ID=%s", uuid_format(h->job, id));
	house_assert_line(env, line);
	snprintf(line, sizeof(line), "HOME=%s/data/work/%s", h->dir, id);
	house_assert_line(env, line);
	assert_non_null(strstr(env, "PATH=/usr"));
	assert_null(strstr(env, "SLUICE_SECRET"));
	assert_null(strstr(env, "A=1"));
	free(env);
}

static void the_directory_is_the_jobs_own(void **state)
{
	struct house *h = *state;
	char id[UUID_TEXT_SIZE], want[256];
	house_sh(h, 0, "pwd; mkdir sub; echo kept > sub/file");
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout");
	snprintf(want, sizeof(want), "%s/data/work/%s\n", h->dir, uuid_format(h->job, id));
	assert_string_equal(log, want);
	free(log);
	house_run(h, 1,
		  "{\"spec\":{\"containers\":[{\"command\":[\"cat\",\"file\"],\"workingDir\":"
		  "\"sub\"}]}}");
	house_run(h, 2,
		  "{\"spec\":{\"containers\":[{\"command\":[\"pwd\"],\"workingDir\":\"/usr\"}]}}");
	assert_int_equal(house_code(h, 1), 0);
	assert_int_equal(house_code(h, 2), 0);
	log = house_log(h, 1, "stdout");
	assert_string_equal(log, "kept\n");
	free(log);
	log = house_log(h, 2, "stdout");
	assert_string_equal(log, "/usr\n");
	free(log);
}

static void init_containers_run_first_and_in_order(void **state)
{
	struct house *h = *state;
	house_run(h, 0,
		  "{\"spec\":{\"initContainers\":[{\"command\":[\"sh\",\"-c\",\"echo one\"]},"
		  "{\"command\":[\"sh\",\"-c\",\"echo two\"]}],"
		  "\"containers\":[{\"command\":[\"sh\",\"-c\",\"echo three; exit 4\"]}]}}");
	house_run(h, 1,
		  "{\"spec\":{\"initContainers\":[{\"name\":\"fetch\",\"command\":[\"sh\",\"-c\","
		  "\"exit 9\"]}],\"containers\":[{\"command\":[\"sh\",\"-c\",\"echo never\"]}]}}");
	assert_int_equal(house_code(h, 0), 4);
	assert_int_equal(house_count(h, 0, REPLICA_STARTED), 1);
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "one\ntwo\nthree\n");
	free(log);
	struct engine_report r = house_wait(h, 1, REPLICA_ENDED);
	assert_int_equal(r.exit.code, 9);
	assert_non_null(strstr(r.message, "fetch"));
	log = house_log(h, 1, "stdout");
	assert_string_equal(log, "");
	free(log);
}

static void nothing_leaks_into_a_replica(void **state)
{
	struct house *h = *state;
	house_sh(h, 0,
		 "ls /proc/$$/fd; readlink /proc/$$/fd/0; "
		 "ulimit -c; cat /proc/$$/stat > $SIDE/stat");
	house_run(h, 1,
		  "{\"spec\":{\"containers\":[{\"command\":[\"cat\",\"/proc/self/status\"]}]}}");
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout");
	/* its descriptors; its stdin; no core files */
	assert_int_equal(strncmp(log, "0\n1\n2\n/dev/null\n0\n", 18), 0);
	free(log);
	assert_int_equal(house_code(h, 1), 0);
	log = house_log(h, 1, "stdout");
	house_assert_line(log, "NoNewPrivs:\t1");
	house_assert_line(log, "SigBlk:\t0000000000000000");
	house_assert_line(log, "SigIgn:\t0000000000000000");
	free(log);
	int pid, parent, group, session;
	char *stat = house_side(h, "stat");
	assert_non_null(stat);
	assert_int_equal(sscanf(stat, "%d (%*[^)]) %*c %d %d %d", &pid, &parent, &group, &session),
			 4);
	assert_int_equal(pid, group);
	assert_int_equal(pid, session);
	free(stat);
}

static void logs_of_both_streams_are_kept_over_attempts(void **state)
{
	struct house *h = *state;
	house_sh(h, 0, "echo out; echo err >&2");
	assert_int_equal(house_code(h, 0), 0);
	struct replica_spec spec = {
		.name = house_name(h, 0),
		.pod = BYTES("{\"spec\":{\"containers\":[{\"command\":[\"echo\",\"again\"]}]}}"),
		.role_name = BYTES("worker")};
	spec.name.attempt = 1;
	size_t before = h->n;
	assert_int_equal(
		h->engine->ops->start(h->engine, &(struct replica_group){START_EACH, 1, &spec}), 0);
	pthread_mutex_lock(&h->lock);
	while (h->n < before + 2)
		pthread_cond_wait(&h->more, &h->lock);
	pthread_mutex_unlock(&h->lock);
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "out\nagain\n");
	free(log);
	log = house_log(h, 0, "stderr");
	assert_string_equal(log, "err\n");
	free(log);
	struct engine *e = h->engine;
	assert_int_equal(e->ops->open_log(e, &h->job, BYTES("../x"), 0, "stdout"), -1);
	assert_int_equal(e->ops->open_log(e, &h->job, BYTES("worker"), 0, "../../x"), -1);
}

static void a_log_over_its_limit_is_cut_and_says_so(void **state)
{
	struct house *h = *state;
	const struct house_options small = {.log_max = 1000};
	house_stop(h);
	house_start(h, &small);
	house_sh(h, 0, "head -c 500000 /dev/zero | tr '\\\\0' x; echo done > $SIDE/done");
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout"), *done = house_side(h, "done");
	assert_non_null(done); /* it never waited for its log */
	assert_int_equal(strspn(log, "x"), 1000);
	assert_non_null(strstr(log, "499000 bytes dropped"));
	assert_true(strlen(log) < 1200);
	free(log);
	free(done);
}

static void a_long_pod_fits(void **state)
{
	struct house *h = *state;
	size_t len = 1 << 20;
	char *word = malloc(len + 1);
	memset(word, 'w', len);
	word[len] = 0;
	for (size_t i = 100000; i < len; i += 100000)
		memcpy(word + i, "\",\"", 3);
	house_run(h, 0,
		  "{\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\",\"echo $#\",\"%s\"]}]}}",
		  word);
	free(word);
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "10\n");
	free(log);
}

static void volumes_are_directories_named_in_the_environment(void **state)
{
	struct house *h = *state;
	char id[UUID_TEXT_SIZE], path[256];
	house_run(
		h, 0,
		"{\"spec\":{\"volumes\":[{\"name\":\"host-dir\",\"hostPath\":{\"path\":\"/usr\"}},"
		"{\"name\":\"tmp.1\",\"emptyDir\":{}}],\"initContainers\":[{\"command\":[\"sh\","
		"\"-c\",\"mkdir $SLUICE_VOLUME_TMP_1/d; echo in > $SLUICE_VOLUME_TMP_1/d/f\"]}],"
		"\"containers\":[{\"command\":[\"sh\",\"-c\",\"echo $SLUICE_VOLUME_HOST_DIR; cat "
		"$SLUICE_VOLUME_TMP_1/d/f; ls -A\"]}]}}");
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "/usr\nin\n.volumes\n");
	free(log);
	snprintf(path, sizeof(path), "%s/data/work/%s/.volumes", h->dir, uuid_format(h->job, id));
	assert_int_equal(access(path, F_OK), -1); /* gone with the replica */
}

static void make_file(const struct house *h, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void make_dir(const struct house *h, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static bool is_there(const struct house *h, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	return access(path, F_OK) == 0;
}

/* Whoever makes and removes volumes is not barred from anything: it must not be led. */
static void volumes_are_not_removed_through_links(void **state)
{
	struct house *h = *state;
	static const char pod[] =
		"{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}],\"containers\":["
		"{\"command\":[\"sh\",\"-c\",\"%s\"]}]}}";
	make_dir(h, "data/other");
	make_dir(h, "data/other/2-0-0");
	make_file(h, "data/other/2-0-0/precious");
	house_run(h, 0, pod, "mv .volumes mine && ln -s ../../other .volumes");
	assert_int_equal(house_code(h, 0), 0);
	assert_true(is_there(h, "data/other/2-0-0/precious"));
	house_run(h, 1, pod, "echo never");
	assert_int_equal(house_code(h, 1), 126);
	assert_false(is_there(h, "data/other/2-1-0"));
}

static void what_a_link_in_a_volume_leads_to_stays(void **state)
{
	struct house *h = *state;
	make_dir(h, "data/other");
	make_file(h, "data/other/precious");
	house_run(h, 0,
		  "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}],\"containers\":["
		  "{\"command\":[\"sh\",\"-c\",\"mkdir $SLUICE_VOLUME_V/d && "
		  "ln -s $SIDE/../data/other $SLUICE_VOLUME_V/d/l\"]}]}}");
	assert_int_equal(house_code(h, 0), 0);
	assert_true(is_there(h, "data/other/precious"));
}

static bool signals_can_be_kept_inside(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 6;
}

static void its_signals_stay_inside(void **state)
{
	struct house *h = *state;
	if (!signals_can_be_kept_inside())
		skip();
	house_sh(h, 0, "kill -9 $PPID && exit 1; sleep 1000 & kill $! || exit 2; wait; exit 5");
	assert_int_equal(house_code(h, 0), 5);
}

static void the_data_directory_is_barred(void **state)
{
	struct house *h = *state;
	char path[256];
	snprintf(path, sizeof(path), "%s/data/secret", h->dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("key\n", f);
	fclose(f);
	house_sh(h, 0,
		 "cat ../../secret && exit 1; echo x > ../../secret && exit 2; "
		 "echo y > ../../new && exit 3; rm ../../secret && exit 4; "
		 "echo mine > here && echo side > $SIDE/ok && cat here");
	assert_int_equal(house_code(h, 0), 0);
	char *log = house_log(h, 0, "stdout");
	assert_string_equal(log, "mine\n");
	free(log);
}

int main(void)
{
	setenv("SLUICE_SECRET", "must not be seen", 1);
#define T(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		T(exit_codes_are_reported),
		T(a_signal_is_reported_with_128_added),
		T(a_command_that_cannot_run_is_named),
		T(a_failure_before_its_start_is_told_always),
		T(a_pod_that_makes_no_sense_is_refused),
		T(the_environment_is_clean_and_as_given),
		T(the_directory_is_the_jobs_own),
		T(init_containers_run_first_and_in_order),
		T(nothing_leaks_into_a_replica),
		T(logs_of_both_streams_are_kept_over_attempts),
		T(a_log_over_its_limit_is_cut_and_says_so),
		T(a_long_pod_fits),
		T(volumes_are_directories_named_in_the_environment),
		T(volumes_are_not_removed_through_links),
		T(what_a_link_in_a_volume_leads_to_stays),
		T(its_signals_stay_inside),
		T(the_data_directory_is_barred),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
