/* Roles: how one ends, what its end does, and which may start. */
#include "core/policy/internal.h"

#include <stdio.h>

static void act(struct policy *p, uint32_t role, bool success, const char *code)
{
	const struct role *r = &p->set->role[role];
	switch (r->action[success ? ROLE_SUCCEEDED : ROLE_FAILED]) {
	case ACTION_NONE:
		return;
	case ACTION_FAIL:
		success = false;
		break;
	case ACTION_SUCCEED:
		success = true;
		break;
	case ACTION_COMPLETE:
		break;
	}
	policy_want(p, success ? SET_SUCCEEDED : SET_FAILED, success ? "succeeded" : code);
}

static void say(struct policy *p, uint32_t role, const char *what)
{
	if (p->wanted == SET_OPEN)
		snprintf(p->reason, sizeof(p->reason), "role %.*s %s",
			 BYTES_FMT(p->set->role[role].name), what);
}

static void role_succeeded(struct policy *p, uint32_t role)
{
	say(p, role, "succeeded");
	p->role[role].state = ROLE_DONE;
	policy_end_role(p, role);
	act(p, role, true, "succeeded");
}

void policy_role_failed(struct policy *p, uint32_t role, const char *code, const char *what)
{
	say(p, role, what);
	p->role[role].state = ROLE_BROKEN;
	policy_end_role(p, role);
	act(p, role, false, code);
}

bool policy_role_ended(const struct policy *p, uint32_t role)
{
	return p->role[role].state == ROLE_DONE || p->role[role].state == ROLE_BROKEN;
}

enum set_outcome policy_judge(const struct role *role, uint32_t succeeded, uint32_t failed)
{
	uint32_t tolerated = role->max_failed ? role->max_failed : 1;
	if (succeeded >= role->min_succeeded)
		return SET_SUCCEEDED;
	if (failed >= tolerated || role->replicas - failed < role->min_succeeded)
		return SET_FAILED;
	return SET_OPEN;
}

void policy_judge_role(struct policy *p, uint32_t role, const char *code, const char *last)
{
	struct role_run *r = &p->role[role];
	char what[260];
	if (r->state != ROLE_ACTIVE)
		return;
	switch (policy_judge(&p->set->role[role], r->succeeded, r->failed)) {
	case SET_SUCCEEDED:
		role_succeeded(p, role);
		break;
	case SET_FAILED:
		snprintf(what, sizeof(what), "failed: %s", last);
		policy_role_failed(p, role, code, what);
		break;
	default:
		break;
	}
}

/* ---- dependencies ---- */

static enum dep_state look_at(const struct policy *p, const struct role_dep *dep)
{
	bool done = p->role[dep->role].state == ROLE_DONE;
	if (!policy_role_ended(p, dep->role))
		return DEP_OPEN;
	if (dep->on == DEP_SUCCEEDED)
		return done ? DEP_HOLDS : DEP_BROKEN;
	if (dep->on == DEP_FAILED)
		return done ? DEP_NEEDLESS : DEP_HOLDS;
	return DEP_HOLDS;
}

enum dep_state policy_look_at_deps(const struct policy *p, uint32_t role)
{
	const struct role *spec = &p->set->role[role];
	enum dep_state all = DEP_HOLDS;
	for (uint32_t i = 0; i < spec->deps; i++) {
		enum dep_state one = look_at(p, &spec->dep[i]);
		if (one == DEP_BROKEN)
			return DEP_BROKEN;
		if (one == DEP_NEEDLESS || (one == DEP_OPEN && all == DEP_HOLDS))
			all = one;
	}
	return all;
}

const struct role_dep *policy_open_dep(const struct policy *p, uint32_t role)
{
	const struct role *spec = &p->set->role[role];
	for (uint32_t i = 0; p->role[role].state == ROLE_WAITING && i < spec->deps; i++)
		if (look_at(p, &spec->dep[i]) == DEP_OPEN)
			return &spec->dep[i];
	return NULL;
}

void policy_start_role(struct policy *p, uint32_t role, int64_t now_ms)
{
	struct role_run *r = &p->role[role];
	r->state = ROLE_ACTIVE;
	if (!r->started_ms)
		r->started_ms = now_ms;
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++)
		if (r->replica[i].state == REPLICA_IDLE && !r->replica[i].retry_at_ms)
			policy_start_replica(p, role, i);
}

/* Start every role whose dependencies hold; one that ends here may decide others. */
void policy_start_roles(struct policy *p, int64_t now_ms)
{
	size_t from = p->n_fx;
	for (bool more = true; more && p->wanted == SET_OPEN;) {
		more = false;
		for (uint32_t i = 0; i < p->set->roles && p->wanted == SET_OPEN; i++) {
			if (p->role[i].state != ROLE_WAITING)
				continue;
			enum dep_state deps = policy_look_at_deps(p, i);
			if (deps == DEP_HOLDS)
				policy_start_role(p, i, now_ms);
			else if (deps == DEP_BROKEN)
				policy_role_failed(p, i, "replica_failed", "failed: dependency");
			else if (deps == DEP_NEEDLESS)
				role_succeeded(p, i);
			more |= deps == DEP_BROKEN || deps == DEP_NEEDLESS;
		}
	}
	policy_form_group(p, from);
}
