/* Who is asked when: lines, places that are held for jobs in the store, breakers of
 * plugins and of places, and what others may read of it. */
#include "core/base/crypt.h"
#include "core/calls/caller.h"
#include "tests/lib/fake_executor.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASKS_MAX = 64 };

struct house {
	struct fake_clock clock;
	struct fake_executor executor;
	struct caller *caller;
	struct feature feature;
	struct plugin plugin, other;
	unsigned told[ASKS_MAX], answered[ASKS_MAX], patience[ASKS_MAX];
	uint32_t attempts[ASKS_MAX];
	char why[ASKS_MAX][400];
	ask_id id[ASKS_MAX];
	bool cancel_impatient;
	uint8_t key[24];
};

struct told {
	struct house *h;
	unsigned n;
};

static struct told users[ASKS_MAX];

static void done(void *user, ask_id id SL_UNUSED, const struct ask_result *r)
{
	struct told *t = user;
	t->h->told[t->n]++;
	t->h->answered[t->n] += r->answered;
	t->h->attempts[t->n] = r->attempts;
	snprintf(t->h->why[t->n], sizeof(t->h->why[0]), "%s", r->why ? r->why : "");
}

static void waits(void *user, ask_id id)
{
	struct told *t = user;
	assert_int_equal(id, t->h->id[t->n]);
	t->h->patience[t->n]++;
	if (t->h->cancel_impatient)
		caller_cancel(t->h->caller, id);
}

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	struct caller_config config = {.answer_max = 1000, .retry_ms = 100};
	assert_int_equal(crypt_start(), 0);
	fake_clock_init(&h->clock, 1700000000000);
	fake_executor_init(&h->executor, &h->clock);
	h->feature = (struct feature){.name = "f",
				      .author = "a",
				      .authorization = "",
				      .signing_key = bytes_of(h->key, sizeof(h->key)),
				      .enabled = true};
	h->plugin = (struct plugin){.feature = &h->feature,
				    .type = PLUGIN_GATE,
				    .key = "AccessGate.f.a",
				    .address = {"http://one:1/g"},
				    .addresses = 1,
				    .timeout_ms = 10000,
				    .in_flight_max = 2};
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

static void ask_with(struct house *h, const struct plugin *plugin, unsigned n, bool first)
{
	char id[20];
	users[n] = (struct told){h, n};
	snprintf(id, sizeof(id), "%u", n);
	struct ask ask = {.plugin = plugin,
			  .webhook_id = id,
			  .body = BYTES("{}"),
			  .budget_ms = 120000,
			  .first = first,
			  .waits = waits};
	h->told[n] = h->answered[n] = 0;
	assert_int_equal(caller_ask(h->caller, &ask, done, &users[n], &h->id[n]), 0);
}

static void ask(struct house *h, unsigned n) { ask_with(h, &h->plugin, n, false); }

static void turn(struct house *h)
{
	(void)caller_turn(h->caller, 1000);
	h->executor.base.ops->turn(&h->executor.base, 0);
	(void)caller_turn(h->caller, 1000);
}

static void pass(struct house *h, int64_t ms)
{
	fake_clock_pass(&h->clock, ms);
	turn(h);
}

static void slow(struct house *h, unsigned times, uint32_t ms)
{
	while (times--)
		fake_executor_script(&h->executor, "http://one:1/g",
				     (struct fake_answer){.body = "{}", .delay_ms = ms});
}

static void failing(struct house *h, const char *url, unsigned times, bool unreached)
{
	while (times--)
		fake_executor_script(
			&h->executor, url,
			(struct fake_answer){.rc = SL_E_UNAVAILABLE, .unreached = unreached});
}

/* The webhook-ids of the calls made so far, in their order. */
static const char *order(const struct house *h, char *out, size_t size)
{
	*out = '\0';
	for (size_t i = 0, used = 0; i < h->executor.started; i++)
		used += (size_t)snprintf(
			out + used, size - used, "%s%s", i ? " " : "",
			fake_call_header(fake_executor_call(&h->executor, i), "webhook-id"));
	return out;
}

static struct standing_view view_of(struct house *h, const struct plugin *p)
{
	struct standing_view v = {0};
	standings_read(caller_standings(h->caller), bytes_str(p->key), &v);
	return v;
}

/* ---- lines ---- */

static void test_told_that_it_waits_long(void **state)
{
	struct house *h = *state;
	slow(h, 4, 5000);
	for (unsigned i = 0; i < 4; i++)
		ask(h, i);
	assert_int_equal(view_of(h, &h->plugin).in_flight, 2);
	assert_int_equal(view_of(h, &h->plugin).waiting, 2);
	assert_int_equal(caller_ahead(h->id[2]), 0);
	assert_int_equal(caller_ahead(h->id[3]), 1);
	pass(h, 999);
	assert_int_equal(h->patience[2], 0);
	pass(h, 1);
	assert_int_equal(caller_waited_ms(h->caller, h->id[2]), 1000);
	assert_int_equal(h->patience[0] + h->patience[1], 0);
	assert_int_equal(h->patience[2], 1);
	assert_int_equal(h->patience[3], 1);
	pass(h, 1000);
	assert_int_equal(h->patience[2], 2); /* and again */
	for (int i = 0; i < 3; i++)
		pass(h, 5000);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(h->answered[i], 1);
}

