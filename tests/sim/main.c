/* sim [first seed [how many [steps]]] [-v]: run seeds; 0 when every invariant held. */
#include "tests/sim/sim.h"

#include "core/base/crypt.h"
#include "store/store_mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 150, STEPS = 1200, CALM_TURNS = 4000, ERASE_TURNS = 400 };

static bool all_final(const struct sim *s)
{
	for (size_t i = 0; i < s->jobs; i++)
		if (!s->job[i].final)
			return false;
	return true;
}

/* Whoever waits for a person is resumed. */
static void resume_all(struct sim *s)
{
	for (size_t i = 0; i < s->jobs; i++)
		if (s->job[i].state == JOB_SUSPENDED)
			steps_resume(s, &s->job[i], false);
}

/* Everybody behaves, and time passes: no job may be left. */
static void calm_down(struct sim *s)
{
	s->calm = true;
	for (int i = 0; i < SIM_PLUGINS; i++)
		s->mood[i] = MOOD_GOOD;
	for (int call = 0; call < STORE_MEM_CALLS; call++)
		store_mem_fail(s->store, (enum store_mem_call)call, 0, 0);
	steps_hold(s, "", false);
	steps_hold(s, "K1", false);
	s->engine.fail_percent = s->engine.lose_percent = 0;
	sim_engine_cut(&s->engine, false);
	for (unsigned i = 0; i < CALM_TURNS && !all_final(s); i++) {
		s->step++;
		steps_turn(s);
		writer_turn(s->writer);
		check_all(s, false);
		hooks_turn(s->hooks, 0);
		sim_engine_turn(&s->engine);
		fake_clock_pass(&s->clock, i < 1000 ? 50 : 5000);
		if (i == CALM_TURNS / 2 || i == CALM_TURNS / 2 + 500)
			resume_all(s);
		check_all(s, i % 64 == 0);
	}
	hooks_turn_feature(s, true);
	for (unsigned i = 0; i < CALM_TURNS && (hooks_left(s) || !hooks_idle(s->hooks)); i++) {
		hooks_turn(s->hooks, 0);
		writer_turn(s->writer);
		fake_clock_pass(&s->clock, 1000);
	}
	for (int i = 0; i < 8; i++) {
		steps_turn(s);
		writer_turn(s->writer);
		check_all(s, true);
	}
}

static void check_rest(struct sim *s)
{
	for (size_t i = 0; i < s->jobs; i++)
		if (!s->job[i].final)
			sim_wrong(s, &s->job[i], "is stuck in %s", job_state_name(s->job[i].state));
	for (unsigned i = 0; i < ERASE_TURNS && check_leftovers(s); i++) {
		steps_turn(s);
		writer_turn(s->writer);
		fake_clock_pass(&s->clock, 20000);
		check_all(s, true);
	}
	if (check_leftovers(s))
		sim_wrong(s, NULL, "jobs are marked to be erased for ever");
	if (!driver_idle(s->driver))
		sim_wrong(s, NULL, "all jobs are over and the driver is still busy");
	hooks_check_rest(s);
	if (s->executor.open)
		sim_wrong(s, NULL, "all jobs are over and %zu calls are open", s->executor.open);
}

static void run_seed(struct sim *s, uint64_t seed, unsigned steps)
{
	world_open(s, seed);
	s->engine.fail_percent = seeded_below(&s->random, 40);
	s->engine.lose_percent = seeded_below(&s->random, 10);
	s->engine.repeat_percent = seeded_below(&s->random, 30);
	s->engine.slow_ms = 1 + seeded_below(&s->random, 5000);
	s->engine.late_ms = seeded_chance(&s->random, 30) ? 0 : seeded_below(&s->random, 3000);
	for (unsigned i = 0; i < steps; i++) {
		steps_random(s);
		check_all(s, i % 16 == 0);
	}
	calm_down(s);
	check_rest(s);
	world_close(s);
}

int main(int argc, char **argv)
{
	struct sim s = {0};
	if (argc > 1 && strcmp(argv[argc - 1], "-v") == 0) {
		s.talk = true;
		argc--;
	}
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : SEEDS;
	unsigned steps = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : STEPS;
	unsigned long jobs = 0, crashes = 0, stops = 0, resumes = 0, calls = 0, told = 0,
		      erased = 0, parkings = 0, reruns = 0, holds = 0;
	seeded_crypt_install();
	if (crypt_start())
		return 1;
	for (uint64_t i = 0; i < n; i++) {
		run_seed(&s, first + i, steps);
		jobs += s.submitted;
		crashes += s.crashes;
		stops += s.stops;
		resumes += s.resumes;
		erased += s.erased;
		calls += s.calls;
		told += s.told;
		parkings += s.parkings;
		reruns += s.reruns;
		holds += s.holds;
	}
	printf("%llu seeds: %lu jobs, %lu calls, %lu stops, %lu resumes, %lu parkings, "
	       "%lu reruns, %lu holds, %lu crashes, %lu changes told, %lu erased\n",
	       (unsigned long long)n, jobs, calls, stops, resumes, parkings, reruns, holds, crashes,
	       told, erased);
	return 0;
}
