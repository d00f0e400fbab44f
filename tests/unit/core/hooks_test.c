/* Telling subscribers, in the time of a fake clock: pauses, Retry-After, the end of
 * patience, who hangs, what was registered before there was an outbox. */
#include "core/base/crypt.h"
#include "core/hooks.h"
#include "core/ledger/ledger.h"
#include "store/store_mem.h"
#include "tests/lib/fake_executor.h"
#include "tests/lib/served.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY "LifeHook.f.me"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

struct house {
	struct fake_clock clock;
	struct fake_executor executor;
	struct store *store;
	struct writer *writer;
	struct registry *registry;
	struct hooks *hooks;
	struct id_source ids;
	uint8_t secret[32];
	struct registry_config config;
	struct http_config http;
	struct sl_error err;
	int rc;
	struct fake_answer answer; /* to every call */
	struct uuid newest;        /* job */
};

static const char feature[] =
	"{\"name\":\"f\",\"author\":\"me\",\"enabled\":true,\"jobSelector\":"
	"{\"conditions\":[],\"expression\":\"*\"},\"plugins\":[{\"pluginType\":\"LifeHook\","
	"\"callAddress\":\"http://127.0.0.1:7/h\",\"description\":\"\",\"jobSelector\":"
	"{\"states\":[\"preparing\",\"waiting\"]}}]}";

static void do_register(void *user)
{
	struct house *h = user;
	static const struct feature_caller caller = {.may_write = true};
	struct json json = test_json(feature);
	struct json_object *payload = NULL;
	h->rc = registry_register(h->registry, &json, &caller, -1, &payload, &h->err);
	jb_free(payload);
	json_fini(&json);
}

static void do_create(void *user)
{
	struct house *h = user;
	struct hooks_config config = {.limits = {.pending_max = 1000,
						 .bytes_max = 1 << 20,
						 .retry_for_ms = HOUR,
						 .keep_dead_ms = 24 * HOUR},
				      .regex_value_max = 1024,
				      .flying_max = 100};
	struct hooks_parts parts = {.store = h->store,
				    .writer = h->writer,
				    .registry = h->registry,
				    .executor = &h->executor.base,
				    .clock = &h->clock.base};
	h->rc = hooks_create(&config, &parts, &h->hooks, &h->err);
}

static void say(void *user, const struct fake_call *call SL_UNUSED, struct fake_answer *ret)
{
	*ret = ((struct house *)user)->answer;
}

static void open_registry(struct house *h)
{
	assert_int_equal(writer_create(h->store, 100, &h->writer), 0);
	h->config = (struct registry_config){.features_max = 9,
					     .plugins_max = 9,
					     .timeout_ms = 10 * SECOND,
					     .http = &h->http,
					     .secret_key = h->secret};
	assert_int_equal(registry_create(&h->config, h->store, h->writer, &h->clock.base,
					 &h->registry, &h->err),
			 0);
}

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(crypt_start(), 0);
	fake_clock_init(&h->clock, 1700000000000);
	fake_executor_init(&h->executor, &h->clock);
	h->executor.answer = say;
	h->executor.user = h;
	assert_int_equal(store_open_mem(&h->store), 0);
	open_registry(h);
	served_run(h->writer, do_register, h);
	assert_int_equal(h->rc, 0);
	served_run(h->writer, do_create, h);
	assert_int_equal(h->rc, 0);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	writer_free(h->writer);
	hooks_free(h->hooks);
	registry_free(h->registry);
	store_close(h->store);
	fake_executor_fini(&h->executor);
	free(h);
	return 0;
}

struct beginning {
	struct write write;
	struct house *house;
	bool moves; /* to waiting, at once */
};

