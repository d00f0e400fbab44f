/* What one ask does: signatures, attempts and pauses, places, budget, canceling. */
#include "core/base/crypt.h"
#include "core/calls/caller.h"
#include "tests/lib/fake_executor.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASKS_MAX = 8, START_MS = 1614265330 };

struct told {
	unsigned times;
	struct ask_result result;
	char why[200], body[64];
	unsigned order;
};

struct house {
	struct fake_clock clock;
	struct fake_executor executor;
	struct caller *caller;
	struct feature feature;
	struct plugin plugin, other;
	struct told told[ASKS_MAX];
	unsigned tellings;
	uint8_t key[24], old_key[24];
	ask_id cancel_when_told; /* by the first telling */
};

/* `user` of an ask is its told. */
static void done(void *user, ask_id id SL_UNUSED, const struct ask_result *r)
{
	struct told *t = user;
	t->times++;
	t->result = *r;
	snprintf(t->why, sizeof(t->why), "%s", r->why ? r->why : "");
	snprintf(t->body, sizeof(t->body), "%.*s", BYTES_FMT(r->body));
}

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	struct caller_config config = {.answer_max = 1000, .retry_ms = 100};
	size_t len;
	assert_int_equal(crypt_start(), 0);
	fake_clock_init(&h->clock, START_MS * 1000ll);
	fake_executor_init(&h->executor, &h->clock);
	assert_int_equal(crypt_base64_decode(BYTES("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), h->key,
					     sizeof(h->key), &len),
			 0);
	h->feature = (struct feature){.name = "f",
				      .author = "a",
				      .authorization = "",
				      .signing_key = bytes_of(h->key, len),
				      .enabled = true};
	h->plugin = (struct plugin){.feature = &h->feature,
				    .type = PLUGIN_GATE,
				    .key = "AccessGate.f.a",
				    .address = {"http://one/"},
				    .addresses = 1,
				    .timeout_ms = 10000,
				    .retries = 2,
				    .in_flight_max = 256};
	h->other = h->plugin;
	h->other.key = "AccessGate.f.a.other";
	assert_int_equal(caller_create(&config, &h->executor.base, &h->clock.base, &h->caller), 0);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	caller_free(h->caller);
	assert_int_equal(h->executor.open, 0);
	fake_executor_fini(&h->executor);
	free(h);
	return 0;
}

static const struct uuid job = {
	{0x01, 0x8b, 0xcf, 0xe5, 0x68, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0}};

static ask_id ask_with(struct house *h, const struct plugin *plugin, unsigned n, uint32_t budget)
{
	char id[40]; /* gone after the call: it must be copied */
	snprintf(id, sizeof(id), "msg_%u", n);
	struct ask ask = {.plugin = plugin,
			  .job = job,
			  .webhook_id = id,
			  .body = BYTES("{\"test\": 2432232314}"),
			  .budget_ms = budget};
	ask_id got;
	assert_int_equal(caller_ask(h->caller, &ask, done, &h->told[n], &got), 0);
	assert_int_equal(h->told[n].times, 0); /* never from inside */
	memset(id, 'x', sizeof(id));
	return got;
}

static ask_id ask(struct house *h, unsigned n) { return ask_with(h, &h->plugin, n, 120000); }

static void turn(struct house *h)
{
	(void)caller_turn(h->caller, 1000);
	h->executor.base.ops->turn(&h->executor.base, 0);
}

static void pass(struct house *h, int64_t ms)
{
	fake_clock_pass(&h->clock, ms);
	turn(h);
}

static void script(struct house *h, const char *url, struct fake_answer answer)
{
	fake_executor_script(&h->executor, url, answer);
}

/* ---- what is sent ---- */

