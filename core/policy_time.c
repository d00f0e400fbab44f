/* Deadlines, and when a policy must be woken. */
#include "core/policy_internal.h"

#include <stdio.h>

int64_t policy_sooner(int64_t a, int64_t b) { return !a || (b && b < a) ? b : a; }

int64_t policy_next_wake(const struct policy *p)
{
	int64_t wake = p->again_ms;
	if (p->set->deadline_s && p->wanted == SET_OPEN)
		wake = policy_sooner(wake, p->started_ms + (int64_t)p->set->deadline_s * 1000);
	for (uint32_t i = 0; i < p->set->roles && p->wanted == SET_OPEN; i++) {
		const struct role *spec = &p->set->role[i];
		const struct role_run *r = &p->role[i];
		if (r->state != ROLE_ACTIVE)
			continue;
		if (spec->deadline_s)
			wake = policy_sooner(wake,
					     r->started_ms + (int64_t)spec->deadline_s * 1000);
		if (!spec->retry.on && !spec->pod_deadline_s)
			continue;
		for (uint32_t k = 0; k < spec->replicas; k++) {
			wake = policy_sooner(wake, r->replica[k].retry_at_ms);
			if (spec->pod_deadline_s && r->replica[k].state == REPLICA_RUNNING &&
			    !r->replica[k].stopping)
				wake = policy_sooner(wake,
						     r->replica[k].started_ms +
							     (int64_t)spec->pod_deadline_s * 1000);
		}
	}
	return wake;
}

static void mark_overdue(struct policy *p, uint32_t role)
{
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++) {
		struct replica *r = &p->role[role].replica[i];
		if (replica_is_active(r) || r->state == REPLICA_IDLE)
			snprintf(r->reason, sizeof(r->reason), "%s", POLICY_OVERDUE);
	}
}

void policy_check_deadlines(struct policy *p, int64_t now_ms)
{
	if (p->set->deadline_s && now_ms >= p->started_ms + (int64_t)p->set->deadline_s * 1000 &&
	    p->wanted == SET_OPEN) {
		snprintf(p->reason, sizeof(p->reason),
			 "not over after %u s (activeDeadlineSeconds)", p->set->deadline_s);
		p->final_stop = true;
		policy_want(p, SET_FAILED, "deadline_exceeded");
	}
	for (uint32_t i = 0; i < p->set->roles; i++) {
		const struct role *spec = &p->set->role[i];
		char what[100];
		snprintf(what, sizeof(what), "failed: not over after %u s (activeDeadlineSeconds)",
			 spec->deadline_s);
		if (!spec->deadline_s || p->role[i].state != ROLE_ACTIVE ||
		    now_ms < p->role[i].started_ms + (int64_t)spec->deadline_s * 1000)
			continue;
		mark_overdue(p, i);
		policy_role_failed(p, i, "deadline_exceeded", what);
	}
}

void policy_check_pod_deadline(struct policy *p, uint32_t role, uint32_t index, int64_t now_ms)
{
	const struct role *spec = &p->set->role[role];
	struct replica *r = &p->role[role].replica[index];
	char what[120];
	if (!spec->pod_deadline_s || r->state != REPLICA_RUNNING || r->stopping ||
	    now_ms < r->started_ms + (int64_t)spec->pod_deadline_s * 1000)
		return;
	snprintf(what, sizeof(what),
		 "failed: replica %u not over after %u s (activeDeadlineSeconds)", index,
		 spec->pod_deadline_s);
	snprintf(r->reason, sizeof(r->reason), "%s", POLICY_OVERDUE);
	policy_role_failed(p, role, "deadline_exceeded", what);
}
