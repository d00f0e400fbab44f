/* Waiting for a move: seen before or told after, never missed; places; the end. */
#include "core/watch.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include <cmocka.h>

enum { LONG_MS = 600000, ROUNDS = 300 };

struct sleeper {
	struct watch *watch;
	struct uuid job;
	pthread_t thread;
	atomic_bool moved;
	atomic_uint looks;
	sem_t looked;
};

static bool look(void *user)
{
	struct sleeper *s = user;
	bool moved = atomic_load(&s->moved);
	atomic_fetch_add(&s->looks, 1);
	sem_post(&s->looked);
	return moved;
}

static void *sleep_for_it(void *user)
{
	struct sleeper *s = user;
	watch_wait(s->watch, s->job, LONG_MS, look, s);
	return NULL;
}

static void start(struct sleeper *s, struct watch *watch, uint8_t number)
{
	*s = (struct sleeper){.watch = watch, .job = {{[0] = 1, [15] = number}}};
	sem_init(&s->looked, 0, 0);
	assert_int_equal(pthread_create(&s->thread, NULL, sleep_for_it, s), 0);
}

static void finish(struct sleeper *s)
{
	pthread_join(s->thread, NULL);
	sem_destroy(&s->looked);
}

static struct watch *make(unsigned held_max)
{
	struct watch *watch;
	assert_int_equal(watch_create(held_max, &watch), 0);
	return watch;
}

static void what_is_there_needs_no_sleep(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(1);
	struct sleeper s = {.watch = watch, .moved = true};
	sem_init(&s.looked, 0, 0);
	watch_wait(watch, s.job, LONG_MS, look, &s);
	assert_int_equal(s.looks, 1);
	sem_destroy(&s.looked);
}

/* The move falls anywhere around the look: each round ends, or the test hangs. */
static void no_move_is_missed(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(1);
	for (int i = 0; i < ROUNDS; i++) {
		struct sleeper s;
		start(&s, watch, (uint8_t)i);
		if (i % 2)
			sem_wait(&s.looked);
		atomic_store(&s.moved, true);
		watch_tell(watch, s.job);
		finish(&s);
	}
}

/* Two who wait for one job: each looks for itself, and whose time has not come sleeps on. */
static void who_waits_for_something_else_sleeps_on(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(2);
	struct sleeper a, b;
	start(&a, watch, 7);
	start(&b, watch, 7);
	sem_wait(&a.looked);
	sem_wait(&b.looked);
	atomic_store(&a.moved, true);
	watch_tell(watch, a.job);
	finish(&a);
	sem_wait(&b.looked);
	assert_true(b.looks >= 2);
	atomic_store(&b.moved, true);
	watch_tell(watch, b.job);
	finish(&b);
}

/* Another job of the same bucket: nobody is woken for it. */
static void a_neighbour_is_left_alone(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(2);
	struct sleeper a, b;
	start(&a, watch, 7);
	start(&b, watch, 7 + 64);
	sem_wait(&a.looked);
	sem_wait(&b.looked);
	for (int i = 0; i < ROUNDS; i++) { /* each is heard, or the test hangs */
		watch_tell(watch, a.job);
		sem_wait(&a.looked);
	}
	atomic_store(&a.moved, true);
	watch_tell(watch, a.job);
	finish(&a);
	assert_int_equal(b.looks, 1);
	atomic_store(&b.moved, true);
	watch_tell(watch, b.job);
	finish(&b);
}

static void the_end_wakes_everybody(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(3);
	struct sleeper s[3];
	for (uint8_t i = 0; i < 3; i++)
		start(&s[i], watch, i);
	for (int i = 0; i < 3; i++)
		sem_wait(&s[i].looked);
	watch_end(watch);
	for (int i = 0; i < 3; i++)
		finish(&s[i]);
	struct sleeper late = {.watch = watch};
	sem_init(&late.looked, 0, 0);
	watch_wait(watch, late.job, LONG_MS, look, &late); /* returns */
	assert_int_equal(late.looks, 1);
	sem_destroy(&late.looked);
}

static void time_runs_out(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(1);
	struct sleeper s = {.watch = watch};
	sem_init(&s.looked, 0, 0);
	watch_wait(watch, s.job, 1, look, &s);
	assert_true(s.looks >= 1);
	sem_destroy(&s.looked);
}

static void places_are_counted(void **state SL_UNUSED)
{
	scoped(watch_freep) struct watch *watch = make(2);
	assert_int_equal(watch_enter(watch), 0);
	assert_int_equal(watch_enter(watch), 0);
	assert_int_equal(watch_enter(watch), SL_E_UNAVAILABLE);
	watch_leave(watch);
	assert_int_equal(watch_enter(watch), 0);
	assert_int_equal(watch_enter(watch), SL_E_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_needs_no_sleep),
		cmocka_unit_test(no_move_is_missed),
		cmocka_unit_test(who_waits_for_something_else_sleeps_on),
		cmocka_unit_test(a_neighbour_is_left_alone),
		cmocka_unit_test(the_end_wakes_everybody),
		cmocka_unit_test(time_runs_out),
		cmocka_unit_test(places_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
