#include "core/policy/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- life ---- */

static int copy_room(struct policy *p, const struct gang_room *room)
{
	size_t size = p->set->roles * sizeof(*p->weight);
	p->most = room ? room->most : UINT32_MAX;
	if (!room || !room->weight)
		return 0;
	p->weight = malloc(size);
	if (!p->weight)
		return SL_E_NO_MEMORY;
	memcpy(p->weight, room->weight, size);
	return 0;
}

int policy_create(const struct taskset *set, const struct gang_room *room, struct policy **ret)
{
	scoped(policy_freep) struct policy *p = calloc(1, sizeof(*p));
	if (!p)
		return SL_E_NO_MEMORY;
	p->set = set;
	p->cap_fx = (size_t)set->replicas * 3 + 8;
	p->role = calloc(set->roles, sizeof(*p->role));
	p->replicas = calloc(set->replicas, sizeof(*p->replicas));
	p->dirties = calloc(set->replicas, sizeof(*p->dirties));
	p->fx = calloc(p->cap_fx, sizeof(*p->fx));
	p->timer = calloc(set->replicas, sizeof(*p->timer));
	if (!p->role || !p->replicas || !p->dirties || !p->fx || !p->timer || copy_room(p, room))
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0, at = 0; i < set->roles; at += set->role[i++].replicas) {
		p->role[i].replica = p->replicas + at;
		p->role[i].dirty = p->dirties + at;
		p->role[i].timer = p->timer + at;
	}
	if (policy_create_timers(p))
		return SL_E_NO_MEMORY;
	*ret = take_ptr(&p);
	return 0;
}

struct policy *policy_free(struct policy *p)
{
	if (!p)
		return NULL;
	free(p->role);
	free(p->replicas);
	free(p->dirties);
	free(p->fx);
	free(p->timer);
	heap_fini(&p->timers);
	free(p->weight);
	free(p);
	return NULL;
}

/* ---- effects ---- */

static void effect(struct policy *p, enum policy_fx_kind kind, uint32_t role, uint32_t index)
{
	const struct replica *r = &p->role[role].replica[index];
	assert(p->n_fx < p->cap_fx);
	p->fx[p->n_fx++] = (struct policy_fx){.kind = kind,
					      .role = role,
					      .index = index,
					      .attempt = r->attempts ? r->attempts - 1 : 0};
}

static void save(struct policy *p, uint32_t role, uint32_t index)
{
	if (p->role[role].dirty[index])
		return;
	p->role[role].dirty[index] = true;
	effect(p, POLICY_SAVE, role, index);
}

void policy_start_replica(struct policy *p, uint32_t role, uint32_t index)
{
	struct replica *r = &p->role[role].replica[index];
	enum start_how how = policy_how_again(p, r);
	r->state = REPLICA_STARTING;
	r->stopping = false;
	r->round = p->round;
	r->attempts++;
	r->retry_at_ms = r->started_ms = r->finished_ms = 0;
	r->code = r->signal = r->pid = 0;
	r->reason[0] = r->message[0] = '\0';
	r->site = (struct replica_site){.pod = ""};
	p->role[role].active++;
	p->active++;
	assert(!p->role[role].dirty[index]);
	effect(p, POLICY_START, role, index);
	p->fx[p->n_fx - 1].how = how;
	p->fx[p->n_fx - 1].group = r->group;
	save(p, role, index);
}

static void end_replica(struct policy *p, uint32_t role, uint32_t index)
{
	struct replica *r = &p->role[role].replica[index];
	if (replica_is_active(r) && !r->stopping) {
		r->stopping = true;
		effect(p, POLICY_STOP, role, index);
		save(p, role, index);
	} else if (r->state == REPLICA_IDLE) {
		r->state = REPLICA_STOPPED;
		r->retry_at_ms = 0;
		save(p, role, index);
	}
}

void policy_end_role(struct policy *p, uint32_t role)
{
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++)
		end_replica(p, role, i);
}

/* ---- the set ---- */

void policy_want(struct policy *p, enum set_outcome outcome, const char *code)
{
	if (p->wanted != SET_OPEN)
		return;
	p->wanted = outcome;
	p->code = code;
	for (uint32_t i = 0; i < p->set->roles; i++)
		policy_end_role(p, i);
}

