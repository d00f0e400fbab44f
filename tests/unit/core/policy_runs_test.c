/* Random runs of TaskSets with a crash at every point. */
#include "tests/lib/seeded.h"
#include "tests/unit/core/policy_house.h"

static const char *const sets[] = {
	SET("", ROLE("a", "\"replicas\":3," RETRY("2")) "," ROLE("b", AFTER("\"a\""))),
	SET(SET_RETRY("2"), ROLE("a", "\"replicas\":2," COMPLETION("2", "1")) "," ROLE(
				    "b", AFTER("\"a\"") RETRY("1"))),
	SET("",
	    ROLE("a", QUIET) "," ROLE("b", AFTER("{\"role\":\"a\",\"on\":\"failed\"}")) "," ROLE(
		    "c", AFTER("{\"role\":\"b\",\"on\":\"ended\"}") "\"replicas\":2,")),
	SET("",
	    ROLE("a", QUIET) "," ROLE("b", AFTER("\"a\"") QUIET) "," ROLE("c", "\"replicas\":2,")),
	SET("\"activeDeadlineSeconds\":40,",
	    ROLE("a", "\"replicas\":3,\"activeDeadlineSeconds\":15," RETRY("1"))),
	SET("", "{\"name\":\"a\",\"replicas\":2," POD_DL("6") "}," ROLE("b", QUIET)),
	SET("", "{\"name\":\"a\",\"replicas\":2," POD_DL("6") "}," ROLE(
			"b", "\"activeDeadlineSeconds\":4,")),
	SET(SET_RETRY("1") "\"activeDeadlineSeconds\":100,",
	    ROLE("a", EVENTS(ON("RoleCompleted", "NoAction"))) "," ROLE(
		    "b", AFTER("{\"role\":\"a\",\"on\":\"ended\"}"))),
};

enum { ROLES = 3, REPLICAS = 4 };

/** An engine and a store in one: what was saved, and what really runs. */
struct truth {
	uint64_t seed;
	struct seeded random;
	struct replica stored[ROLES][REPLICAS];
	bool has[ROLES][REPLICAS];
	bool alive[ROLES][REPLICAS], known[ROLES][REPLICAS];
	uint32_t attempt[ROLES][REPLICAS];
	int64_t started_ms;
};

static void carry_out(struct house *h, struct truth *t)
{
	for (size_t i = 0; i < h->out.n; i++) {
		const struct policy_fx *fx = &h->out.fx[i];
		if (fx->kind == POLICY_SAVE) {
			t->stored[fx->role][fx->index] =
				*policy_replica(h->policy, fx->role, fx->index);
			t->has[fx->role][fx->index] = true;
		} else if (fx->kind == POLICY_START) {
			if (t->alive[fx->role][fx->index])
				fail_msg("seed %llu: %u/%u.%u starts while .%u is alive",
					 (unsigned long long)t->seed, fx->role, fx->index,
					 fx->attempt, t->attempt[fx->role][fx->index]);
			if (t->known[fx->role][fx->index])
				assert_int_equal(fx->attempt, t->attempt[fx->role][fx->index] + 1);
			t->alive[fx->role][fx->index] = t->known[fx->role][fx->index] = true;
			t->attempt[fx->role][fx->index] = fx->attempt;
		} else {
			assert_int_equal(fx->attempt, t->attempt[fx->role][fx->index]);
		}
	}
	if (h->out.running && !t->started_ms)
		t->started_ms = h->now;
	for (uint32_t r = 0; h->out.outcome != SET_OPEN && r < h->set->roles; r++)
		for (uint32_t k = 0; k < h->set->role[r].replicas; k++)
			assert_false(t->alive[r][k]); /* nothing is left of it */
}

static void crash(struct house *h, struct truth *t, bool stopped)
{
	policy_free(h->policy);
	assert_int_equal(policy_create(h->set, NULL, &h->policy), 0);
	for (uint32_t r = 0; r < h->set->roles; r++)
		for (uint32_t k = 0; k < h->set->role[r].replicas; k++)
			if (t->has[r][k])
				policy_restore(h->policy, r, k, &t->stored[r][k]);
	policy_start(h->policy, t->started_ms, h->now, &h->out);
	carry_out(h, t);
	if (stopped && h->out.outcome == SET_OPEN) {
		stop(h);
		carry_out(h, t);
	}
}

static void random_report(struct house *h, struct truth *t)
{
	uint32_t role = seeded_below(&t->random, h->set->roles);
	uint32_t index = seeded_below(&t->random, h->set->role[role].replicas);
	bool *alive = &t->alive[role][index];
	uint32_t dice = seeded_below(&t->random, 10);
	if (!t->known[role][index] || (dice < 3 && !*alive))
		return;
	if (dice < 3) {
		started(h, role, index, t->attempt[role][index]);
	} else if (*alive) {
		*alive = false;
		report(h, dice == 3 ? REPLICA_LOST : REPLICA_ENDED, role, index,
		       t->attempt[role][index], dice < 7 ? 1 : 0);
	} else { /* once more */
		ended(h, role, index, t->attempt[role][index], (int32_t)dice & 1);
	}
	carry_out(h, t);
}

static void random_run(uint64_t seed)
{
	struct house h;
	struct truth t = {.seed = seed, .random = {seed}};
	bool crashes = seeded_chance(&t.random, 70), stopped = false;
	open_at(&h, sets[seed % countof(sets)]);
	policy_start(h.policy, 0, h.now, &h.out);
	carry_out(&h, &t);
	for (int i = 0; h.out.outcome == SET_OPEN; i++) {
		uint32_t dice = seeded_below(&t.random, 100);
		if (i == 3000)
			fail_msg("seed %llu does not end", (unsigned long long)seed);
		if (dice < 50) {
			random_report(&h, &t);
		} else if (dice < 85) {
			tick(&h, seeded_below(&t.random, 3000));
			carry_out(&h, &t);
		} else if (dice < 95 && crashes) {
			crash(&h, &t, stopped);
		} else if (dice == 99 && seeded_chance(&t.random, 20)) {
			stopped = true;
			stop(&h);
			carry_out(&h, &t);
		}
	}
	assert_int_equal(h.out.outcome == SET_STOPPED, stopped);
	end(&h);
}

static void test_random_runs(void **state SL_UNUSED)
{
	for (uint64_t seed = 0; seed < 4000; seed++)
		random_run(seed);
}

/* Every report and every retry by itself: what costs a look at all replicas each time would
 * not end in the test's time. */
static void test_ten_thousand_replicas(void **state SL_UNUSED)
{
	enum { N = 10000 };
	struct house h;
	uint32_t again = 0;
	open_at(&h, SET("", "{\"name\":\"a\",\"replicas\":10000," RETRY("1") POD_DL("100000") "}"));
	policy_start(h.policy, 0, h.now, &h.out);
	assert_int_equal(h.out.n, 2 * N);
	for (uint32_t i = 0; i < N; i++) {
		started(&h, 0, i, 0);
		h.now++;
		ended(&h, 0, i, 0, 1);
	}
	while (h.out.wake_ms && again < N) {
		h.now = h.out.wake_ms;
		policy_tick(h.policy, h.now, &h.out);
		for (size_t i = 0; i < h.out.n; i++)
			again += h.out.fx[i].kind == POLICY_START;
	}
	assert_int_equal(again, N);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(h.out.outcome, SET_OPEN);
		started(&h, 0, i, 1);
		ended(&h, 0, i, 1, 0);
	}
	assert_over(&h, SET_SUCCEEDED, "succeeded");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_runs),
		cmocka_unit_test(test_ten_thousand_replicas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