static void test_canceled_when_told(void **state)
{
	struct house *h = *state;
	h->cancel_impatient = true;
	slow(h, 5, 5000);
	for (unsigned i = 0; i < 5; i++)
		ask(h, i);
	pass(h, 1000);
	assert_int_equal(view_of(h, &h->plugin).waiting, 0);
	assert_int_equal(caller_in_flight(h->caller), 2);
	pass(h, 4000);
	assert_int_equal(h->answered[0] + h->answered[1], 2);
	assert_int_equal(h->told[2] + h->told[3] + h->told[4], 0);
}

/* A held line stands still, but for those whose turn has come: in front, in their order. */
static void test_a_held_line(void **state)
{
	struct house *h = *state;
	char ids[200];
	slow(h, 9, 1000);
	assert_int_equal(caller_hold(h->caller, h->plugin.key, true), 0);
	assert_int_equal(caller_places(h->caller, h->plugin.key, 2), 2);
	ask(h, 0); /* a newcomer, though there are places */
	assert_int_equal(h->executor.started, 0);
	for (unsigned i = 1; i < 5; i++)
		ask_with(h, &h->plugin, i, true);
	assert_string_equal(order(h, ids, sizeof(ids)), "1 2");
	assert_int_equal(caller_places(h->caller, h->plugin.key, 5), 1);
	assert_int_equal(caller_places(h->caller, h->plugin.key, 2), 0);
	assert_false(caller_freed(h->caller));
	pass(h, 1000);
	assert_string_equal(order(h, ids, sizeof(ids)), "1 2 3 4");
	assert_true(caller_freed(h->caller));
	pass(h, 1000);
	assert_true(caller_freed(h->caller));
	assert_false(caller_freed(h->caller));
	assert_string_equal(order(h, ids, sizeof(ids)), "1 2 3 4");
	assert_int_equal(caller_hold(h->caller, h->plugin.key, false), 0);
	assert_string_equal(order(h, ids, sizeof(ids)), "1 2 3 4 0");
	pass(h, 1000);
	assert_int_equal(h->answered[0], 1);
}

/* ---- breakers ---- */

static void fail_times(struct house *h, unsigned times)
{
	failing(h, "http://one:1/g", times, false);
	for (unsigned i = 0; i < times; i++) {
		ask(h, 0);
		turn(h);
		assert_int_equal(h->told[0], 1);
		assert_int_equal(h->answered[0], 0);
	}
}

static void test_a_plugin_that_keeps_failing(void **state)
{
	struct house *h = *state;
	fail_times(h, 10);
	size_t before = h->executor.started;
	ask(h, 1);
	turn(h);
	assert_int_equal(h->told[1], 1);
	assert_int_equal(h->answered[1], 0);
	assert_int_equal(h->attempts[1], 0);
	assert_non_null(strstr(h->why[1], "5000 ms"));
	assert_int_equal(h->executor.started, before);
	assert_int_equal(view_of(h, &h->plugin).breaker, BREAKER_OPEN);
	assert_int_equal(view_of(h, &h->plugin).openings, 1);
	ask_with(h, &h->other, 2, false); /* another plugin, though at the same place */
	turn(h);
	assert_int_equal(h->answered[2], 1);
}

static void test_one_probe(void **state)
{
	struct house *h = *state;
	fail_times(h, 10);
	size_t before = h->executor.started;
	fake_clock_pass(&h->clock, 5000);
	slow(h, 1, 300);
	for (unsigned i = 1; i < 4; i++)
		ask(h, i);
	turn(h);
	assert_int_equal(h->executor.started, before + 1);
	assert_int_equal(h->told[2] + h->told[3], 2);
	assert_int_equal(view_of(h, &h->plugin).breaker, BREAKER_PROBING);
	pass(h, 300);
	assert_int_equal(h->answered[1], 1);
	assert_int_equal(view_of(h, &h->plugin).breaker, BREAKER_CLOSED);
	ask(h, 4);
	turn(h);
	assert_int_equal(h->answered[4], 1);
}

static void test_a_dropped_probe_is_followed_by_another(void **state)
{
	struct house *h = *state;
	fail_times(h, 10);
	fake_clock_pass(&h->clock, 5000);
	slow(h, 1, 300);
	ask(h, 1);
	caller_cancel(h->caller, h->id[1]);
	ask(h, 2);
	turn(h);
	assert_int_equal(h->answered[2], 1);
}