static int begin_job(struct write *w, struct store_txn *txn)
{
	struct house *h = container_of(w, struct beginning, write)->house;
	int64_t now = h->clock.now_wall_ms;
	struct job job = {.id = id_next(&h->ids, now),
			  .created_ms = now,
			  .since_ms = now,
			  .user = BYTES("u"),
			  .kind = BYTES("K"),
			  .reason_code = BYTES("in_admission")};
	h->newest = job.id;
	ledger_put_doc(txn, job.id, PART_HEADER, BYTES("{}"));
	ledger_insert(txn, &job);
	struct why why = {.code = BYTES("handed_over"), .reason = BYTES("r")};
	return container_of(w, struct beginning, write)->moves
		       ? ledger_move(txn, &job, JOB_WAITING, &why, now)
		       : 0;
}

static void is_done(struct write *w, int rc)
{
	assert_int_equal(rc, 0);
	free(container_of(w, struct beginning, write));
}

static void turn(struct house *h)
{
	for (int i = 0; i < 4; i++) {
		hooks_turn(h->hooks, 0);
		writer_turn(h->writer);
	}
}

static void submit_job(struct house *h, bool moves)
{
	struct beginning *b = calloc(1, sizeof(*b));
	*b = (struct beginning){
		.write = {.apply = begin_job, .done = is_done}, .house = h, .moves = moves};
	assert_int_equal(writer_submit(h->writer, &b->write), 0);
	writer_turn(h->writer);
}

static void new_job(struct house *h)
{
	submit_job(h, false);
	turn(h);
}

static int move_job(struct write *w, struct store_txn *txn)
{
	struct house *h = container_of(w, struct beginning, write)->house;
	struct why why = {.code = BYTES("waiting_for_slot"), .reason = BYTES("")};
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, 65536);
	int rc = ledger_load(txn, h->newest, &keep, &job);
	return rc ? rc : ledger_move(txn, &job, JOB_WAITING, &why, h->clock.now_wall_ms);
}

static void move_on(struct house *h)
{
	struct beginning *b = calloc(1, sizeof(*b));
	*b = (struct beginning){.write = {.apply = move_job, .done = is_done}, .house = h};
	assert_int_equal(writer_submit(h->writer, &b->write), 0);
	writer_turn(h->writer);
	turn(h);
}

static struct subscriber look(struct house *h)
{
	struct subscriber s;
	struct store_txn *txn;
	assert_int_equal(store_begin(h->store, STORE_READ, &txn), 0);
	assert_int_equal(outbox_find(txn, BYTES(KEY), &s), 0);
	store_abort(txn);
	return s;
}

/* Milliseconds until there is one more call, to the tenth of a second. */
static int64_t until_next(struct house *h)
{
	size_t before = h->executor.started;
	for (int64_t ms = 0; ms < 2 * HOUR; ms += 100) {
		turn(h);
		if (h->executor.started > before)
			return ms;
		fake_clock_pass(&h->clock, 100);
	}
	fail_msg("no call in two hours");
	return 0;
}

static void pauses_double_up_to_five_minutes(void **state)
{
	struct house *h = *state;
	h->answer.body = "RE";
	new_job(h);
	assert_int_equal(h->executor.started, 1);
	int64_t most = 1000;
	for (int i = 0; i < 11; i++) {
		int64_t pause = until_next(h);
		assert_in_range(pause, most * 3 / 4, most + 200);
		most = most * 2 < 300000 ? most * 2 : 300000;
	}
	assert_string_equal(
		fake_call_header(fake_executor_call(&h->executor, 11), "Sluice-Attempt"), "12");
}

static void retry_after_is_honoured(void **state)
{
	struct house *h = *state;
	h->answer = (struct fake_answer){.status = 503, .retry_after_ms = 90 * SECOND};
	new_job(h);
	assert_in_range(until_next(h), 90 * SECOND, 90 * SECOND + 200);
}

static void patience_ends(void **state)
{
	struct house *h = *state;
	h->answer.body = "RE";
	new_job(h);
	for (int i = 0; i < 70 && !look(h).dead; i++) {
		fake_clock_pass(&h->clock, 60 * SECOND);
		turn(h);
	}
	assert_int_equal(look(h).dead, 1);
	assert_int_equal(look(h).pending, 0);
	assert_true(h->clock.now_wall_ms >= 1700000000000 + HOUR);
	size_t calls = h->executor.started;
	fake_clock_pass(&h->clock, 10 * HOUR);
	turn(h);
	assert_int_equal(h->executor.started, calls);
}

