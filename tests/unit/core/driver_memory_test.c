/* The n-th allocation fails while jobs are asked about, for each n until none fails: whatever it
 * was, all of them have ended a few seconds later. */
#include "tests/lib/nth_allocation.h"
#include "tests/unit/core/driver_house.h"

enum { N_MOST = 3000, SOON_MS = 20000 };

/* ---- doubles that always have memory ---- */

struct scene {
	struct world *w;
	struct executor_ops executor;
	struct engine_ops engine;
	const struct executor_ops *real_executor;
	const struct engine_ops *real_engine;
	struct uuid id;
};

static struct scene *scene(void)
{
	static struct scene the_scene;
	return &the_scene;
}

static int start_call(struct executor *x, const struct call *call, call_done_fn done_fn, void *user,
		      call_id *ret)
{
	nth_allocation()->off++;
	int rc = scene()->real_executor->start(x, call, done_fn, user, ret);
	nth_allocation()->off--;
	return rc;
}

static int start_replicas(struct engine *e, const struct replica_group *group)
{
	nth_allocation()->off++;
	int rc = scene()->real_engine->start(e, group);
	nth_allocation()->off--;
	return rc;
}

static void scene_open(void)
{
	struct scene *s = scene();
	s->w = world_open(10);
	s->real_executor = s->w->executor.base.ops;
	s->real_engine = s->w->engine.base.ops;
	s->executor = *s->real_executor;
	s->engine = *s->real_engine;
	s->executor.start = start_call;
	s->engine.start = start_replicas;
	s->w->executor.base.ops = &s->executor;
	s->w->engine.base.ops = &s->engine;
	add_gate(s->w);
}

/* ---- */

static bool has_ended(struct world *w, struct uuid id, struct job *ret)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	assert_int_equal(store_begin(w->store, STORE_READ, &txn), 0);
	assert_int_equal(ledger_get(txn, id, ret), 0);
	return job_final(ret->state);
}

/* As let_go_on(), but that the engine's own messages are spared, and it may end sooner. */
static bool ends_without(struct scene *s, size_t n, struct job *ret)
{
	bool over = false;
	for (int64_t step = 0; step <= SOON_MS && !over; step += 100) {
		nth_allocation()->left = step ? nth_allocation()->left : n;
		for (int i = 0; i < 4; i++) {
			driver_turn(s->w->driver, 0);
			writer_turn(s->w->writer);
			nth_allocation()->off++;
			sim_engine_turn(&s->w->engine);
			nth_allocation()->off--;
		}
		fake_clock_pass(&s->w->clock, 100);
		nth_allocation()->off++;
		over = has_ended(s->w, s->id, ret);
		nth_allocation()->off--;
	}
	return over;
}

/* Was there an n-th allocation? */
static bool fails_once(void (*begin)(struct scene *s), size_t n)
{
	struct scene *s = scene();
	struct job job;
	scene_open();
	begin(s);
	bool over = ends_without(s, n, &job), hit = nth_allocation()->left == 0;
	nth_allocation()->left = 0;
	if (!over)
		fail_msg("without its allocation %zu the job is %s still", n,
			 job_state_name(job.state));
	if (!hit)
		assert_int_equal(job.state, JOB_SUCCEEDED);
	world_close(s->w);
	return hit;
}

static void sweep(void (*begin)(struct scene *s))
{
	size_t n = 1;
	while (n < N_MOST && fails_once(begin, n))
		n++;
	assert_in_range(n, 50, N_MOST - 1);
}

static void submit_one(struct scene *s)
{
	s->w->answer = "{\"decision\":\"pass\"}";
	s->id = submit(s->w, JOB(ONE_ROLE));
}

static void test_asked_about(void **state SL_UNUSED) { sweep(submit_one); }

static void suspend_one(struct scene *s)
{
	s->w->answer = "{\"decision\":\"suspend\",\"retryAfterSec\":1}";
	s->id = submit(s->w, JOB(ONE_ROLE));
	let_go_on(s->w, 500);
	assert_is(s->w, s->id, JOB_SUSPENDED, "gate_suspended");
	s->w->answer = "{\"decision\":\"pass\"}";
}

static void test_asked_about_again(void **state SL_UNUSED) { sweep(suspend_one); }

static void break_gate(struct scene *s)
{
	s->w->answer = NULL;
	s->w->failing = true;
	s->id = submit(s->w, JOB(ONE_ROLE));
	let_go_on(s->w, 500);
	assert_is(s->w, s->id, JOB_SUSPENDED, "plugin_unavailable");
	s->w->failing = false;
	s->w->answer = "{\"decision\":\"pass\"}";
}

static void test_asked_when_the_plugin_is_back(void **state SL_UNUSED) { sweep(break_gate); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_about),
		cmocka_unit_test(test_asked_about_again),
		cmocka_unit_test(test_asked_when_the_plugin_is_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
