/* The tracer goes on with what the feed of changes still holds when it has come too late. */
#include "core/ledger/feed.h"
#include "core/ledger/ledger.h"
#include "core/telemetry/tracer.h"
#include "tests/lib/fake_executor.h"
#include "tests/unit/core/support.h"

#include <time.h>

enum { OLD = 15, NEW = 16, DEADLINE_S = 120 };

static const int64_t now_ms = INT64_C(1800000000000);

struct scene {
	struct fake_clock clock;
	struct fake_executor x;
	struct store *store;
	bool appended;
};

static void append(struct store *store, uint8_t id, int64_t time_ms, enum job_state state)
{
	struct store_txn *txn;
	struct job job = {.id = {{id, 1}},
			  .state = state,
			  .created_ms = time_ms,
			  .since_ms = time_ms,
			  .finished_ms = time_ms,
			  .user = BYTES("ann"),
			  .kind = BYTES("TaskSet"),
			  .reason_code = BYTES("x")};
	assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
	if (job_final(state)) {
		struct job begun = job;
		begun.state = JOB_PREPARING;
		ledger_insert(txn, &begun);
	}
	feed_append(txn, &job, JOB_RUNNING);
	assert_int_equal(store_commit(&txn), 0);
}

/* On the tracer's thread, between two looks: a day of changes goes by, then a job ends. */
static void pass_a_day(void *user)
{
	struct scene *s = user;
	fake_clock_pass(&s->clock, 250);
	for (uint8_t i = 0; !s->appended && i < OLD + NEW; i++)
		append(s->store, 2 + i, i < OLD ? 1000 : now_ms,
		       i < OLD ? JOB_RUNNING : JOB_FAILED);
	s->appended = true;
}

static uint64_t exported_in_time(const struct tracer *t)
{
	struct tracer_stats stats = {0};
	time_t end = time(NULL) + DEADLINE_S;
	while (stats.exported == 0 && time(NULL) < end) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		tracer_stats(t, &stats);
	}
	return stats.exported;
}

static void goes_on_behind_a_gap(void **state SL_UNUSED)
{
	const struct tracer_config config = {.endpoint = "http://collector",
					     .version = "1",
					     .sample_percent = 100,
					     .queue_max = 10,
					     .timeout_ms = 1000};
	struct scene s = {0};
	struct tracer *t;
	fake_clock_init(&s.clock, now_ms);
	fake_executor_init(&s.x, &s.clock);
	s.x.before = pass_a_day;
	s.x.user = &s;
	assert_int_equal(store_open_mem(&s.store), 0);
	append(s.store, 1, 1000, JOB_RUNNING);
	assert_int_equal(tracer_create(&config, &s.x.base, s.store, &s.clock.base, NULL, &t), 0);
	assert_int_equal(tracer_start(t), 0);
	assert_true(exported_in_time(t) > 0);
	tracer_close(t, 0);
	fake_executor_fini(&s.x);
	store_close(s.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(goes_on_behind_a_gap)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
