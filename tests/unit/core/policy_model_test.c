/* The policy against a slow model of doc/taskset.md that looks at everything again after
 * every event: random sets, outcomes, times and stops. */
#include "tests/lib/seeded.h"
#include "tests/unit/core/policy_house.h"

static const char *const sets[] = {
	SET("", ROLE("a", "\"replicas\":4," COMPLETION("2", "2") RETRY("1"))),
	SET("", ROLE("a", "\"replicas\":3," RETRY("2")) "," ROLE("b",
								 AFTER("\"a\"") "\"replicas\":2,")),
	SET(SET_RETRY("2"), ROLE("a", "\"replicas\":2," COMPLETION("2", "1")) "," ROLE(
				    "b", AFTER("\"a\"") RETRY("1"))),
	SET("",
	    ROLE("a", QUIET) "," ROLE("b", AFTER("{\"role\":\"a\",\"on\":\"failed\"}")) "," ROLE(
		    "c", AFTER("{\"role\":\"b\",\"on\":\"ended\"}") "\"replicas\":2,")),
	SET("", ROLE("a", QUIET) "," ROLE("b", AFTER("\"a\"") QUIET) "," ROLE(
			"c", AFTER("{\"role\":\"b\",\"on\":\"ended\"}"))),
	SET("",
	    ROLE("a", EVENTS(ON("RoleCompleted", "TaskSetCompleted")) "\"replicas\":2,") "," ROLE(
		    "b", "\"replicas\":3," COMPLETION("3", "3") QUIET)),
	SET(SET_RETRY("1"), ROLE("a", EVENTS(ON("RoleSucceeded", "TaskSetFailed"))) "," ROLE(
				    "b", EVENTS(ON("RoleFailed", "TaskSetSucceeded")) RETRY("1"))),
};

enum { ROLES = 3, REPLICAS = 4 };
enum m_replica { M_IDLE, M_ALIVE, M_GOOD, M_BAD, M_GONE };
enum m_role { M_WAITS, M_WORKS, M_DONE, M_BROKEN };

struct model {
	const struct taskset *set;
	enum m_replica is[ROLES][REPLICAS];
	bool ending[ROLES][REPLICAS];
	uint32_t tries[ROLES][REPLICAS];
	int64_t again[ROLES][REPLICAS], round_at;
	enum m_role role[ROLES];
	enum set_outcome want, outcome;
	uint32_t rounds;
	bool stopped;
};

#define EACH(m, r, k)                                                                              \
	for (uint32_t r = 0; r < (m)->set->roles; r++)                                             \
		for (uint32_t k = 0; k < (m)->set->role[r].replicas; k++)

static void m_end_role(struct model *m, uint32_t r)
{
	for (uint32_t k = 0; k < m->set->role[r].replicas; k++) {
		if (m->is[r][k] == M_IDLE)
			m->is[r][k] = M_GONE;
		m->ending[r][k] = m->is[r][k] == M_ALIVE;
	}
}

static void m_want(struct model *m, enum set_outcome outcome)
{
	if (m->want != SET_OPEN)
		return;
	m->want = outcome;
	for (uint32_t r = 0; r < m->set->roles; r++)
		m_end_role(m, r);
}

static void m_role_over(struct model *m, uint32_t r, bool good)
{
	m->role[r] = good ? M_DONE : M_BROKEN;
	m_end_role(m, r);
	enum role_action action = m->set->role[r].action[good ? ROLE_SUCCEEDED : ROLE_FAILED];
	if (action == ACTION_COMPLETE)
		m_want(m, good ? SET_SUCCEEDED : SET_FAILED);
	else if (action != ACTION_NONE)
		m_want(m, action == ACTION_SUCCEED ? SET_SUCCEEDED : SET_FAILED);
}

static bool m_judge(struct model *m, uint32_t r)
{
	const struct role *role = &m->set->role[r];
	uint32_t good = 0, bad = 0, most = role->max_failed ? role->max_failed : 1;
	for (uint32_t k = 0; k < role->replicas; k++) {
		good += m->is[r][k] == M_GOOD;
		bad += m->is[r][k] == M_BAD;
	}
	if (m->role[r] != M_WORKS)
		return false;
	if (good < role->min_succeeded && bad < most && role->replicas - bad >= role->min_succeeded)
		return false;
	m_role_over(m, r, good >= role->min_succeeded);
	return true;
}

static bool m_depend(struct model *m, uint32_t r)
{
	bool open = false, never = false, needless = false;
	if (m->role[r] != M_WAITS || m->want != SET_OPEN || m->round_at)
		return false;
	for (uint32_t i = 0; i < m->set->role[r].deps; i++) {
		const struct role_dep *dep = &m->set->role[r].dep[i];
		enum m_role is = m->role[dep->role];
		open |= is < M_DONE;
		never |= is == M_BROKEN && dep->on == DEP_SUCCEEDED;
		needless |= is == M_DONE && dep->on == DEP_FAILED;
	}
	if (never || needless) {
		m_role_over(m, r, !never);
		return true;
	}
	if (open)
		return false;
	m->role[r] = M_WORKS;
	for (uint32_t k = 0; k < m->set->role[r].replicas; k++)
		m->is[r][k] = M_ALIVE;
	return true;
}

