/* Which replicas start together: doc/taskset.md, "Gang". */
#include "tests/unit/core/policy_house.h"

/** The starts of the last event as "+role/index" with their group in front: "g1", each "e",
 * again "r". */
static const char *groups(struct house *h)
{
	static const char how[] = {
		[START_EACH] = 'e', [START_TOGETHER] = 'g', [START_REJOIN] = 'r'};
	size_t used = 0;
	h->said[0] = '\0';
	for (size_t i = 0; i < h->out.n; i++) {
		const struct policy_fx *fx = &h->out.fx[i];
		if (fx->kind != POLICY_START)
			continue;
		used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "%s%c",
					 used ? " " : "", how[fx->how]);
		if (fx->how == START_TOGETHER)
			used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "%u",
						 fx->group);
		used += (size_t)snprintf(h->said + used, sizeof(h->said) - used, "+%u/%u", fx->role,
					 fx->index);
	}
	return h->said;
}

static void begin_in(struct house *h, uint32_t most, uint32_t *weight, const char *text)
{
	struct gang_room room = {most, weight};
	open_in(h, text, &room);
	policy_start(h->policy, 0, h->now, &h->out);
}

static void all_roles_without_open_dependencies(void **state SL_UNUSED)
{
	struct house h;
	begin_in(&h, 4, NULL,
		 SET("",
		     ROLE("a", "") "," ROLE("b", "\"replicas\":3,") "," ROLE("c", AFTER("\"a\""))));
	assert_string_equal(groups(&h), "g1+0/0 g1+1/0 g1+1/1 g1+1/2");
	ended(&h, 0, 0, 0, 0);
	assert_string_equal(groups(&h), "e+2/0"); /* one is no gang */
	end(&h);
}

static void absent_and_never_fits_means_one_by_one(void **state SL_UNUSED)
{
	struct house h;
	begin_in(&h, 2, NULL, SET("", ROLE("a", "\"replicas\":3,")));
	assert_string_equal(groups(&h), "e+0/0 e+0/1 e+0/2");
	end(&h);
}

static void false_means_one_by_one(void **state SL_UNUSED)
{
	struct house h;
	begin_in(&h, 9, NULL, SET("\"gang\":false,", ROLE("a", "\"replicas\":2,")));
	assert_string_equal(groups(&h), "e+0/0 e+0/1");
	end(&h);
}

static void weights_count(void **state SL_UNUSED)
{
	uint32_t weight[] = {2, 1};
	struct house h;
	begin_in(&h, 5, weight, SET("", ROLE("a", "\"replicas\":2,") "," ROLE("b", "")));
	assert_string_equal(groups(&h), "g1+0/0 g1+0/1 g1+1/0");
	end(&h);
	begin_in(&h, 4, weight, SET("", ROLE("a", "\"replicas\":2,") "," ROLE("b", "")));
	assert_string_equal(groups(&h), "e+0/0 e+0/1 e+1/0");
	end(&h);
}

/* Two roles come to hold at once and are too much together: each was found to fit. */
static void true_splits_later_roles_where_it_must(void **state SL_UNUSED)
{
	static const char text[] =
		SET("\"gang\":true,",
		    ROLE("a", "") "," ROLE("b", AFTER("\"a\"") "\"replicas\":2,") "," ROLE(
			    "c", AFTER("\"a\"") "\"replicas\":3,"));
	struct house h;
	begin_in(&h, 3, NULL, text);
	ended(&h, 0, 0, 0, 0);
	assert_string_equal(groups(&h), "g1+1/0 g1+1/1 g2+2/0 g2+2/1 g2+2/2");
	end(&h);
}

static void a_retry_does_not_wait_for_room_that_others_wait_in(void **state SL_UNUSED)
{
	struct house h;
	begin_in(&h, 2, NULL, SET("", ROLE("a", "\"replicas\":2," RETRY("3"))));
	ended(&h, 0, 0, 0, 1);
	tick(&h, 10000);
	assert_string_equal(groups(&h), "r+0/0");
	ended(&h, 0, 1, 0, 0);
	ended(&h, 0, 0, 1, 1);
	tick(&h, 10000);
	assert_string_equal(groups(&h), "e+0/0"); /* nobody waits for it any more */
	end(&h);
}

static void a_retry_of_the_set_is_a_new_gang(void **state SL_UNUSED)
{
	struct house h;
	begin_in(&h, 2, NULL, SET(SET_RETRY("1"), ROLE("a", "\"replicas\":2,")));
	ended(&h, 0, 0, 0, 1);
	ended(&h, 0, 1, 0, 143);
	tick(&h, 30000);
	assert_string_equal(groups(&h), "g2+0/0 g2+0/1");
	end(&h);
}

static void the_group_outlives_a_crash(void **state SL_UNUSED)
{
	struct house h;
	begin_in(&h, 2, NULL,
		 SET("",
		     ROLE("a", "\"replicas\":2,") "," ROLE("b", AFTER("\"a\"") "\"replicas\":2,")));
	restart(&h);
	assert_int_equal(policy_replica(h.policy, 0, 1)->group, 1);
	ended(&h, 0, 0, 0, 0);
	ended(&h, 0, 1, 0, 0);
	assert_string_equal(groups(&h), "g2+1/0 g2+1/1"); /* not the number of the first */
	end(&h);
}

struct need_row {
	const char *set;
	uint32_t weight[3];
	uint64_t units;
	uint32_t replicas;
	const char *role;
};

static const struct need_row needs[] = {
	{SET("", ROLE("a", "\"replicas\":3,") "," ROLE("b", "")), {1, 1}, 4, 4, ""},
	{SET("", ROLE("a", "\"replicas\":3,") "," ROLE("b", "")), {2, 5}, 11, 4, ""},
	{SET("", ROLE("a", "\"replicas\":3,") "," ROLE("b", AFTER("\"a\""))), {1, 1}, 3, 3, ""},
	{SET("", ROLE("a", "") "," ROLE("b", AFTER("\"a\"") "\"replicas\":4,")), {1, 2}, 8, 4, "b"},
	{SET("", ROLE("a", "\"replicas\":10000,")), {1u << 20}, 10000ull << 20, 10000, ""},
};

static void what_must_be_held_at_once(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(needs); i++) {
		struct house h;
		open_at(&h, needs[i].set);
		uint32_t weight[3];
		memcpy(weight, needs[i].weight, sizeof(weight));
		struct gang_room room = {1, weight};
		struct gang_need need = gang_needs(h.set, &room);
		assert_int_equal(need.units, needs[i].units);
		assert_int_equal(need.replicas, needs[i].replicas);
		assert_true(bytes_is(need.role, needs[i].role));
		end(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_roles_without_open_dependencies),
		cmocka_unit_test(absent_and_never_fits_means_one_by_one),
		cmocka_unit_test(false_means_one_by_one),
		cmocka_unit_test(weights_count),
		cmocka_unit_test(true_splits_later_roles_where_it_must),
		cmocka_unit_test(a_retry_does_not_wait_for_room_that_others_wait_in),
		cmocka_unit_test(a_retry_of_the_set_is_a_new_gang),
		cmocka_unit_test(the_group_outlives_a_crash),
		cmocka_unit_test(what_must_be_held_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