static void test_signature_of_the_standard(void **state)
{
	struct house *h = *state;
	scoped(buf_finip) struct buf to;
	buf_init(&to, 1000);
	assert_int_equal(caller_sign(&to, &h->feature, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
				     BYTES("{\"test\": 2432232314}"), START_MS * 1000ll),
			 0);
	assert_string_equal(buf_str(&to), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void test_two_keys_during_rotation(void **state)
{
	struct house *h = *state;
	scoped(buf_finip) struct buf both, after;
	int64_t now = START_MS * 1000ll;
	buf_init(&both, 1000);
	buf_init(&after, 1000);
	h->feature.old_key = BYTES("012345678901234567890123");
	h->feature.old_key_until_ms = now + 1000;
	assert_int_equal(caller_sign(&both, &h->feature, "m", 1, BYTES("{}"), now), 0);
	assert_int_equal(caller_sign(&after, &h->feature, "m", 1, BYTES("{}"), now + 1000), 0);
	assert_non_null(strstr(buf_str(&both), " v1,"));
	assert_null(strchr(buf_str(&after), ' '));
	assert_starts(buf_str(&both), buf_str(&after));
}

static void test_headers(void **state)
{
	struct house *h = *state;
	h->feature.authorization = "Bearer secret";
	struct ask ask = {.plugin = &h->plugin,
			  .job = job,
			  .webhook_id = "msg_1",
			  .body = BYTES("{}"),
			  .budget_ms = 3000,
			  .dry_run = true,
			  .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
	ask_id id;
	assert_int_equal(caller_ask(h->caller, &ask, done, &h->told[0], &id), 0);
	const struct fake_call *c = fake_executor_call(&h->executor, 0);
	static const char *const want[][2] = {
		{"Content-Type", "application/json"},
		{"webhook-id", "msg_1"},
		{"webhook-timestamp", "1614265330"},
		{"Sluice-Protocol", "1"},
		{"Sluice-Job-Id", "018bcfe5-6800-7000-8000-000000000000"},
		{"Sluice-Plugin-Key", "AccessGate.f.a"},
		{"Sluice-Stage", "AccessGate"},
		{"Sluice-Attempt", "1"},
		{"Sluice-Deadline-Ms", "3000"},
		{"Sluice-Dry-Run", "true"},
		{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"Authorization", "Bearer secret"},
	};
	for (size_t i = 0; i < countof(want); i++) {
		const char *got = fake_call_header(c, want[i][0]);
		if (!got || strcmp(got, want[i][1]) != 0)
			fail_msg("%s: %s", want[i][0], got ? got : "is missing");
	}
	assert_starts(fake_call_header(c, "webhook-signature"), "v1,");
	assert_int_equal(c->timeout_ms, 3000); /* the smaller of budget and timeoutMs */
	turn(h);
}

static void test_no_needless_headers(void **state)
{
	struct house *h = *state;
	ask(h, 0);
	const struct fake_call *c = fake_executor_call(&h->executor, 0);
	assert_null(fake_call_header(c, "Authorization"));
	assert_null(fake_call_header(c, "Sluice-Dry-Run"));
	assert_null(fake_call_header(c, "traceparent"));
	assert_int_equal(c->timeout_ms, 10000);
	turn(h);
}

/* ---- answers and attempts ---- */

static void test_an_answer(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.body = "{\"a\":1}", .delay_ms = 30});
	ask(h, 0);
	turn(h);
	assert_int_equal(h->told[0].times, 0);
	pass(h, 30);
	assert_int_equal(h->told[0].times, 1);
	assert_true(h->told[0].result.answered);
	assert_int_equal(h->told[0].result.status, 200);
	assert_int_equal(h->told[0].result.attempts, 1);
	assert_int_equal(h->told[0].result.took_us, 30000);
	assert_string_equal(h->told[0].body, "{\"a\":1}");
	assert_int_equal(caller_in_flight(h->caller), 0);
}

/* Any answer but 5xx and 429 is an answer: no further attempt. */
static void test_what_counts_as_an_answer(void **state)
{
	struct house *h = *state;
	static const unsigned answers[] = {200, 204, 201, 301, 400, 404, 418},
			      none[] = {500, 502, 503, 599, 429};
	for (size_t i = 0; i < countof(answers); i++) {
		size_t before = h->executor.started;
		h->told[0].times = 0;
		script(h, "http://one/", (struct fake_answer){.status = answers[i]});
		ask(h, 0);
		turn(h);
		assert_int_equal(h->told[0].times, 1);
		assert_true(h->told[0].result.answered);
		assert_int_equal(h->told[0].result.status, answers[i]);
		assert_int_equal(h->executor.started, before + 1);
	}
	h->plugin.retries = 0;
	for (size_t i = 0; i < countof(none); i++) {
		h->told[0].times = 0;
		script(h, "http://one/", (struct fake_answer){.status = none[i]});
		ask(h, 0);
		turn(h);
		assert_int_equal(h->told[0].times, 1);
		assert_false(h->told[0].result.answered);
	}
}

static void test_too_large_is_an_illegal_answer(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.rc = SL_E_TOO_BIG});
	ask(h, 0);
	turn(h);
	assert_true(h->told[0].result.answered);
	assert_int_equal(h->told[0].result.rc, SL_E_TOO_BIG);
	assert_int_equal(h->executor.started, 1);
}

