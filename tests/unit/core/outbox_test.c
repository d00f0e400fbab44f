/* The outbox: random moves against a plain model, limits, time, and who comes and goes. */
#include "core/outbox.h"
#include "store/store_mem.h"
#include "tests/lib/seeded.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { JOBS = 4, MOST = 300, STEPS = 1500 };

static const struct outbox_limits wide = {
	.pending_max = 1000, .bytes_max = 1 << 30, .retry_for_ms = 1000000, .keep_dead_ms = 5000};

/** What a delivery is, by our own book. */
struct own {
	unsigned job;
	bool there, dead;
	int64_t due_ms;
};

struct house {
	struct store *store;
	struct seeded random;
	struct own own[MOST];
	uint64_t n; /* deliveries made; their numbers are 1..n */
	uint64_t subscriber;
	int64_t now_ms;
};

static struct store_txn *begin(struct house *h, enum store_mode mode)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(h->store, mode, &txn), 0);
	return txn;
}

static void subscribe(struct house *h, const char *key)
{
	struct subscriber s;
	struct store_txn *txn = begin(h, STORE_WRITE);
	assert_int_equal(outbox_subscribe(txn, bytes_str(key)), 0);
	assert_int_equal(outbox_find(txn, bytes_str(key), &s), 0);
	h->subscriber = s.number;
	assert_int_equal(store_commit(&txn), 0);
}

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(store_open_mem(&h->store), 0);
	h->random.state = 11;
	h->now_ms = 1000000;
	subscribe(h, "LifeHook.a.b");
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	store_close(h->store);
	free(h);
	return 0;
}

static struct uuid job_id(unsigned job) { return (struct uuid){{(uint8_t)(job + 1)}}; }

static void add(struct house *h, struct store_txn *txn, unsigned job,
		const struct outbox_limits *limits)
{
	struct feed_entry e = {.number = ++h->n,
			       .job = job_id(job),
			       .state = JOB_WAITING,
			       .sequence = (uint32_t)h->n,
			       .time_ms = h->now_ms,
			       .user = BYTES("u"),
			       .reason = BYTES("r")};
	h->own[h->n] = (struct own){.job = job, .there = true, .due_ms = h->now_ms};
	assert_int_equal(outbox_add(txn, h->subscriber, &e, limits), 0);
}

/* ---- against the model ---- */

struct seen {
	uint64_t number[MOST];
	int64_t due_ms[MOST];
	size_t n;
};

static bool see(void *user, int64_t due_ms, uint64_t number)
{
	struct seen *s = user;
	s->due_ms[s->n] = due_ms;
	s->number[s->n++] = number;
	return true;
}

static bool is_head(const struct house *h, uint64_t number)
{
	const struct own *o = &h->own[number];
	for (uint64_t i = 1; i < number; i++)
		if (h->own[i].there && !h->own[i].dead && h->own[i].job == o->job)
			return false;
	return o->there && !o->dead;
}

static void check_queue(struct house *h, struct store_txn *txn)
{
	struct seen s = {.n = 0};
	size_t heads = 0;
	assert_int_equal(outbox_queued(txn, h->subscriber, see, &s), 0);
	for (uint64_t i = 1; i <= h->n; i++)
		heads += is_head(h, i);
	assert_int_equal(s.n, heads);
	for (size_t i = 0; i < s.n; i++) {
		assert_true(is_head(h, s.number[i]));
		assert_int_equal(s.due_ms[i], h->own[s.number[i]].due_ms);
		assert_true(i == 0 || s.due_ms[i - 1] <= s.due_ms[i]);
	}
}

struct listed {
	const struct house *h;
	uint64_t last;
	size_t n, most;
};

static bool see_delivery(void *user, const struct delivery *d)
{
	struct listed *l = user;
	if (l->n == l->most)
		return false;
	assert_true(d->number > l->last);
	assert_true(l->h->own[d->number].there);
	assert_int_equal(l->h->own[d->number].dead, d->dead != DEAD_NOT);
	l->last = d->number;
	l->n++;
	return true;
}

/* All of them, two at a time. */
static size_t count_listed(struct house *h, struct store_txn *txn, const struct outbox_filter *f)
{
	struct outbox_place at = {0};
	struct listed l = {.h = h};
	bool end = false;
	while (!end) {
		l.most = l.n + 2;
		assert_int_equal(outbox_walk(txn, f, &at, see_delivery, &l, &end), 0);
		if (!end)
			at = (struct outbox_place){h->subscriber, l.last};
	}
	return l.n;
}