/* What opens it while an ask pauses between attempts ends that ask too. */
static void test_no_retries_against_an_open_breaker(void **state)
{
	struct house *h = *state;
	h->plugin.retries = 5;
	failing(h, "http://one:1/g", 60, false);
	ask(h, 0);
	ask(h, 1);
	for (int i = 0; i < 45 && !(h->told[0] && h->told[1]); i++)
		pass(h, 100);
	assert_int_equal(h->told[0] + h->told[1], 2);
	assert_int_equal(h->executor.started, 10);
}

/* Illegal answers, and what is our own fault, are no failures of a plugin. */
static void test_what_does_not_count(void **state)
{
	struct house *h = *state;
	static const struct fake_answer none[] = {
		{.status = 404}, {.rc = SL_E_TOO_BIG}, {.rc = SL_E_BUSY}, {.rc = SL_E_NO_MEMORY}};
	for (unsigned i = 0; i < 100; i++) {
		fake_executor_script(&h->executor, "http://one:1/g", none[i % countof(none)]);
		ask(h, 0);
		turn(h);
	}
	assert_int_equal(h->executor.started, 100);
	assert_int_equal(view_of(h, &h->plugin).breaker, BREAKER_CLOSED);
}

/* Behind one host and port nobody listens: no plugin there is tried, others are; a plugin
 * with another address goes there. */
static void test_a_place_nobody_listens_at(void **state)
{
	struct house *h = *state;
	struct plugin two = h->plugin, more[3] = {h->plugin, h->plugin, h->plugin};
	more[0].key = "A.1";
	more[1].key = "A.2";
	more[2].key = "A.3";
	two.key = "A.4";
	two.address[1] = "http://two:1/g";
	two.addresses = 2;
	failing(h, "http://one:1/g", 10, true);
	for (unsigned i = 0; i < 12; i++) { /* spread: no plugin's own breaker opens */
		ask_with(h, &more[i % 3], i, false);
		turn(h);
	}
	assert_int_equal(h->executor.started, 10);
	assert_int_equal(h->attempts[11], 0);
	assert_int_equal(view_of(h, &more[0]).breaker, BREAKER_CLOSED);
	for (unsigned i = 20; i < 24; i++) {
		ask_with(h, &two, i, false);
		turn(h);
		assert_int_equal(h->answered[i], 1);
	}
	for (size_t i = 10; i < h->executor.started; i++)
		assert_string_equal(fake_executor_call(&h->executor, i)->url, "http://two:1/g");
	fake_clock_pass(&h->clock, 5000);
	ask_with(h, &more[0], 30, false); /* the probe */
	turn(h);
	assert_int_equal(h->answered[30], 1);
	ask_with(h, &more[1], 31, false);
	turn(h);
	assert_int_equal(h->answered[31], 1);
}

static const struct plugin *found;
static const struct plugin *find(const void *user SL_UNUSED, const char *key)
{
	return found && strcmp(found->key, key) == 0 ? found : NULL;
}

static void test_sweep(void **state)
{
	struct house *h = *state;
	struct standings *s = caller_standings(h->caller);
	struct plugin moved = h->plugin;
	struct standing_view v;
	fail_times(h, 10);
	found = &h->plugin;
	standings_sweep(s, find, NULL);
	assert_int_equal(view_of(h, &h->plugin).breaker,
			 BREAKER_OPEN); /* just another generation */
	moved.address[0] = "http://three:1/g";
	found = &moved;
	standings_sweep(s, find, NULL);
	assert_int_equal(view_of(h, &h->plugin).breaker, BREAKER_CLOSED);
	ask(h, 1); /* of the old generation: says nothing of the new address */
	fail_times(h, 20);
	assert_int_equal(view_of(h, &h->plugin).breaker, BREAKER_CLOSED);
	found = NULL;
	standings_sweep(s, find, NULL);
	assert_false(standings_read(s, bytes_str(h->plugin.key), &v));
}

static void count(void *user, const struct standing_view *v)
{
	unsigned *n = user;
	assert_string_equal(v->key, "AccessGate.f.a");
	assert_int_equal(v->failed_open, 2);
	++*n;
}

static void test_what_others_read(void **state)
{
	struct house *h = *state;
	struct standings *s = caller_standings(h->caller);
	unsigned n = 0;
	standings_failed_open(s, h->plugin.key);
	standings_failed_open(s, h->plugin.key);
	ask(h, 0);
	turn(h);
	standings_each(s, count, &n);
	assert_int_equal(n, 1);
	ask_with(h, &h->other, 1, false); /* nothing to remember of it */
	turn(h);
	n = 0;
	standings_each(s, count, &n);
	assert_int_equal(n, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_told_that_it_waits_long),
		TEST(test_canceled_when_told),
		TEST(test_a_held_line),
		TEST(test_a_plugin_that_keeps_failing),
		TEST(test_one_probe),
		TEST(test_a_dropped_probe_is_followed_by_another),
		TEST(test_no_retries_against_an_open_breaker),
		TEST(test_what_does_not_count),
		TEST(test_a_place_nobody_listens_at),
		TEST(test_sweep),
		TEST(test_what_others_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