/* Same webhook-id, new time and signature, Sluice-Attempt counts; pauses double. */
static void test_attempts(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.rc = SL_E_UNAVAILABLE});
	script(h, "http://one/", (struct fake_answer){.status = 503});
	script(h, "http://one/", (struct fake_answer){.body = "{}"});
	ask(h, 0);
	turn(h);
	pass(h, 99);
	assert_int_equal(h->executor.started, 1);
	pass(h, 30); /* 100 ms and jitter up to a quarter */
	assert_int_equal(h->executor.started, 2);
	turn(h);
	pass(h, 199);
	assert_int_equal(h->executor.started, 2);
	pass(h, 1051);
	assert_int_equal(h->executor.started, 3);
	turn(h);
	assert_int_equal(h->told[0].times, 1);
	assert_true(h->told[0].result.answered);
	assert_int_equal(h->told[0].result.attempts, 3);
	const struct fake_call *first = fake_executor_call(&h->executor, 0),
			       *last = fake_executor_call(&h->executor, 2);
	assert_string_equal(fake_call_header(first, "webhook-id"),
			    fake_call_header(last, "webhook-id"));
	assert_string_equal(fake_call_header(last, "Sluice-Attempt"), "3");
	assert_string_not_equal(fake_call_header(first, "webhook-timestamp"),
				fake_call_header(last, "webhook-timestamp"));
	assert_string_not_equal(fake_call_header(first, "webhook-signature"),
				fake_call_header(last, "webhook-signature"));
}

static void test_gives_up(void **state)
{
	struct house *h = *state;
	for (int i = 0; i < 3; i++)
		script(h, "http://one/", (struct fake_answer){.status = 500 + (unsigned)i});
	ask(h, 0);
	for (int i = 0; i < 20; i++)
		pass(h, 100);
	assert_int_equal(h->executor.started, 3);
	assert_int_equal(h->told[0].times, 1);
	assert_false(h->told[0].result.answered);
	assert_false(h->told[0].result.timed_out);
	assert_int_equal(h->told[0].result.attempts, 3);
	assert_non_null(strstr(h->told[0].why, "502"));
}

static void test_time_outs(void **state)
{
	struct house *h = *state;
	h->plugin.retries = 0;
	script(h, "http://one/", (struct fake_answer){.delay_ms = 60000});
	ask(h, 0);
	pass(h, 9999);
	assert_int_equal(h->told[0].times, 0);
	pass(h, 1);
	assert_int_equal(h->told[0].times, 1);
	assert_true(h->told[0].result.timed_out);
}

static void test_retry_after(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.status = 429, .retry_after_ms = 5000});
	ask(h, 0);
	turn(h);
	pass(h, 4999);
	assert_int_equal(h->executor.started, 1);
	pass(h, 1);
	assert_int_equal(h->executor.started, 2);
	turn(h);
	assert_true(h->told[0].result.answered);
}

static void test_retry_after_beyond_the_budget(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.status = 503, .retry_after_ms = 3600000});
	ask(h, 0);
	turn(h);
	turn(h);
	assert_int_equal(h->told[0].times, 1);
	assert_false(h->told[0].result.answered);
	assert_int_equal(h->executor.started, 1);
}

static void test_budget(void **state)
{
	struct house *h = *state;
	for (int i = 0; i < 3; i++)
		script(h, "http://one/", (struct fake_answer){.delay_ms = 60000});
	ask_with(h, &h->plugin, 0, 15000);
	pass(h, 10000); /* the first attempt's time-out */
	pass(h, 130);   /* the pause */
	const struct fake_call *second = fake_executor_call(&h->executor, 1);
	assert_non_null(second);
	assert_int_equal(second->timeout_ms, 4870);
	pass(h, 4870);
	turn(h);
	assert_int_equal(h->told[0].times, 1);
	assert_int_equal(h->executor.started, 2);
}

