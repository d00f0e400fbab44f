/* Who gets the slots: the order, gangs, nobody starved, and where a job stands. */
#include "runtime/local/queue.h"

#include "runtime/local/attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MINUTE = 60000, T0 = 1700000000 };

static struct queue q;

static int setup(void **state SL_UNUSED) { return queue_init(&q, 4, MINUTE); }

static int teardown(void **state SL_UNUSED)
{
	queue_fini(&q);
	return 0;
}

/** Submitted at T0 + `ms`; `n` tells jobs of one moment apart. */
static struct uuid job_at(uint64_t ms, uint32_t n)
{
	struct uuid id;
	uint64_t at = (uint64_t)T0 * 1000 + ms;
	memset(&id, 0, sizeof(id));
	for (int i = 0; i < 6; i++)
		id.at[i] = (uint8_t)(at >> (40 - 8 * i));
	id.at[6] = 0x70;
	for (int i = 0; i < 4; i++)
		id.at[12 + i] = (uint8_t)(n >> (24 - 8 * i));
	return id;
}

static struct attempt *line_up(struct uuid job, uint32_t role, uint32_t index, uint32_t members,
			       uint32_t cost, int32_t priority)
{
	struct replica_name name = {.job = job, .role = role, .index = index};
	struct party *p = party_create(&name);
	struct attempt *first = NULL;
	assert_non_null(p);
	for (uint32_t i = 0; i < members; i++) {
		struct attempt *a = calloc(1, sizeof(*a));
		assert_non_null(a);
		a->name = name;
		a->name.index += i;
		list_init(&a->member);
		party_join(p, a, cost);
		first = first ? first : a;
	}
	assert_int_equal(queue_add(&q, p, priority), 0);
	return first;
}

static struct attempt *one(uint64_t ms, uint32_t n, int32_t priority)
{
	return line_up(job_at(ms, n), 0, 0, 1, 1, priority);
}

/** The first member of the next party, or NULL; all members are freed. */
static bool next(struct replica_name *ret, uint32_t *ret_members)
{
	struct party *p = queue_next(&q);
	*ret_members = 0;
	if (!p)
		return false;
	for (struct list *at; (at = list_pop(&p->members)); ++*ret_members) {
		struct attempt *a = container_of(at, struct attempt, member);
		if (!*ret_members)
			*ret = a->name;
		assert_int_equal(a->slots, a->cost);
		free(a);
	}
	party_free(p);
	return true;
}

/** The next one is this job's; its slots are given back at once. */
static void expect(struct uuid job, uint32_t role, uint32_t index, uint32_t slots)
{
	struct replica_name got;
	uint32_t members;
	assert_true(next(&got, &members));
	assert_memory_equal(&got.job, &job, sizeof(job));
	assert_int_equal(got.role, role);
	assert_int_equal(got.index, index);
	queue_release(&q, slots);
}

static void expect_nobody(void) { assert_null(queue_next(&q)); }

static void equal_priorities_go_by_submission(void **state SL_UNUSED)
{
	one(3000, 0, 7);
	one(1000, 2, 7);
	one(2000, 0, 7);
	one(1000, 1, 7);
	line_up(job_at(1000, 1), 1, 0, 1, 1, 7);
	line_up(job_at(1000, 1), 0, 5, 1, 1, 7);
	expect(job_at(1000, 1), 0, 0, 1);
	expect(job_at(1000, 1), 0, 5, 1);
	expect(job_at(1000, 1), 1, 0, 1);
	expect(job_at(1000, 2), 0, 0, 1);
	expect(job_at(2000, 0), 0, 0, 1);
	expect(job_at(3000, 0), 0, 0, 1);
	expect_nobody();
}

static void a_point_of_priority_is_worth_one_ageing(void **state SL_UNUSED)
{
	one(0, 0, 0);
	one(5 * MINUTE - 1, 0, 5); /* not quite five minutes later */
	one(5 * MINUTE + 1, 0, 5);
	one(0, 1, -1);
	expect(job_at(5 * MINUTE - 1, 0), 0, 0, 1);
	expect(job_at(0, 0), 0, 0, 1);
	expect(job_at(5 * MINUTE + 1, 0), 0, 0, 1);
	expect(job_at(0, 1), 0, 0, 1);
}

static void worth_rises_always_and_is_bounded(void **state SL_UNUSED)
{
	static const int32_t steps[] = {INT32_MIN, -2000000, -2000, -1001, -1000,   -1,
					0,         1,        1000,  1001,  2000000, INT32_MAX};
	for (size_t i = 1; i < countof(steps); i++)
		assert_true(queue_worth(steps[i]) > queue_worth(steps[i - 1]));
	for (int32_t p = -1000; p <= 1000; p++)
		assert_true(queue_worth(p) == p);
	assert_true(queue_worth(2000) == 2000 && queue_worth(-4000) == -3000);
	assert_true(queue_worth(INT32_MAX) - queue_worth(INT32_MIN) < 44069);
}

/* Urgent ones come without end, and still the least of all has its turn. */
static void nobody_starves(void **state SL_UNUSED)
{
	struct uuid least = job_at(0, 0);
	struct replica_name got;
	uint32_t members, rounds = 0;
	one(0, 0, INT32_MIN);
	for (uint64_t ms = 1;; ms += MINUTE, rounds++) {
		one(ms, 1, INT32_MAX);
		assert_true(next(&got, &members));
		queue_release(&q, 1);
		if (uuid_eq(got.job, least))
			break;
		assert_true(rounds < 44069 + 2);
	}
	assert_true(rounds > 40000);
	while (next(&got, &members))
		queue_release(&q, 1);
}

