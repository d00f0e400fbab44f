#include "core/policy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum role_state { ROLE_WAITING, ROLE_ACTIVE, ROLE_DONE, ROLE_BROKEN };

/* A replica that ran out of its time, or its role's, keeps this as its reason, so that a
 * restart knows. */
static const char overdue_reason[] = "DeadlineExceeded";

struct role_run {
	enum role_state state;
	struct replica *replica;
	bool *dirty;
	uint32_t active, succeeded, failed; /* active: starting or running */
	bool overdue;                       /* restored: a replica of it had run out of its time */
	uint32_t stopped;                   /* restored: ended because something was decided */
	int64_t started_ms;
};

struct policy {
	const struct taskset *set;
	struct role_run *role;
	struct replica *replicas;
	bool *dirties;
	struct policy_fx *fx;
	size_t n_fx, cap_fx;
	uint32_t active;
	uint32_t round; /* retries of the whole set so far */
	bool running;
	enum set_outcome wanted; /* not OPEN: everything is being ended for this outcome */
	bool final_stop;         /* a person stopped it: no retry of the set */
	enum set_outcome outcome;
	int64_t started_ms, again_ms; /* again_ms: when the next round begins */
	const char *code;
	char reason[300];
	int32_t exit_code;
};

/* ---- life ---- */

int policy_create(const struct taskset *set, uint32_t together_max SL_UNUSED, struct policy **ret)
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
	if (!p->role || !p->replicas || !p->dirties || !p->fx)
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0, at = 0; i < set->roles; at += set->role[i++].replicas) {
		p->role[i].replica = p->replicas + at;
		p->role[i].dirty = p->dirties + at;
	}
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
	free(p);
	return NULL;
}

/* ---- effects ---- */

static void effect(struct policy *p, enum policy_fx_kind kind, uint32_t role, uint32_t index)
{
	const struct replica *r = &p->role[role].replica[index];
	assert(p->n_fx < p->cap_fx);
	p->fx[p->n_fx++] = (struct policy_fx){kind, role, index, r->attempts ? r->attempts - 1 : 0};
}

static void save(struct policy *p, uint32_t role, uint32_t index)
{
	if (p->role[role].dirty[index])
		return;
	p->role[role].dirty[index] = true;
	effect(p, POLICY_SAVE, role, index);
}

static bool is_active(const struct replica *r)
{
	return r->state == REPLICA_STARTING || r->state == REPLICA_RUNNING;
}

static void start_replica(struct policy *p, uint32_t role, uint32_t index)
{
	struct replica *r = &p->role[role].replica[index];
	r->state = REPLICA_STARTING;
	r->stopping = false;
	r->round = p->round;
	r->attempts++;
	r->retry_at_ms = r->started_ms = r->finished_ms = 0;
	r->code = r->signal = r->pid = 0;
	r->reason[0] = r->message[0] = '\0';
	p->role[role].active++;
	p->active++;
	assert(!p->role[role].dirty[index]);
	effect(p, POLICY_START, role, index);
	save(p, role, index);
}

static void end_replica(struct policy *p, uint32_t role, uint32_t index)
{
	struct replica *r = &p->role[role].replica[index];
	if (is_active(r) && !r->stopping) {
		r->stopping = true;
		effect(p, POLICY_STOP, role, index);
		save(p, role, index);
	} else if (r->state == REPLICA_IDLE) {
		r->state = REPLICA_STOPPED;
		r->retry_at_ms = 0;
		save(p, role, index);
	}
}

static void end_role(struct policy *p, uint32_t role)
{
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++)
		end_replica(p, role, i);
}

/* ---- the set ---- */

static void want(struct policy *p, enum set_outcome outcome, const char *code)
{
	if (p->wanted != SET_OPEN)
		return;
	p->wanted = outcome;
	p->code = code;
	for (uint32_t i = 0; i < p->set->roles; i++)
		end_role(p, i);
}

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
	want(p, success ? SET_SUCCEEDED : SET_FAILED, success ? "succeeded" : code);
}

/* ---- roles ---- */

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
	end_role(p, role);
	act(p, role, true, "succeeded");
}

static void role_failed(struct policy *p, uint32_t role, const char *code, const char *what)
{
	say(p, role, what);
	p->role[role].state = ROLE_BROKEN;
	end_role(p, role);
	act(p, role, false, code);
}

static bool role_ended(const struct policy *p, uint32_t role)
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

static void judge_role(struct policy *p, uint32_t role, const char *code, const char *last)
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
		role_failed(p, role, code, what);
		break;
	default:
		break;
	}
}

/* ---- dependencies ---- */

enum dep_state { DEP_HOLDS, DEP_OPEN, DEP_BROKEN, DEP_NEEDLESS };

static enum dep_state look_at(const struct policy *p, const struct role_dep *dep)
{
	bool done = p->role[dep->role].state == ROLE_DONE;
	if (!role_ended(p, dep->role))
		return DEP_OPEN;
	if (dep->on == DEP_SUCCEEDED)
		return done ? DEP_HOLDS : DEP_BROKEN;
	if (dep->on == DEP_FAILED)
		return done ? DEP_NEEDLESS : DEP_HOLDS;
	return DEP_HOLDS;
}

