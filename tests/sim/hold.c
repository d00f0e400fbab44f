/* Holds: what is stored while one concerns it is not called for before it is released. */
#include "tests/sim/sim.h"

#include <string.h>

static bool concerns(const struct sim *s, const struct sim_job *job)
{
	return s->held[SIM_HOLD_ALL] || (s->held[SIM_HOLD_K1] && strcmp(job->kind, "K1") == 0);
}

void hold_entered(const struct sim *s, struct sim_job *job)
{
	job->held = concerns(s, job);
	job->held_turn = s->turn;
}

void hold_changed(struct sim *s, const char *kind, bool hold)
{
	s->held[*kind ? SIM_HOLD_K1 : SIM_HOLD_ALL] = hold;
	for (size_t i = 0; i < s->jobs && !hold; i++)
		if (!concerns(s, &s->job[i]))
			s->job[i].held = false;
}

/* Nothing is in memory any more: a restart takes nobody in whom a hold concerns. */
void hold_crashed(struct sim *s)
{
	for (size_t i = 0; i < s->jobs; i++)
		hold_entered(s, &s->job[i]);
}

void hold_check_call(struct sim *s, const struct sim_job *job, const char *url)
{
	if (job->held && s->turn > job->held_turn + 1) /* the loop hears of it in its next turn */
		sim_wrong(s, job, "%s is called though the job is held", url);
}