static void check(struct house *h)
{
	struct store_txn *txn = begin(h, STORE_READ);
	struct subscriber s;
	size_t pending = 0, dead = 0, of_job = 0;
	for (uint64_t i = 1; i <= h->n; i++) {
		pending += h->own[i].there && !h->own[i].dead;
		dead += h->own[i].there && h->own[i].dead;
		of_job += h->own[i].there && h->own[i].job == 1;
	}
	assert_int_equal(outbox_get(txn, h->subscriber, &s), 0);
	assert_int_equal(s.pending, pending);
	assert_int_equal(s.dead, dead);
	assert_int_equal(s.pending_bytes == 0, pending == 0);
	assert_int_equal(s.dead_bytes == 0, dead == 0);
	check_queue(h, txn);
	assert_int_equal(count_listed(h, txn, &(struct outbox_filter){0}), pending + dead);
	assert_int_equal(count_listed(h, txn, &(struct outbox_filter){.dead = true}), dead);
	assert_int_equal(count_listed(h, txn, &(struct outbox_filter){.job = job_id(1)}), of_job);
	store_abort(txn);
}

static void step(struct house *h)
{
	struct store_txn *txn = begin(h, STORE_WRITE);
	uint64_t number = h->n ? 1 + seeded_below(&h->random, (uint32_t)h->n) : 0;
	struct own *o = &h->own[number];
	struct delivery d = {.subscriber = h->subscriber,
			     .number = number,
			     .tried_ms = h->now_ms,
			     .due_ms = h->now_ms + seeded_below(&h->random, 5000),
			     .attempts = 1,
			     .words = BYTES("busy")};
	uint32_t dice = seeded_below(&h->random, 100);
	if ((dice < 40 && h->n + 1 < MOST) || !number) {
		add(h, txn, seeded_below(&h->random, JOBS), &wide);
	} else if (dice < 60) { /* delivered, also when it is dead or not there */
		assert_int_equal(outbox_delivered(txn, h->subscriber, number), 0);
		o->there = false;
	} else if (dice < 75) {
		assert_int_equal(outbox_again(txn, &d), 0);
		if (o->there && !o->dead)
			o->due_ms = d.due_ms;
	} else if (dice < 88) {
		d.dead = DEAD_EXCEPTION;
		d.dead_ms = h->now_ms;
		assert_int_equal(outbox_die(txn, &d, &wide), 0);
		o->dead = o->there;
	} else {
		int rc = outbox_redeliver(txn, h->subscriber, number, h->now_ms);
		assert_int_equal(rc, o->there && o->dead ? 0 : SL_E_NOT_FOUND);
		if (!rc) {
			o->dead = false;
			o->due_ms = h->now_ms;
		}
	}
	assert_int_equal(store_commit(&txn), 0);
	h->now_ms += seeded_below(&h->random, 100);
}

static void random_moves_against_a_model(void **state)
{
	struct house *h = *state;
	for (int i = 0; i < STEPS; i++) {
		step(h);
		if (i % 8 == 0)
			check(h);
	}
}

/* ---- limits and time ---- */

static void over_the_limit_the_oldest_die(void **state)
{
	struct house *h = *state;
	struct outbox_limits narrow = wide;
	narrow.pending_max = 3;
	for (unsigned i = 0; i < 10; i++) {
		struct store_txn *txn = begin(h, STORE_WRITE);
		add(h, txn, i % JOBS, &narrow);
		assert_int_equal(store_commit(&txn), 0);
	}
	for (uint64_t i = 1; i <= 7; i++)
		h->own[i].dead = true;
	for (uint64_t i = 1; i <= 4; i++) /* and of the dead the oldest go */
		h->own[i].there = false;
	check(h);
	struct delivery d;
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(outbox_read(txn, h->subscriber, 5, &d), 0);
	assert_int_equal(d.dead, DEAD_OVERFLOW);
	store_abort(txn);
}

static void sweep(struct house *h, size_t most, bool want_more)
{
	bool more;
	struct store_txn *txn = begin(h, STORE_WRITE);
	assert_true(outbox_wants_sweep(txn, h->now_ms, &wide));
	assert_int_equal(outbox_sweep(txn, h->now_ms, most, &wide, &more), 0);
	assert_int_equal(more, want_more);
	assert_int_equal(store_commit(&txn), 0);
}