/* Down for an hour less a bit: everything arrives, in the end. */
static void down_for_long(void **state)
{
	struct house *h = *state;
	h->answer.rc = SL_E_UNAVAILABLE;
	for (int i = 0; i < 55; i++) {
		new_job(h);
		fake_clock_pass(&h->clock, 60 * SECOND);
		turn(h);
	}
	assert_int_equal(look(h).pending, 55);
	size_t tried = h->executor.started;
	assert_true(tried < 55 * 40); /* the breaker keeps it low */
	h->answer = (struct fake_answer){.body = "OK"};
	for (int i = 0; i < 60 && look(h).pending; i++) {
		fake_clock_pass(&h->clock, 10 * SECOND);
		turn(h);
	}
	assert_int_equal(look(h).pending + look(h).dead, 0);
}

/* ---- the clock is turned back ---- */

static void turn_clock(struct house *h, int64_t ms) { h->clock.now_wall_ms += ms; }

static void a_pause_is_no_longer_for_that(void **state)
{
	struct house *h = *state;
	h->answer = (struct fake_answer){.status = 503, .retry_after_ms = 90 * SECOND};
	new_job(h);
	fake_clock_pass(&h->clock, 10 * SECOND);
	turn_clock(h, -9 * HOUR);
	assert_in_range(until_next(h), 60 * SECOND, 91 * SECOND);
}

static void what_was_never_tried_waits_for_nothing(void **state)
{
	struct house *h = *state;
	h->answer.delay_ms = UINT32_MAX;
	for (int i = 0; i < 300; i++) /* more than are sent at once, or read ahead */
		new_job(h);
	assert_true(h->executor.started < 40);
	turn_clock(h, -9 * HOUR);
	h->answer = (struct fake_answer){.body = "OK"};
	for (int i = 0; i < 1200 && look(h).pending; i++) {
		fake_clock_pass(&h->clock, SECOND);
		turn(h);
	}
	assert_int_equal(look(h).pending + look(h).dead, 0);
}

/* The next of a job has its turn when the first is delivered. */
static void those_behind_others_neither(void **state)
{
	struct house *h = *state;
	h->answer.body = "RE";
	new_job(h);
	fake_clock_pass(&h->clock, 100);
	move_on(h);
	assert_int_equal(look(h).pending, 2);
	turn_clock(h, -9 * HOUR);
	h->answer.body = "OK";
	for (int i = 0; i < 60 && look(h).pending; i++) {
		fake_clock_pass(&h->clock, SECOND);
		turn(h);
	}
	assert_int_equal(look(h).pending, 0);
}

static void turned_back_while_nobody_looked(void **state)
{
	struct house *h = *state;
	h->answer.body = "RE";
	new_job(h);
	for (int i = 0; i < 6; i++)
		until_next(h);
	writer_free(h->writer);
	h->hooks = hooks_free(h->hooks);
	registry_free(h->registry);
	turn_clock(h, -9 * HOUR);
	open_registry(h);
	served_run(h->writer, do_create, h);
	assert_int_equal(h->rc, 0);
	assert_in_range(until_next(h), 10 * SECOND, 65 * SECOND);
}

static void who_hangs_holds_few_calls(void **state)
{
	struct house *h = *state;
	h->answer.delay_ms = UINT32_MAX;
	for (int i = 0; i < 60; i++)
		new_job(h);
	assert_int_equal(h->executor.open, 16);
	for (int i = 0; i < 12; i++) { /* time-outs of ten seconds */
		fake_clock_pass(&h->clock, 10 * SECOND);
		turn(h);
	}
	assert_in_range(h->executor.open, 0, 2);
	assert_int_equal(look(h).pending, 60);
}

/* Turns in which nothing is written. */
static void turn_unwritten(struct house *h)
{
	for (int i = 0; i < 8; i++)
		hooks_turn(h->hooks, 0);
}