static void all_ended(struct policy *p)
{
	bool success = true;
	for (uint32_t i = 0; i < p->set->roles; i++) {
		if (!policy_role_ended(p, i))
			return;
		success &= p->role[i].state == ROLE_DONE;
	}
	if (success)
		snprintf(p->reason, sizeof(p->reason), "all roles succeeded");
	policy_want(p, success ? SET_SUCCEEDED : SET_FAILED,
		    success ? "succeeded" : "replica_failed");
}

static bool next_round(struct policy *p, int64_t now_ms)
{
	const struct retry_policy *retry = &p->set->retry;
	if (p->wanted != SET_FAILED || p->final_stop || !retry->on || p->round >= retry->max)
		return false;
	p->round++;
	p->wanted = SET_OPEN;
	p->again_ms = now_ms + (int64_t)retry->delay_s * 1000;
	for (uint32_t i = 0; i < p->set->roles; i++) {
		struct role_run *r = &p->role[i];
		r->state = ROLE_WAITING;
		r->succeeded = r->failed = 0;
		r->started_ms = 0;
		for (uint32_t k = 0; k < p->set->role[i].replicas; k++) {
			r->replica[k].state = REPLICA_IDLE;
			r->replica[k].retried = r->replica[k].group = 0;
			r->replica[k].round = p->round;
			r->replica[k].retry_at_ms = p->again_ms;
			r->replica[k].reason[0] = r->replica[k].message[0] = '\0';
			save(p, i, k);
		}
	}
	return true;
}

static void begin(struct policy *p, struct policy_out *out)
{
	for (size_t i = 0; i < p->n_fx; i++)
		p->role[p->fx[i].role].dirty[p->fx[i].index] = false;
	p->n_fx = 0;
	*out = (struct policy_out){0};
}

static void finish(struct policy *p, int64_t now_ms, struct policy_out *out)
{
	if (p->wanted == SET_OPEN && !p->again_ms) {
		policy_start_roles(p, now_ms);
		all_ended(p);
	}
	if (p->wanted != SET_OPEN && !p->active && !next_round(p, now_ms))
		p->outcome = p->wanted;
	for (size_t i = 0; i < p->n_fx; i++)
		if (p->fx[i].kind == POLICY_SAVE)
			policy_set_timer(p, p->fx[i].role, p->fx[i].index);
	out->fx = p->fx;
	out->n = p->n_fx;
	out->running = p->running;
	out->outcome = p->outcome;
	out->wake_ms = p->outcome == SET_OPEN ? policy_next_wake(p) : 0;
	out->reason_code = p->code;
	out->exit_code = p->exit_code;
	snprintf(out->reason, sizeof(out->reason), "%s", p->reason);
}

/* ---- events ---- */

void policy_start(struct policy *p, int64_t started_ms, int64_t now_ms, struct policy_out *out)
{
	begin(p, out);
	p->started_ms = started_ms ? started_ms : now_ms;
	for (uint32_t i = 0; i < p->set->roles; i++)
		policy_recount(p, i);
	for (uint32_t i = 0; i < p->set->roles; i++) {
		if (p->role[i].state == ROLE_ACTIVE && !p->role[i].started_ms)
			p->role[i].started_ms = now_ms;
		policy_judge_role(p, i, "replica_failed", "too many replicas failed");
		if (p->role[i].overdue && !policy_role_ended(p, i))
			policy_role_failed(p, i, "deadline_exceeded",
					   "failed: a replica was not over in its time "
					   "(activeDeadlineSeconds)");
		if (p->role[i].state == ROLE_ACTIVE && p->wanted == SET_OPEN)
			policy_start_role(p, i, now_ms); /* those that never started */
	}
	policy_turn_back(p, now_ms);
	policy_check_deadlines(p, now_ms);
	if (!p->again_ms)
		policy_start_roles(p, now_ms);
	policy_fail_stopped(p);
	policy_set_timers(p);
	finish(p, now_ms, out);
}

static void take_exit(struct replica *r, const struct engine_report *report, int64_t now_ms)
{
	r->code = report->exit.code;
	r->signal = report->exit.signal;
	r->started_ms = report->exit.started_ms ? report->exit.started_ms : r->started_ms;
	r->finished_ms = report->exit.finished_ms ? report->exit.finished_ms : now_ms;
	if (strcmp(r->reason, POLICY_OVERDUE) != 0)
		snprintf(r->reason, sizeof(r->reason), "%s", report->reason ? report->reason : "");
	snprintf(r->message, sizeof(r->message), "%s", report->message);
}

