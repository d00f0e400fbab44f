/* Deadlines, and when a policy must be woken. */
#include "core/policy/internal.h"

#include <stdio.h>

int64_t policy_sooner(int64_t a, int64_t b) { return !a || (b && b < a) ? b : a; }

/* ---- timers of replicas ---- */

static bool timer_before(const struct heap_node *a_node, const struct heap_node *b_node)
{
	const struct replica_timer *a = container_of(a_node, struct replica_timer, node);
	const struct replica_timer *b = container_of(b_node, struct replica_timer, node);
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	return a->role != b->role ? a->role < b->role : a->index < b->index;
}

int policy_create_timers(struct policy *p)
{
	bool any = false;
	heap_init(&p->timers, timer_before);
	for (uint32_t i = 0; i < p->set->roles; i++) {
		const struct role *spec = &p->set->role[i];
		any |= spec->retry.on || spec->pod_deadline_s;
		for (uint32_t k = 0; k < spec->replicas; k++) {
			p->role[i].timer[k].role = i;
			p->role[i].timer[k].index = k;
		}
	}
	return any ? heap_reserve(&p->timers, p->set->replicas) : 0;
}

static int64_t timer_at(const struct policy *p, uint32_t role, uint32_t index)
{
	const struct role *spec = &p->set->role[role];
	const struct replica *r = &p->role[role].replica[index];
	if (p->role[role].state != ROLE_ACTIVE)
		return 0;
	if (r->state == REPLICA_IDLE && spec->retry.on)
		return r->retry_at_ms;
	if (r->state == REPLICA_RUNNING && !r->stopping && spec->pod_deadline_s)
		return r->started_ms + (int64_t)spec->pod_deadline_s * 1000;
	return 0;
}

void policy_set_timer(struct policy *p, uint32_t role, uint32_t index)
{
	struct replica_timer *t = &p->role[role].timer[index];
	heap_remove(&p->timers, &t->node);
	t->at_ms = timer_at(p, role, index);
	if (t->at_ms)
		heap_push(&p->timers, &t->node);
}

void policy_set_timers(struct policy *p)
{
	for (uint32_t i = 0; i < p->set->roles; i++)
		for (uint32_t k = 0; k < p->set->role[i].replicas; k++)
			policy_set_timer(p, i, k);
}

static struct replica_timer *first_timer(const struct policy *p)
{
	struct heap_node *node = heap_first(&p->timers);
	return node ? container_of(node, struct replica_timer, node) : NULL;
}

int64_t policy_next_wake(const struct policy *p)
{
	const struct replica_timer *first = first_timer(p);
	int64_t wake = p->again_ms;
	if (p->wanted != SET_OPEN)
		return wake;
	if (p->set->deadline_s)
		wake = policy_sooner(wake, p->started_ms + (int64_t)p->set->deadline_s * 1000);
	for (uint32_t i = 0; i < p->set->roles; i++) {
		const struct role *spec = &p->set->role[i];
		if (spec->deadline_s && p->role[i].state == ROLE_ACTIVE)
			wake = policy_sooner(wake, p->role[i].started_ms +
							   (int64_t)spec->deadline_s * 1000);
	}
	return first ? policy_sooner(wake, first->at_ms) : wake;
}

static int64_t at_most(int64_t at_ms, const struct retry_policy *retry, int64_t now_ms)
{
	int64_t last_ms = now_ms + (int64_t)retry->delay_s * 1000;
	return at_ms < last_ms ? at_ms : last_ms;
}

void policy_turn_back(struct policy *p, int64_t now_ms)
{
	p->again_ms = at_most(p->again_ms, &p->set->retry, now_ms);
	for (uint32_t i = 0; i < p->set->roles; i++)
		for (uint32_t k = 0; k < p->set->role[i].replicas; k++) {
			struct replica *r = &p->role[i].replica[k];
			const struct role *spec = &p->set->role[i];
			if (r->state != REPLICA_IDLE || !r->retry_at_ms)
				continue;
			r->retry_at_ms = at_most(
				r->retry_at_ms, r->retried ? &spec->retry : &p->set->retry, now_ms);
			policy_set_timer(p, i, k);
		}
}

/* ---- deadlines ---- */

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

static void check_pod_deadline(struct policy *p, uint32_t role, uint32_t index, int64_t now_ms)
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

void policy_check_timers(struct policy *p, int64_t now_ms)
{
	struct replica_timer *t;
	while ((t = first_timer(p)) && t->at_ms <= now_ms) {
		struct replica *r = &p->role[t->role].replica[t->index];
		bool active = p->role[t->role].state == ROLE_ACTIVE;
		heap_remove(&p->timers, &t->node); /* what it does sets it anew */
		if (active && r->state == REPLICA_IDLE && r->retry_at_ms &&
		    r->retry_at_ms <= now_ms)
			policy_start_replica(p, t->role, t->index);
		else if (active)
			check_pod_deadline(p, t->role, t->index, now_ms);
	}
}