/* Until nothing changes any more. */
static void m_settle(struct model *m, int64_t now)
{
	bool more = true, alive = false, over = true, good = true;
	while (more) {
		more = false;
		for (uint32_t r = 0; r < m->set->roles && !more; r++)
			more = m_judge(m, r) || m_depend(m, r);
	}
	for (uint32_t r = 0; r < m->set->roles; r++) {
		over &= m->role[r] >= M_DONE;
		good &= m->role[r] == M_DONE;
	}
	if (over)
		m_want(m, good ? SET_SUCCEEDED : SET_FAILED);
	EACH(m, r, k)
	alive |= m->is[r][k] == M_ALIVE;
	if (m->want == SET_OPEN || alive)
		return;
	if (m->want == SET_FAILED && m->set->retry.on && m->rounds < m->set->retry.max) {
		m->rounds++;
		m->want = SET_OPEN;
		m->round_at = now + (int64_t)m->set->retry.delay_s * 1000;
		memset(m->role, 0, sizeof(m->role));
		memset(m->is, 0, sizeof(m->is));
		memset(m->tries, 0, sizeof(m->tries));
		memset(m->again, 0, sizeof(m->again));
		memset(m->ending, 0, sizeof(m->ending));
		return;
	}
	m->outcome = m->want;
}

static void m_ended(struct model *m, uint32_t r, uint32_t k, bool good, int64_t now)
{
	const struct retry_policy *retry = &m->set->role[r].retry;
	m->is[r][k] = m->ending[r][k] ? M_GONE : good ? M_GOOD : M_BAD;
	if (m->is[r][k] == M_BAD && retry->on && m->tries[r][k] < retry->max) {
		m->tries[r][k]++;
		m->is[r][k] = M_IDLE;
		m->again[r][k] = now + (int64_t)retry->delay_s * 1000;
	}
	m_settle(m, now);
}

static void m_time(struct model *m, int64_t now)
{
	if (m->round_at && m->round_at <= now)
		m->round_at = 0;
	EACH(m, r, k)
	if (m->is[r][k] == M_IDLE && m->role[r] == M_WORKS && m->again[r][k] <= now)
		m->is[r][k] = M_ALIVE;
	m_settle(m, now);
}

static void m_stop(struct model *m, int64_t now)
{
	m->want = SET_OPEN;
	m->round_at = 0;
	m_want(m, SET_STOPPED);
	m_settle(m, now);
}

static void compare(const struct house *h, const struct model *m, uint64_t seed, unsigned step)
{
	static const enum m_replica same[] = {M_IDLE, M_ALIVE, M_ALIVE, M_GOOD, M_BAD, M_GONE};
	if (h->out.outcome != m->outcome)
		fail_msg("seed %llu step %u: outcome %d, by the model %d", (unsigned long long)seed,
			 step, h->out.outcome, m->outcome);
	EACH(m, r, k)
	{
		enum replica_state state = policy_replica(h->policy, r, k)->state;
		if (same[state] != m->is[r][k])
			fail_msg("seed %llu step %u: replica %u/%u is %d, by the model %d",
				 (unsigned long long)seed, step, r, k, same[state], m->is[r][k]);
	}
}

static void one_event(struct house *h, struct model *m, struct seeded *random)
{
	uint32_t dice = seeded_below(random, 1000);
	uint32_t r = seeded_below(random, h->set->roles);
	uint32_t k = seeded_below(random, h->set->role[r].replicas);
	const struct replica *replica = policy_replica(h->policy, r, k);
	if (dice < 4) {
		stop(h);
		m_stop(m, h->now);
	} else if (dice < 300) {
		tick(h, seeded_below(random, 8000));
		m_time(m, h->now);
	} else if (m->is[r][k] == M_ALIVE) {
		bool good = seeded_chance(random, 55);
		if (dice & 1)
			started(h, r, k, replica->attempts - 1);
		report(h, good || dice % 10 ? REPLICA_ENDED : REPLICA_LOST, r, k,
		       replica->attempts - 1, good ? 0 : 3);
		m_ended(m, r, k, good, h->now);
	}
}

static void test_against_the_model(void **state SL_UNUSED)
{
	for (uint64_t seed = 0; seed < 6000; seed++) {
		struct seeded random = {seed};
		struct house h;
		begin(&h, sets[seed % countof(sets)]);
		struct model m = {.set = h.set};
		m_settle(&m, h.now);
		for (unsigned step = 0; m.outcome == SET_OPEN; step++) {
			compare(&h, &m, seed, step);
			one_event(&h, &m, &random);
			assert_true(step < 5000);
		}
		compare(&h, &m, seed, 0);
		end(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