static void describe_end(const struct replica *r, uint32_t index, char *to, size_t size)
{
	if (r->message[0])
		snprintf(to, size, "replica %u: %s", index, r->message);
	else if (r->signal)
		snprintf(to, size, "replica %u was ended by signal %d", index, r->signal);
	else
		snprintf(to, size, "replica %u exited with %d", index, r->code);
}

static void replica_failed(struct policy *p, uint32_t role, uint32_t index, bool lost,
			   int64_t now_ms)
{
	const struct retry_policy *retry = &p->set->role[role].retry;
	struct replica *r = &p->role[role].replica[index];
	char last[240];
	if (retry->on && r->retried < retry->max && p->wanted == SET_OPEN &&
	    !policy_role_ended(p, role)) {
		r->retried++;
		r->state = REPLICA_IDLE;
		r->retry_at_ms = now_ms + (int64_t)retry->delay_s * 1000;
		return;
	}
	r->state = REPLICA_FAILED;
	p->role[role].failed++;
	if (p->wanted == SET_OPEN)
		p->exit_code = r->code;
	describe_end(r, index, last, sizeof(last));
	policy_judge_role(p, role, lost ? "lost" : "replica_failed", last);
}

static void replica_ended(struct policy *p, const struct engine_report *report, int64_t now_ms)
{
	uint32_t role = report->name.role, index = report->name.index;
	struct replica *r = &p->role[role].replica[index];
	bool good =
		report->change == REPLICA_ENDED && report->exit.code == 0 && !report->exit.signal;
	p->role[role].active--;
	p->active--;
	take_exit(r, report, now_ms);
	save(p, role, index);
	if (r->stopping) {
		r->state = REPLICA_STOPPED;
	} else if (good) {
		r->state = REPLICA_SUCCEEDED;
		p->role[role].succeeded++;
		policy_judge_role(p, role, "succeeded", "");
	} else {
		replica_failed(p, role, index, report->change == REPLICA_LOST, now_ms);
	}
}

static void replica_started(struct policy *p, const struct engine_report *report, int64_t now_ms)
{
	uint32_t role = report->name.role, index = report->name.index;
	struct replica *r = &p->role[role].replica[index];
	if (r->state != REPLICA_STARTING)
		return;
	r->state = REPLICA_RUNNING;
	r->pid = report->pid;
	r->site = report->site;
	r->started_ms = report->exit.started_ms ? report->exit.started_ms : now_ms;
	p->running = true;
	save(p, role, index);
}

void policy_report(struct policy *p, const struct engine_report *report, int64_t now_ms,
		   struct policy_out *out)
{
	struct replica *r = &p->role[report->name.role].replica[report->name.index];
	begin(p, out);
	if (replica_is_active(r) && report->name.attempt == r->attempts - 1 &&
	    p->outcome == SET_OPEN) {
		if (report->change == REPLICA_STARTED)
			replica_started(p, report, now_ms);
		else
			replica_ended(p, report, now_ms);
	}
	finish(p, now_ms, out);
}

/* The pause before a round is over. */
static void begin_round(struct policy *p)
{
	p->again_ms = 0;
	for (uint32_t i = 0; i < p->set->replicas; i++)
		if (p->replicas[i].state == REPLICA_IDLE && !p->replicas[i].retried)
			p->replicas[i].retry_at_ms = 0;
}

void policy_tick(struct policy *p, int64_t now_ms, struct policy_out *out)
{
	begin(p, out);
	if (p->again_ms && p->again_ms <= now_ms)
		begin_round(p);
	policy_check_deadlines(p, now_ms);
	policy_check_timers(p, now_ms);
	finish(p, now_ms, out);
}

void policy_stop(struct policy *p, int64_t now_ms, struct policy_out *out)
{
	begin(p, out);
	p->final_stop = true;
	p->again_ms = 0;
	if (p->outcome == SET_OPEN && p->wanted != SET_STOPPED) {
		p->wanted = SET_OPEN; /* whatever was to come of it */
		snprintf(p->reason, sizeof(p->reason), "stopped by a user");
		policy_want(p, SET_STOPPED, "stopped_by_user");
	}
	finish(p, now_ms, out);
}