static void test_several_addresses(void **state)
{
	struct house *h = *state;
	h->plugin.address[1] = "http://two/";
	h->plugin.addresses = 2;
	script(h, "http://one/", (struct fake_answer){.rc = SL_E_UNAVAILABLE});
	script(h, "http://two/", (struct fake_answer){.rc = SL_E_UNAVAILABLE});
	ask(h, 0);
	for (int i = 0; i < 10; i++)
		pass(h, 100);
	assert_int_equal(h->executor.started, 3);
	const char *a = fake_executor_call(&h->executor, 0)->url,
		   *b = fake_executor_call(&h->executor, 1)->url,
		   *c = fake_executor_call(&h->executor, 2)->url;
	assert_string_not_equal(a, b);
	assert_string_equal(a, c);
	assert_true(h->told[0].result.answered);
}

/* ---- places ---- */

static void test_places_in_order(void **state)
{
	struct house *h = *state;
	h->plugin.in_flight_max = 2;
	for (unsigned i = 0; i < 5; i++) {
		script(h, "http://one/", (struct fake_answer){.delay_ms = 1000});
		ask(h, i);
	}
	assert_int_equal(h->executor.started, 2);
	ask_with(h, &h->other, 5, 120000); /* another plugin has its own places */
	assert_int_equal(h->executor.started, 3);
	pass(h, 1000);
	turn(h);
	assert_int_equal(h->told[0].times + h->told[1].times, 2);
	assert_int_equal(h->executor.started, 5);
	assert_string_equal(fake_call_header(fake_executor_call(&h->executor, 3), "webhook-id"),
			    "msg_2");
	assert_string_equal(fake_call_header(fake_executor_call(&h->executor, 4), "webhook-id"),
			    "msg_3");
	for (int i = 0; i < 4; i++)
		pass(h, 1000);
	assert_int_equal(h->told[4].times, 1);
	assert_int_equal(h->told[4].result.took_us, 1000000);
	assert_int_equal(h->told[4].result.waited_us, 2000000);
}

/* Waiting counts neither against timeoutMs nor against the budget. */
static void test_waiting_costs_nothing(void **state)
{
	struct house *h = *state;
	h->plugin.in_flight_max = 1;
	script(h, "http://one/", (struct fake_answer){.delay_ms = 9000});
	ask_with(h, &h->plugin, 0, 120000);
	ask_with(h, &h->plugin, 1, 5000);
	pass(h, 9000);
	assert_int_equal(h->executor.started, 2);
	assert_int_equal(fake_executor_call(&h->executor, 1)->timeout_ms, 5000);
	turn(h);
	assert_true(h->told[1].result.answered);
}

/* ---- canceling ---- */

static void test_cancel_in_flight(void **state)
{
	struct house *h = *state;
	h->plugin.in_flight_max = 1;
	ask_id first = ask(h, 0);
	ask(h, 1);
	caller_cancel(h->caller, first);
	assert_true(fake_executor_call(&h->executor, 0)->canceled);
	assert_int_equal(h->executor.started, 2); /* the next has its place */
	turn(h);
	assert_int_equal(h->told[0].times, 0);
	assert_int_equal(h->told[1].times, 1);
}

static void test_cancel_while_it_waits(void **state)
{
	struct house *h = *state;
	h->plugin.in_flight_max = 1;
	ask(h, 0);
	ask_id second = ask(h, 1);
	ask(h, 2);
	caller_cancel(h->caller, second);
	for (int i = 0; i < 4; i++)
		turn(h);
	assert_int_equal(h->told[0].times, 1);
	assert_int_equal(h->told[1].times, 0);
	assert_int_equal(h->told[2].times, 1);
	assert_int_equal(h->executor.started, 2);
}

static void test_cancel_while_it_pauses(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.status = 500});
	ask_id id = ask(h, 0);
	turn(h);
	caller_cancel(h->caller, id);
	for (int i = 0; i < 10; i++)
		pass(h, 100);
	assert_int_equal(h->executor.started, 1);
	assert_int_equal(h->told[0].times, 0);
	assert_int_equal(caller_in_flight(h->caller), 0);
}

