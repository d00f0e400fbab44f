/* A driver with all that it talks to, doubles of it and a fake clock: what tests of a driver in
 * trouble live in. The writer's turns and the loop's are taken by hand. One thread. */
#pragma once

#include "core/driver/run.h"
#include "core/registry.h"
#include "store/store_mem.h"
#include "tests/lib/fake_executor.h"
#include "tests/lib/served.h"
#include "tests/lib/sim_engine.h"
#include "tests/unit/core/support.h"

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
	bool failing;       /* it answers with 500 */
	uint32_t delay_ms;
	/* one request */
	const char *document;
	struct job_request request;
	struct uuid id;
	int rc;
};

static inline void answer(void *user, const struct fake_call *call SL_UNUSED,
			  struct fake_answer *ret)
{
	struct world *w = user;
	ret->body = w->answer;
	ret->delay_ms = w->delay_ms;
	ret->status = w->failing ? 500 : 200;
}

static inline struct world *world_open(size_t in_admission_max)
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

static inline void world_close(struct world *w)
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

static inline void let_go_on(struct world *w, int64_t ms)
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

static inline void do_register(void *user)
{
	struct world *w = user;
	struct feature_caller caller = {.may_write = true};
	struct json_object *payload = NULL;
	struct json json = test_json(w->document);
	w->rc = registry_register(w->registry, &json, &caller, -1, &payload, NULL);
	jb_free(payload);
	json_fini(&json);
}

static inline void add_gate(struct world *w)
{
	w->document = "{\"name\":\"g\",\"author\":\"a\",\"enabled\":true,\"jobSelector\":"
		      "{\"conditions\":[],\"expression\":\"*\"},\"plugins\":[{\"pluginType\":"
		      "\"AccessGate\",\"callAddress\":\"" ADDRESS "\"}]}";
	served_run(w->writer, do_register, w);
	assert_int_equal(w->rc, 0);
}

static inline void do_submit(void *user)
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

static inline struct uuid submit(struct world *w, const char *document)
{
	w->document = document;
	served_run(w->writer, do_submit, w);
	assert_int_equal(w->rc, 0);
	return w->id;
}

#define JOB(spec)                                                                                  \
	"{\"job\":{\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"s\"},\"spec\":{" spec "}}}"

static inline void do_resume(void *user)
{
	struct world *w = user;
	w->rc = driver_resume(w->driver, &w->request, NULL);
}

static inline int resume(struct world *w, struct uuid job)
{
	w->request = (struct job_request){.job = job, .who = BYTES("me")};
	served_run(w->writer, do_resume, w);
	return w->rc;
}

static inline void assert_is(struct world *w, struct uuid id, enum job_state state,
			     const char *code)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	assert_int_equal(store_begin(w->store, STORE_READ, &txn), 0);
	assert_int_equal(ledger_get(txn, id, &job), 0);
	assert_string_equal(job_state_name(job.state), job_state_name(state));
	if (!bytes_is(job.reason_code, code))
		fail_msg("reason code %.*s, not %s", BYTES_FMT(job.reason_code), code);
}