static void time_ends_what_nobody_takes(void **state)
{
	struct house *h = *state;
	struct store_txn *txn = begin(h, STORE_WRITE);
	for (unsigned i = 0; i < 5; i++)
		add(h, txn, 0, &wide);
	assert_false(outbox_wants_sweep(txn, h->now_ms + wide.retry_for_ms, &wide));
	assert_int_equal(store_commit(&txn), 0);
	h->now_ms += wide.retry_for_ms + 1;
	sweep(h, 2, true);
	h->own[1].dead = h->own[2].dead = true;
	check(h);
	sweep(h, 100, false);
	for (uint64_t i = 1; i <= 5; i++)
		h->own[i].dead = true;
	check(h);
	h->now_ms += wide.keep_dead_ms + 1;
	sweep(h, 100, false);
	for (uint64_t i = 1; i <= 5; i++)
		h->own[i].there = false;
	check(h);
}

static void all_dead_of_a_time_are_redelivered(void **state)
{
	struct house *h = *state;
	int64_t since = 0;
	for (unsigned i = 0; i < 6; i++) {
		struct store_txn *txn = begin(h, STORE_WRITE);
		if (i == 2)
			since = h->now_ms;
		add(h, txn, i % 2, &wide);
		struct delivery d = {.subscriber = h->subscriber,
				     .number = h->n,
				     .dead = DEAD_EXCEPTION,
				     .dead_ms = h->now_ms};
		assert_int_equal(outbox_die(txn, &d, &wide), 0);
		assert_int_equal(store_commit(&txn), 0);
		h->own[h->n].dead = true;
		h->now_ms += 10;
	}
	uint64_t from = 1;
	size_t n, all = 0;
	do {
		struct store_txn *txn = begin(h, STORE_WRITE);
		assert_int_equal(
			outbox_redeliver_since(txn, h->subscriber, since, h->now_ms, 2, &from, &n),
			0);
		assert_int_equal(store_commit(&txn), 0);
		all += n;
	} while (from);
	assert_int_equal(all, 4);
	for (uint64_t i = 3; i <= 6; i++) {
		h->own[i].dead = false;
		h->own[i].due_ms = h->now_ms;
	}
	check(h);
}

/* ---- who comes and goes ---- */

static void the_deleted_get_nothing(void **state)
{
	struct house *h = *state;
	struct subscriber s;
	bool more;
	uint64_t first = h->subscriber;
	struct store_txn *txn = begin(h, STORE_WRITE);
	for (unsigned i = 0; i < 4; i++)
		add(h, txn, i % 2, &wide);
	assert_int_equal(outbox_unsubscribe(txn, BYTES("LifeHook.a.b")), 0);
	assert_int_equal(outbox_find(txn, BYTES("LifeHook.a.b"), &s), SL_E_NOT_FOUND);
	assert_int_equal(store_commit(&txn), 0);
	subscribe(h, "LifeHook.a.b");
	assert_true(h->subscriber > first);
	memset(h->own, 0, sizeof(h->own));
	check(h); /* nothing of the one before, also not by the job */
	do {
		txn = begin(h, STORE_WRITE);
		assert_int_equal(outbox_sweep(txn, h->now_ms, 1, &wide, &more), 0);
		assert_int_equal(store_commit(&txn), 0);
	} while (more);
	txn = begin(h, STORE_READ);
	struct store_cursor *c;
	struct bytes key, val;
	assert_int_equal(store_cursor_open(txn, STORE_OUTBOX, &c), 0);
	assert_int_equal(store_seek(c, BYTES(""), &key, &val), SL_E_NOT_FOUND);
	store_cursor_free(c);
	store_abort(txn);
}

static void gone_until_turned_on(void **state)
{
	struct house *h = *state;
	struct subscriber s;
	struct store_txn *txn = begin(h, STORE_WRITE);
	assert_int_equal(outbox_gone(txn, h->subscriber, 0, 5), 0);
	assert_int_equal(outbox_gone(txn, h->subscriber, 0, 9), 0);
	assert_int_equal(outbox_get(txn, h->subscriber, &s), 0);
	assert_int_equal(s.gone_ms, 5);
	assert_int_equal(outbox_turned_on(txn, BYTES("LifeHook.a.b")), 0);
	assert_int_equal(outbox_gone(txn, h->subscriber, 0, 9), 0); /* an old answer */
	assert_int_equal(outbox_get(txn, h->subscriber, &s), 0);
	assert_int_equal(s.gone_ms, 0);
	assert_int_equal(store_commit(&txn), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(random_moves_against_a_model), TEST(over_the_limit_the_oldest_die),
		TEST(time_ends_what_nobody_takes),  TEST(all_dead_of_a_time_are_redelivered),
		TEST(the_deleted_get_nothing),      TEST(gone_until_turned_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