static const char *state_told(struct house *h, size_t call)
{
	const char *body = fake_executor_call(&h->executor, call)->body;
	return strstr(body, "\"current_state\": \"waiting\"")     ? "waiting"
	       : strstr(body, "\"current_state\": \"preparing\"") ? "preparing"
								  : body;
}

/* The next change of a job is sent once the one before is acknowledged, before that is on
 * disk: it may take long until it is. */
static void the_next_one_waits_for_no_write(void **state)
{
	struct house *h = *state;
	h->answer.body = "OK";
	submit_job(h, true);
	turn_unwritten(h);
	assert_int_equal(h->executor.started, 2);
	assert_string_equal(state_told(h, 0), "preparing");
	assert_string_equal(state_told(h, 1), "waiting");
	assert_int_equal(look(h).pending, 2);
	turn(h);
	assert_int_equal(look(h).pending, 0);
	assert_int_equal(h->executor.started, 2); /* and neither is sent again */
}

static void the_next_one_waits_for_who_says_again(void **state)
{
	struct house *h = *state;
	h->answer.body = "RE";
	submit_job(h, true);
	turn_unwritten(h);
	turn(h);
	assert_int_equal(h->executor.started, 1);
	h->answer.body = "OK";
	assert_in_range(until_next(h), 700, 1200);
	turn(h);
	assert_string_equal(state_told(h, 1), "preparing");
	assert_string_equal(state_told(h, 2), "waiting");
	assert_int_equal(look(h).pending, 0);
}

/* The first is acknowledged, the second to be sent again, and the store takes neither at
 * first. */
static void what_was_not_written_is_written_later(void **state)
{
	struct house *h = *state;
	fake_executor_script(&h->executor, "http://127.0.0.1:7/h",
			     (struct fake_answer){.body = "OK"});
	h->answer.body = "RE";
	submit_job(h, true);
	hooks_turn(h->hooks, 0); /* sent, answered */
	fake_clock_pass(&h->clock, 100);
	hooks_turn(h->hooks, 0); /* and the second; the first's outcome is handed in */
	store_mem_fail(h->store, STORE_MEM_COMMIT, 0, SL_E_FULL);
	turn(h);
	assert_int_equal(look(h).pending, 2);
	assert_int_equal(h->executor.started, 2);
	h->answer.body = "OK";
	until_next(h);
	turn(h);
	assert_int_equal(h->executor.started, 3);
	assert_string_equal(state_told(h, 2), "waiting");
	assert_int_equal(look(h).pending + look(h).dead, 0);
}

static void found_by_an_older_gateway(void **state)
{
	struct house *h = *state;
	struct store_txn *txn;
	struct subscriber s;
	writer_free(h->writer);
	hooks_free(h->hooks);
	h->hooks = NULL;
	registry_free(h->registry);
	assert_int_equal(store_begin(h->store, STORE_WRITE, &txn), 0);
	assert_int_equal(outbox_unsubscribe(txn, BYTES(KEY)), 0); /* as if it had never been */
	assert_int_equal(outbox_find(txn, BYTES(KEY), &s), SL_E_NOT_FOUND);
	assert_int_equal(store_commit(&txn), 0);
	open_registry(h);
	served_run(h->writer, do_create, h);
	assert_int_equal(h->rc, 0);
	h->answer.body = "OK";
	new_job(h);
	assert_int_equal(h->executor.started, 1);
	assert_int_equal(look(h).pending, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(pauses_double_up_to_five_minutes),
		TEST(retry_after_is_honoured),
		TEST(patience_ends),
		TEST(down_for_long),
		TEST(a_pause_is_no_longer_for_that),
		TEST(what_was_never_tried_waits_for_nothing),
		TEST(those_behind_others_neither),
		TEST(turned_back_while_nobody_looked),
		TEST(who_hangs_holds_few_calls),
		TEST(the_next_one_waits_for_no_write),
		TEST(the_next_one_waits_for_who_says_again),
		TEST(what_was_not_written_is_written_later),
		TEST(found_by_an_older_gateway),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