static void test_cancel_what_could_not_start(void **state)
{
	struct house *h = *state;
	h->executor.refuse = SL_E_INVALID;
	ask_id id = ask(h, 0);
	caller_cancel(h->caller, id);
	turn(h);
	assert_int_equal(h->told[0].times, 0);
	h->executor.refuse = SL_E_INVALID;
	ask(h, 1);
	turn(h);
	assert_int_equal(h->told[1].times, 1);
	assert_false(h->told[1].result.answered);
}

static void test_cancel_nothing(void **state)
{
	struct house *h = *state;
	caller_cancel(h->caller, 0);
}

/* Freed with asks in every phase: nothing is told, nothing is started, nothing leaks. */
static void test_free_in_every_phase(void **state)
{
	struct house *h = *state;
	struct caller_config config = {.answer_max = 1000, .retry_ms = 100};
	h->plugin.in_flight_max = 2;
	script(h, "http://one/", (struct fake_answer){.status = 500});
	ask(h, 0);
	turn(h); /* pauses */
	script(h, "http://one/", (struct fake_answer){.delay_ms = 1000});
	ask(h, 1); /* flies */
	ask(h, 2); /* waits */
	ask(h, 3); /* waits */
	h->executor.refuse = SL_E_BUSY;
	ask_with(h, &h->other, 4, 1000); /* is over */
	size_t started = h->executor.started;
	h->caller = caller_free(h->caller);
	assert_int_equal(h->executor.started, started);
	assert_int_equal(h->executor.open, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(h->told[i].times, 0);
	assert_int_equal(caller_create(&config, &h->executor.base, &h->clock.base, &h->caller), 0);
}

static void test_when_it_wants_to_be_called(void **state)
{
	struct house *h = *state;
	script(h, "http://one/", (struct fake_answer){.status = 500});
	assert_int_equal(caller_turn(h->caller, 1000), 1000);
	ask(h, 0);
	turn(h);
	uint32_t wait = caller_turn(h->caller, 1000);
	assert_in_range(wait, 100, 125);
	fake_clock_pass(&h->clock, wait);
	assert_int_equal(caller_turn(h->caller, 1000), 1000);
	assert_int_equal(h->executor.started, 2);
	turn(h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void test_one_attempt_only(void **state)
{
	struct house *h = *state;
	struct ask ask = {.plugin = &h->plugin,
			  .job = job,
			  .webhook_id = "m",
			  .body = BYTES("{}"),
			  .budget_ms = 10000,
			  .once = true,
			  .earlier = 6};
	ask_id got;
	fake_executor_script(&h->executor, "http://one/",
			     (struct fake_answer){.status = 503, .retry_after_ms = 7000});
	assert_int_equal(caller_ask(h->caller, &ask, done, &h->told[0], &got), 0);
	turn(h);
	assert_int_equal(h->told[0].times, 1);
	assert_false(h->told[0].result.answered);
	assert_int_equal(h->told[0].result.attempts, 1);
	assert_int_equal(h->told[0].result.status, 503);
	assert_int_equal(h->told[0].result.retry_after_ms, 7000);
	assert_string_equal(fake_call_header(fake_executor_call(&h->executor, 0), "Sluice-Attempt"),
			    "7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signature_of_the_standard),
		TEST(test_two_keys_during_rotation),
		TEST(test_headers),
		TEST(test_no_needless_headers),
		TEST(test_an_answer),
		TEST(test_what_counts_as_an_answer),
		TEST(test_too_large_is_an_illegal_answer),
		TEST(test_attempts),
		TEST(test_gives_up),
		TEST(test_time_outs),
		TEST(test_retry_after),
		TEST(test_retry_after_beyond_the_budget),
		TEST(test_one_attempt_only),
		TEST(test_budget),
		TEST(test_several_addresses),
		TEST(test_places_in_order),
		TEST(test_waiting_costs_nothing),
		TEST(test_cancel_in_flight),
		TEST(test_cancel_while_it_waits),
		TEST(test_cancel_while_it_pauses),
		TEST(test_cancel_what_could_not_start),
		TEST(test_cancel_nothing),
		TEST(test_free_in_every_phase),
		TEST(test_when_it_wants_to_be_called),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