static enum dep_state look_at_all(const struct policy *p, uint32_t role)
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

static void start_role(struct policy *p, uint32_t role, int64_t now_ms)
{
	struct role_run *r = &p->role[role];
	r->state = ROLE_ACTIVE;
	if (!r->started_ms)
		r->started_ms = now_ms;
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++)
		if (r->replica[i].state == REPLICA_IDLE && !r->replica[i].retry_at_ms)
			start_replica(p, role, i);
}

/* Start every role whose dependencies hold; one that ends here may decide others. */
static void start_roles(struct policy *p, int64_t now_ms)
{
	for (bool more = true; more && p->wanted == SET_OPEN;) {
		more = false;
		for (uint32_t i = 0; i < p->set->roles && p->wanted == SET_OPEN; i++) {
			if (p->role[i].state != ROLE_WAITING)
				continue;
			enum dep_state deps = look_at_all(p, i);
			if (deps == DEP_HOLDS)
				start_role(p, i, now_ms);
			else if (deps == DEP_BROKEN)
				role_failed(p, i, "replica_failed", "failed: dependency");
			else if (deps == DEP_NEEDLESS)
				role_succeeded(p, i);
			more |= deps == DEP_BROKEN || deps == DEP_NEEDLESS;
		}
	}
}

/* ---- the end ---- */

static void all_ended(struct policy *p)
{
	bool success = true;
	for (uint32_t i = 0; i < p->set->roles; i++) {
		if (!role_ended(p, i))
			return;
		success &= p->role[i].state == ROLE_DONE;
	}
	if (success)
		snprintf(p->reason, sizeof(p->reason), "all roles succeeded");
	want(p, success ? SET_SUCCEEDED : SET_FAILED, success ? "succeeded" : "replica_failed");
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
			r->replica[k].retried = 0;
			r->replica[k].round = p->round;
			r->replica[k].retry_at_ms = p->again_ms;
			r->replica[k].reason[0] = r->replica[k].message[0] = '\0';
			save(p, i, k);
		}
	}
	return true;
}

static int64_t sooner(int64_t a, int64_t b) { return !a || (b && b < a) ? b : a; }

static int64_t next_wake(const struct policy *p)
{
	int64_t wake = p->again_ms;
	if (p->set->deadline_s && p->wanted == SET_OPEN)
		wake = sooner(wake, p->started_ms + (int64_t)p->set->deadline_s * 1000);
	for (uint32_t i = 0; i < p->set->roles && p->wanted == SET_OPEN; i++) {
		const struct role *spec = &p->set->role[i];
		const struct role_run *r = &p->role[i];
		if (r->state != ROLE_ACTIVE)
			continue;
		if (spec->deadline_s)
			wake = sooner(wake, r->started_ms + (int64_t)spec->deadline_s * 1000);
		if (!spec->retry.on && !spec->pod_deadline_s)
			continue;
		for (uint32_t k = 0; k < spec->replicas; k++) {
			wake = sooner(wake, r->replica[k].retry_at_ms);
			if (spec->pod_deadline_s && r->replica[k].state == REPLICA_RUNNING &&
			    !r->replica[k].stopping)
				wake = sooner(wake, r->replica[k].started_ms +
							    (int64_t)spec->pod_deadline_s * 1000);
		}
	}
	return wake;
}

static void begin(struct policy *p, struct policy_out *out)
{
	p->n_fx = 0;
	memset(p->dirties, 0, p->set->replicas * sizeof(*p->dirties));
	*out = (struct policy_out){0};
}

static void finish(struct policy *p, int64_t now_ms, struct policy_out *out)
{
	if (p->wanted == SET_OPEN && !p->again_ms) {
		start_roles(p, now_ms);
		all_ended(p);
	}
	if (p->wanted != SET_OPEN && !p->active && !next_round(p, now_ms))
		p->outcome = p->wanted;
	out->fx = p->fx;
	out->n = p->n_fx;
	out->running = p->running;
	out->outcome = p->outcome;
	out->wake_ms = p->outcome == SET_OPEN ? next_wake(p) : 0;
	out->reason_code = p->code;
	out->exit_code = p->exit_code;
	snprintf(out->reason, sizeof(out->reason), "%s", p->reason);
}

/* ---- events ---- */

void policy_restore(struct policy *p, uint32_t role, uint32_t index, const struct replica *stored)
{
	p->role[role].replica[index] = *stored;
	p->role[role].replica[index].stopping = false; /* to be asked again if it still holds */
	if (stored->round > p->round)
		p->round = stored->round;
}

static void recount(struct policy *p, uint32_t role)
{
	struct role_run *r = &p->role[role];
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++) {
		struct replica *replica = &r->replica[i];
		if (replica->started_ms)
			p->running = true;
		if (replica->round < p->round) { /* of a round that is over */
			replica->state = REPLICA_IDLE;
			replica->retried = 0;
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
		r->overdue |= strcmp(replica->reason, overdue_reason) == 0;
		r->started_ms = sooner(r->started_ms, replica->started_ms);
		r->active += is_active(replica);
		r->succeeded += replica->state == REPLICA_SUCCEEDED;
		r->failed += replica->state == REPLICA_FAILED;
		r->stopped += replica->state == REPLICA_STOPPED;
	}
	p->active += r->active;
}

