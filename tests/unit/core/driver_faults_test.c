/* The driver when a part of it is in trouble: nothing else may be held up by that, and no
 * job may be left behind. */
#include "core/driver/run.h"
#include "core/registry.h"
#include "store/store_mem.h"
#include "tests/lib/fake_executor.h"
#include "tests/lib/served.h"
#include "tests/lib/sim_engine.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

#define POD      "\"template\":{\"spec\":{\"containers\":[{\"command\":[\"x\"]}]}}"
#define ONE_ROLE "\"roles\":[{\"name\":\"a\"," POD "}]"
#define ADDRESS  "http://127.0.0.1:1/gate"

struct world {
	struct fake_clock clock;
	struct fake_executor executor;
	struct seeded random;
	struct sim_engine engine;
	struct store *store;
	struct writer *writer;
	struct registry *registry;
	struct driver *driver;
	uint8_t secret[CRYPT_KEY_SIZE];
	const char *answer; /* of the gate */
	uint32_t delay_ms;
	/* one request */
	const char *document;
	struct job_request request;
	struct uuid id;
	int rc;
};

static void answer(void *user, const struct fake_call *call SL_UNUSED, struct fake_answer *ret)
{
	struct world *w = user;
	ret->body = w->answer;
	ret->delay_ms = w->delay_ms;
}

static struct world *world_open(size_t in_admission_max)
{
	static const struct http_config http = {0};
	struct driver_config config = {.in_admission_max = in_admission_max,
				       .answer_max = 1 << 20,
				       .budget_ms = 120000,
				       .wait_for_ms = 3600000,
				       .wait_first_ms = 1000,
				       .wait_most_ms = 60000,
				       .regex_value_max = 1024,
				       .engine_default = "sim"};
	struct world *w = calloc(1, sizeof(*w));
	size_t n;
	assert_non_null(w);
	assert_int_equal(crypt_start(), 0);
	struct registry_config registry = {.features_max = 10,
					   .plugins_max = 10,
					   .timeout_ms = 10000,
					   .http = &http,
					   .secret_key = w->secret};
	fake_clock_init(&w->clock, 1700000000000);
	fake_executor_init(&w->executor, &w->clock);
	w->executor.answer = answer;
	w->executor.user = w;
	sim_engine_init(&w->engine, &w->clock, &w->random);
	assert_int_equal(store_open_mem(&w->store), 0);
	assert_int_equal(writer_create(w->store, 100, &w->writer), 0);
	assert_int_equal(
		registry_create(&registry, w->store, w->writer, &w->clock.base, &w->registry, NULL),
		0);
	struct driver_parts parts = {.store = w->store,
				     .writer = w->writer,
				     .registry = w->registry,
				     .executor = &w->executor.base,
				     .clock = &w->clock.base};
	assert_int_equal(driver_create(&config, &parts, &w->driver, NULL), 0);
	sim_engine_attach(&w->engine, driver_report, w->driver);
	assert_int_equal(driver_add_engine(w->driver, &w->engine.base), 0);
	assert_int_equal(driver_recover(w->driver, &n, NULL), 0);
	return w;
}

static void world_close(struct world *w)
{
	writer_free(w->writer);
	sim_engine_attach(&w->engine, NULL, NULL);
	driver_free(w->driver);
	registry_free(w->registry);
	store_close(w->store);
	sim_engine_fini(&w->engine);
	fake_executor_fini(&w->executor);
	free(w);
}

static void let_go_on(struct world *w, int64_t ms)
{
	for (int64_t step = 0; step <= ms; step += 100) {
		for (int i = 0; i < 4; i++) {
			driver_turn(w->driver, 0);
			writer_turn(w->writer);
			sim_engine_turn(&w->engine);
		}
		fake_clock_pass(&w->clock, 100);
	}
}

static void do_register(void *user)
{
	struct world *w = user;
	struct feature_caller caller = {.may_write = true};
	struct json_object *payload = NULL;
	struct json json = test_json(w->document);
	w->rc = registry_register(w->registry, &json, &caller, -1, &payload, NULL);
	jb_free(payload);
	json_fini(&json);
}

static void add_gate(struct world *w)
{
	w->document = "{\"name\":\"g\",\"author\":\"a\",\"enabled\":true,\"jobSelector\":"
		      "{\"conditions\":[],\"expression\":\"*\"},\"plugins\":[{\"pluginType\":"
		      "\"AccessGate\",\"callAddress\":\"" ADDRESS "\"}]}";
	served_run(w->writer, do_register, w);
	assert_int_equal(w->rc, 0);
}

static void do_submit(void *user)
{
	struct world *w = user;
	struct json json = test_json(w->document);
	struct submission s = {.user = BYTES("ann"),
			       .name = BYTES("n"),
			       .kind = BYTES("TaskSet"),
			       .json = &json,
			       .header = JSON_NONE,
			       .job = json_get(&json, 0, BYTES("job")),
			       .token = BYTES("tok")};
	w->rc = driver_submit(w->driver, &s, &w->id, NULL);
	json_fini(&json);
}

static struct uuid submit(struct world *w, const char *document)
{
	w->document = document;
	served_run(w->writer, do_submit, w);
	assert_int_equal(w->rc, 0);
	return w->id;
}

#define JOB(spec)                                                                                  \
	"{\"job\":{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"s\"},\"spec\":{" spec "}}}"

static void do_resume(void *user)
{
	struct world *w = user;
	w->rc = driver_resume(w->driver, &w->request, NULL);
}

static int resume(struct world *w, struct uuid job)
{
	w->request = (struct job_request){.job = job, .who = BYTES("me")};
	served_run(w->writer, do_resume, w);
	return w->rc;
}

static void assert_is(struct world *w, struct uuid id, enum job_state state, const char *code)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	assert_int_equal(store_begin(w->store, STORE_READ, &txn), 0);
	assert_int_equal(ledger_get(txn, id, &job), 0);
	assert_string_equal(job_state_name(job.state), job_state_name(state));
	if (!bytes_is(job.reason_code, code))
		fail_msg("reason code %.*s, not %s", BYTES_FMT(job.reason_code), code);
}

/* ---- */

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
