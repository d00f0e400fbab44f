/* What was stored of the replicas: taken up again after a crash, or only shown. */
#include "core/policy/internal.h"

void policy_restore(struct policy *p, uint32_t role, uint32_t index, const struct replica *stored)
{
	p->role[role].replica[index] = *stored;
	p->role[role].replica[index].stopping = false; /* to be asked again if it still holds */
	if (stored->round > p->round)
		p->round = stored->round;
	if (stored->group > p->groups)
		p->groups = stored->group;
}

void policy_recount(struct policy *p, uint32_t role)
{
	struct role_run *r = &p->role[role];
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++) {
		struct replica *replica = &r->replica[i];
		if (replica->started_ms)
			p->running = true;
		if (replica->round < p->round) { /* of a round that is over */
			replica->state = REPLICA_IDLE;
			replica->retried = replica->group = 0;
			replica->retry_at_ms = 0;
			continue;
		}
		if (replica->state == REPLICA_IDLE && replica->retry_at_ms && !replica->retried) {
			p->again_ms = replica->retry_at_ms; /* the round waits for its time */
			continue;
		}
		/* Stopped ones say nothing: a role that never started may have such, too. */
		if (replica->state != REPLICA_STOPPED &&
		    (replica->state != REPLICA_IDLE || replica->retry_at_ms))
			r->state = ROLE_ACTIVE;
		r->overdue |= strcmp(replica->reason, POLICY_OVERDUE) == 0;
		r->started_ms = policy_sooner(r->started_ms, replica->started_ms);
		r->active += replica_is_active(replica);
		r->succeeded += replica->state == REPLICA_SUCCEEDED;
		r->failed += replica->state == REPLICA_FAILED;
		r->stopped += replica->state == REPLICA_STOPPED;
	}
	p->active += r->active;
}

/* Replicas were stopped for a decision that cannot be found again in what is stored: what
 * they were to do will not be done. */
void policy_fail_stopped(struct policy *p)
{
	for (uint32_t i = 0; i < p->set->roles && p->wanted == SET_OPEN; i++) {
		const struct role *spec = &p->set->role[i];
		const struct role_run *r = &p->role[i];
		if (!policy_role_ended(p, i) && r->stopped &&
		    spec->replicas - r->failed - r->stopped < spec->min_succeeded)
			policy_role_failed(p, i, "replica_failed",
					   "failed: replicas of it were stopped");
	}
}

/* ---- views ---- */

static void settle_role(struct policy *p, uint32_t role)
{
	struct role_run *r = &p->role[role];
	enum set_outcome so_far = policy_judge(&p->set->role[role], r->succeeded, r->failed);
	if (so_far != SET_OPEN)
		r->state = so_far == SET_SUCCEEDED ? ROLE_DONE : ROLE_BROKEN;
}

void policy_settle(struct policy *p)
{
	for (uint32_t i = 0; i < p->set->roles; i++) {
		policy_recount(p, i);
		settle_role(p, i);
	}
	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; i < p->set->roles; i++) {
			enum dep_state deps = policy_look_at_deps(p, i);
			if (p->role[i].state != ROLE_WAITING ||
			    (deps != DEP_BROKEN && deps != DEP_NEEDLESS))
				continue;
			p->role[i].state = deps == DEP_BROKEN ? ROLE_BROKEN : ROLE_DONE;
			more = true;
		}
	}
}

const char *policy_role_state(const struct policy *p, uint32_t role)
{
	switch (p->role[role].state) {
	case ROLE_ACTIVE:
		return p->role[role].started_ms ? "running" : "waiting";
	case ROLE_DONE:
		return "succeeded";
	case ROLE_BROKEN:
		return "failed";
	default:
		return "waiting";
	}
}

uint32_t policy_groups(const struct policy *p) { return p->groups; }

const struct replica *policy_replica(const struct policy *p, uint32_t role, uint32_t index)
{
	return &p->role[role].replica[index];
}

const char *replica_state_name(enum replica_state state)
{
	static const char *const names[REPLICA_STATES] = {"waiting",   "waiting", "running",
							  "succeeded", "failed",  "stopped"};
	return names[state];
}
