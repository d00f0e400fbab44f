/* The sentences about jobs: one row a situation. */
#include "tests/unit/core/support.h"

#include "core/summary.h"

enum { NOW = 1000000000, MIN = 60000 };

#define GATE "AccessGate.budget.ops"
#define TEXT(words)                                                                                \
	{                                                                                          \
		words, sizeof(words) - 1                                                           \
	}

static const struct row {
	struct job job;
	struct summary_facts facts;
	const char *says;
} rows[] = {
	{{.state = JOB_PREPARING, .reason_code = TEXT("in_admission"), .since_ms = NOW - 5000},
	 {.stage = PLUGIN_GATE},
	 "The job is in admission since 1970-01-12T13:46:35Z (5 s), at the stage AccessGate: its "
	 "plugins are being asked. Nothing is to be done."},
	{{.state = JOB_PREPARING, .reason_code = TEXT("held"), .since_ms = NOW - 3 * MIN},
	 {.stage = PLUGIN_TRANSLATOR},
	 "The job is stored and waits since 1970-01-12T13:43:40Z (3 min) because an operator holds "
	 "admission. It goes on by itself once that is released (sluicectl release, by somebody "
	 "with write_feature)."},
	{{.state = JOB_PREPARING,
	  .reason_code = TEXT("in_admission"),
	  .plugin = TEXT(GATE),
	  .parked_ms = NOW - 5000},
	 {.stage = PLUGIN_GATE},
	 "The job waits for a place at the plugin " GATE " since 1970-01-12T13:46:35Z (5 s), which "
	 "answers as many calls at once as it is allowed to (maxInFlight). It goes on by itself "
	 "when its turn comes; nothing is to be done."},
	{{.state = JOB_SUSPENDED,
	  .reason_code = TEXT("gate_suspended"),
	  .reason = TEXT("over budget."),
	  .plugin = TEXT(GATE),
	  .since_ms = NOW - 150 * MIN,
	  .next = NEXT_ASK,
	  .next_ms = NOW + 10 * MIN,
	  .expires_ms = NOW + 50 * 3600 * 1000},
	 {0},
	 "The job is suspended by " GATE " since 1970-01-12T11:16:40Z (2 h 30 min): over budget. "
	 "Somebody with the privilege resume_job can let it go on. The gate is asked again by "
	 "itself at 1970-01-12T13:56:40Z (in 10 min). At 1970-01-14T15:46:40Z (in 2 d 2 h) the job "
	 "is stopped if nobody let it go on before."},
	{{.state = JOB_SUSPENDED,
	  .reason_code = TEXT("plugin_unavailable"),
	  .reason = TEXT(GATE " cannot be asked: connection refused"),
	  .plugin = TEXT(GATE),
	  .since_ms = NOW - MIN,
	  .unavailable_ms = NOW - 10 * MIN},
	 {.wait_for_ms = 60 * MIN},
	 "The job waits for the plugin " GATE ", which cannot be asked since 1970-01-12T13:36:40Z "
	 "(10 min): connection refused. It goes on by itself as soon as that plugin answers; if it "
	 "stays away the job fails at 1970-01-12T14:36:40Z (in 50 min). Whoever runs that plugin "
	 "can mend it."},
	{{.state = JOB_WAITING, .engine = TEXT("local"), .since_ms = NOW},
	 {.queue = {.place = 3, .of = 7, .needs = 4, .free = 1, .room = 4}},
	 "The job is admitted and waits for room on the engine local since 1970-01-12T13:46:40Z (0 "
	 "ms); it is number 3 of 7 in the queue; it needs room for 4 at once, 1 of 4 is free. It "
	 "starts by itself."},
	{{.state = JOB_WAITING, .engine = TEXT("local"), .since_ms = NOW, .stopping = true},
	 {0},
	 "The job is being stopped."},
	{{.state = JOB_RUNNING, .engine = TEXT("local"), .started_ms = NOW - 90000},
	 {.replicas = 4, .replicas_running = 1, .replicas_done = 2},
	 "The job runs on the engine local since 1970-01-12T13:45:10Z (90 s); of 4 replicas 1 runs "
	 "and 2 have ended."},
	{{.state = JOB_SUCCEEDED,
	  .reason = TEXT("done"),
	  .started_ms = NOW - 90000,
	  .finished_ms = NOW},
	 {0},
	 "The job succeeded at 1970-01-12T13:46:40Z, 90 s after its first start."},
	{{.state = JOB_FAILED,
	  .reason_code = TEXT("increment_violation"),
	  .reason = TEXT(GATE ": /kind: may not be changed"),
	  .plugin = TEXT(GATE),
	  .created_ms = NOW - 20,
	  .finished_ms = NOW},
	 {0},
	 "The job failed because of " GATE
	 " at 1970-01-12T13:46:40Z, 20 ms after it was submitted; "
	 "nothing of it was started: /kind: may not be changed. A plugin may only add to the "
	 "TaskSet: its author must correct it. Then submit again."},
	{{.state = JOB_STOPPED,
	  .reason_code = TEXT("expired"),
	  .plugin = TEXT(GATE),
	  .created_ms = NOW - MIN,
	  .finished_ms = NOW},
	 {0},
	 "The job was stopped, while " GATE " held it, at 1970-01-12T13:46:40Z, 60 s after it was "
	 "submitted; nothing of it was started."},
};

static void test_what_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		scoped(buf_finip) struct buf text = {0};
		struct summary_facts facts = rows[i].facts;
		facts.now_ms = NOW;
		buf_init(&text, 4096);
		summary_write(&rows[i].job, &facts, &text);
		assert_string_equal(buf_str(&text), rows[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_said)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