static void a_gang_takes_all_its_slots_or_none(void **state SL_UNUSED)
{
	struct replica_name got;
	uint32_t members;
	one(0, 0, 0);
	line_up(job_at(1, 0), 0, 0, 4, 1, 0);
	one(2, 0, 0);
	assert_true(next(&got, &members));
	expect_nobody(); /* three are free: the gang waits, and who is behind it as well */
	queue_release(&q, 1);
	assert_true(next(&got, &members));
	assert_int_equal(members, 4);
	expect_nobody();
	queue_release(&q, 3);
	assert_true(next(&got, &members));
	assert_int_equal(members, 1);
	queue_release(&q, 2);
}

static void costs_count(void **state SL_UNUSED)
{
	struct replica_name got;
	uint32_t members;
	line_up(job_at(0, 0), 0, 0, 1, 3, 0);
	line_up(job_at(1, 0), 0, 0, 2, 1, 0);
	assert_true(next(&got, &members));
	expect_nobody();
	queue_release(&q, 3);
	assert_true(next(&got, &members));
	assert_int_equal(members, 2);
}

static void who_leaves_is_no_longer_waited_for(void **state SL_UNUSED)
{
	struct replica_name got;
	uint32_t members;
	queue_hold(&q, 2);
	struct attempt *a = line_up(job_at(0, 0), 0, 0, 3, 1, 0);
	struct attempt *b = one(1, 0, 0);
	expect_nobody();
	queue_leave(&q, a);
	free(a);
	queue_leave(&q, b);
	free(b);
	assert_true(next(&got, &members));
	assert_int_equal(members, 2);
	expect_nobody();
	assert_int_equal(q.parties, 0);
	assert_int_equal(q.jobs.n, 0);
}

/* It was let in when there were more slots. */
static void a_gang_too_large_starts_when_all_is_free(void **state SL_UNUSED)
{
	struct replica_name got;
	uint32_t members;
	queue_hold(&q, 1);
	line_up(job_at(0, 0), 0, 0, 6, 1, 0);
	expect_nobody();
	queue_release(&q, 1);
	assert_true(next(&got, &members));
	assert_int_equal(members, 6);
	one(1, 0, 0);
	queue_release(&q, 2);
	expect_nobody(); /* below zero no longer, but nothing is free */
	queue_release(&q, 1);
	assert_true(next(&got, &members));
}

/* Gangs of all sizes and single ones, ended at random: all have their turn, slots are never
 * exceeded. */
static void many_gangs_do_not_block_each_other(void **state SL_UNUSED)
{
	uint32_t seed = 5, running[64] = {0}, n = 0, held = 0, done = 0, submitted = 0;
	for (unsigned step = 0; done < 3000; step++) {
		struct replica_name got;
		uint32_t members;
		assert_true(step < 100000);
		seed = seed * 1664525u + 1013904223u;
		if (submitted < 3000 && seed >> 30) {
			uint32_t size = 1 + (seed >> 8) % 4;
			int32_t priority = (int32_t)((seed >> 12) % 9) - 4;
			line_up(job_at(step * 1000, step), 0, 0, size, 1, priority);
			submitted++;
		} else if (n) {
			uint32_t at = (seed >> 16) % n;
			queue_release(&q, running[at]);
			held -= running[at];
			running[at] = running[--n];
			done++;
		}
		while (next(&got, &members)) {
			running[n++] = members;
			held += members;
			assert_true(held <= 4);
		}
	}
	assert_int_equal(q.free, 4);
}

static void a_job_is_told_where_it_stands(void **state SL_UNUSED)
{
	struct engine_place place;
	struct uuid third = job_at(2, 0);
	queue_hold(&q, 3);
	assert_false(queue_place(&q, &third, &place));
	line_up(job_at(0, 0), 0, 0, 2, 1, 0);
	one(1, 0, 0);
	line_up(third, 0, 0, 1, 1, 0);
	line_up(third, 0, 1, 1, 1, 0); /* a job counts once */
	line_up(job_at(3, 0), 0, 0, 4, 1, 0);
	assert_true(queue_place(&q, &third, &place));
	assert_int_equal(place.place, 3);
	assert_int_equal(place.of, 4);
	assert_int_equal(place.free, 1);
	assert_int_equal(place.room, 4);
	assert_int_equal(place.needs, 1);
	one(4, 0, 100);
	assert_true(queue_place(&q, &third, &place));
	assert_int_equal(place.place, 4);
	struct uuid gang = job_at(3, 0);
	assert_true(queue_place(&q, &gang, &place));
	assert_int_equal(place.needs, 4);
}

/* What is still in line at the end belongs to the test. */
static int free_rest(void **state)
{
	struct replica_name got;
	uint32_t members;
	queue_release(&q, 1000);
	while (next(&got, &members))
		;
	return teardown(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, free_rest)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(equal_priorities_go_by_submission),  T(a_point_of_priority_is_worth_one_ageing),
		T(worth_rises_always_and_is_bounded),  T(nobody_starves),
		T(a_gang_takes_all_its_slots_or_none), T(costs_count),
		T(who_leaves_is_no_longer_waited_for), T(a_gang_too_large_starts_when_all_is_free),
		T(many_gangs_do_not_block_each_other), T(a_job_is_told_where_it_stands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