static void check_deadlines(struct policy *p, int64_t now_ms);

/* Replicas were stopped for a decision that cannot be found again in what is stored: what
 * they were to do will not be done. */
static void fail_stopped(struct policy *p)
{
	for (uint32_t i = 0; i < p->set->roles && p->wanted == SET_OPEN; i++) {
		const struct role *spec = &p->set->role[i];
		const struct role_run *r = &p->role[i];
		if (!role_ended(p, i) && r->stopped &&
		    spec->replicas - r->failed - r->stopped < spec->min_succeeded)
			role_failed(p, i, "replica_failed", "failed: replicas of it were stopped");
	}
}

void policy_start(struct policy *p, int64_t started_ms, int64_t now_ms, struct policy_out *out)
{
	begin(p, out);
	p->started_ms = started_ms ? started_ms : now_ms;
	for (uint32_t i = 0; i < p->set->roles; i++)
		recount(p, i);
	for (uint32_t i = 0; i < p->set->roles; i++) {
		if (p->role[i].state == ROLE_ACTIVE && !p->role[i].started_ms)
			p->role[i].started_ms = now_ms;
		judge_role(p, i, "replica_failed", "too many replicas failed");
		if (p->role[i].overdue && !role_ended(p, i))
			role_failed(p, i, "deadline_exceeded",
				    "failed: a replica was not over in its time "
				    "(activeDeadlineSeconds)");
		if (p->role[i].state == ROLE_ACTIVE && p->wanted == SET_OPEN)
			start_role(p, i, now_ms); /* those that never started */
	}
	check_deadlines(p, now_ms);
	if (!p->again_ms)
		start_roles(p, now_ms);
	fail_stopped(p);
	finish(p, now_ms, out);
}

static void take_exit(struct replica *r, const struct engine_report *report, int64_t now_ms)
{
	r->code = report->exit.code;
	r->signal = report->exit.signal;
	r->started_ms = report->exit.started_ms ? report->exit.started_ms : r->started_ms;
	r->finished_ms = report->exit.finished_ms ? report->exit.finished_ms : now_ms;
	if (strcmp(r->reason, overdue_reason) != 0)
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
	if (retry->on && r->retried < retry->max && p->wanted == SET_OPEN && !role_ended(p, role)) {
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
	judge_role(p, role, lost ? "lost" : "replica_failed", last);
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
		judge_role(p, role, "succeeded", "");
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
	r->started_ms = report->exit.started_ms ? report->exit.started_ms : now_ms;
	p->running = true;
	save(p, role, index);
}

void policy_report(struct policy *p, const struct engine_report *report, int64_t now_ms,
		   struct policy_out *out)
{
	struct replica *r = &p->role[report->name.role].replica[report->name.index];
	begin(p, out);
	if (is_active(r) && report->name.attempt == r->attempts - 1 && p->outcome == SET_OPEN) {
		if (report->change == REPLICA_STARTED)
			replica_started(p, report, now_ms);
		else
			replica_ended(p, report, now_ms);
	}
	finish(p, now_ms, out);
}

static void mark_overdue(struct policy *p, uint32_t role)
{
	for (uint32_t i = 0; i < p->set->role[role].replicas; i++) {
		struct replica *r = &p->role[role].replica[i];
		if (is_active(r) || r->state == REPLICA_IDLE)
			snprintf(r->reason, sizeof(r->reason), "%s", overdue_reason);
	}
}

static void check_deadlines(struct policy *p, int64_t now_ms)
{
	if (p->set->deadline_s && now_ms >= p->started_ms + (int64_t)p->set->deadline_s * 1000 &&
	    p->wanted == SET_OPEN) {
		snprintf(p->reason, sizeof(p->reason),
			 "not over after %u s (activeDeadlineSeconds)", p->set->deadline_s);
		p->final_stop = true;
		want(p, SET_FAILED, "deadline_exceeded");
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
		role_failed(p, i, "deadline_exceeded", what);
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
	snprintf(r->reason, sizeof(r->reason), "%s", overdue_reason);
	role_failed(p, role, "deadline_exceeded", what);
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
	check_deadlines(p, now_ms);
	for (uint32_t i = 0; i < p->set->roles; i++)
		for (uint32_t k = 0;
		     k < p->set->role[i].replicas && p->role[i].state == ROLE_ACTIVE; k++) {
			struct replica *r = &p->role[i].replica[k];
			check_pod_deadline(p, i, k, now_ms);
			if (r->state == REPLICA_IDLE && r->retry_at_ms && r->retry_at_ms <= now_ms)
				start_replica(p, i, k);
		}
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
		want(p, SET_STOPPED, "stopped_by_user");
	}
	finish(p, now_ms, out);
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
		recount(p, i);
		settle_role(p, i);
	}
	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; i < p->set->roles; i++) {
			enum dep_state deps = look_at_all(p, i);
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
