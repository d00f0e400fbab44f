/* What a run asks of its engine to start: groups, each in one request. */
#include "core/driver/run.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENV_MAX = 5 };

/** The texts of one replica's environment that are its own. */
struct words {
	char role[96], index[48];
	const char *env[ENV_MAX];
};

struct words_of_set {
	char name[256], job[64];
};

struct replica_name run_name_of(const struct run *r, uint32_t role, uint32_t index)
{
	uint32_t attempts = policy_replica(r->policy, role, index)->attempts;
	return (struct replica_name){r->node.id, role, index, attempts ? attempts - 1 : 0};
}

static void refuse(struct run *r, const struct replica_name *name, int rc)
{
	struct engine_report report = {
		.name = *name, .change = REPLICA_REFUSED, .reason = "StartError"};
	snprintf(report.message, sizeof(report.message), "the engine %s cannot start it: %s",
		 r->engine->ops->name, sl_err_text(rc));
	driver_report(r->driver, &report);
}

static void describe(const struct run *r, const struct run_start *start,
		     const struct words_of_set *set, struct words *w, struct replica_spec *ret)
{
	const struct role *role = &r->set->role[start->role];
	snprintf(w->role, sizeof(w->role), "TASKROLE_NAME=%.*s", BYTES_FMT(role->name));
	snprintf(w->index, sizeof(w->index), "TASKROLE_REPLICA_INDEX=%u", start->index);
	w->env[0] = set->name;
	w->env[1] = w->role;
	w->env[2] = w->index;
	w->env[3] = set->job;
	*ret = (struct replica_spec){.name = run_name_of(r, start->role, start->index),
				     .pod = json_raw(&r->json, role->pod),
				     .role_name = role->name,
				     .taskset_name = r->set->name,
				     .env = w->env};
}

/** One request. */
static int ask(struct run *r, const struct run_start *start, size_t n)
{
	struct words_of_set set;
	char id[UUID_TEXT_SIZE];
	struct words *words = calloc(n, sizeof(*words));
	struct replica_spec *spec = calloc(n, sizeof(*spec));
	struct replica_group group = {start->how, n, spec};
	int rc = words && spec ? 0 : SL_E_NO_MEMORY;
	snprintf(set.name, sizeof(set.name), "TASKSET_NAME=%.*s",
		 BYTES_FMT(bytes_cut(r->set->name, 200)));
	snprintf(set.job, sizeof(set.job), "SLUICE_JOB_ID=%s", uuid_format(r->node.id, id));
	for (size_t i = 0; i < n && !rc; i++)
		describe(r, &start[i], &set, &words[i], &spec[i]);
	if (!rc)
		rc = r->engine->ops->start(r->engine, &group);
	free(words);
	free(spec);
	return rc;
}

static bool belong(const struct run_start *a, const struct run_start *b)
{
	return a->how == b->how && (a->how != START_TOGETHER || a->group == b->group);
}

void run_start(struct run *r, const struct run_start *start, size_t n)
{
	for (size_t at = 0, end; at < n; at = end) {
		for (end = at + 1; end < n && belong(&start[at], &start[end]);)
			end++;
		int rc = ask(r, start + at, end - at);
		for (size_t i = at; i < end && rc; i++) {
			struct replica_name name = run_name_of(r, start[i].role, start[i].index);
			refuse(r, &name, rc);
		}
	}
}

/* ---- after a commit ---- */

static bool take(struct run *r, const struct replica_change_record *n)
{
	const struct replica *now = policy_replica(r->policy, n->role, n->index);
	if (!n->start || now->state != REPLICA_STARTING || now->attempts != n->replica.attempts)
		return false;
	if (!now->stopping)
		return true;
	struct engine_report ended = {.name = run_name_of(r, n->role, n->index),
				      .change = REPLICA_ENDED,
				      .reason = "Stopped",
				      .message = "ended before it was started"};
	driver_report(r->driver, &ended);
	return false;
}

void run_launch(struct run *r, const struct change *c)
{
	size_t most = 0, n = 0;
	for (const struct replica_change_record *at = c->replica; at; at = at->next)
		most += at->start;
	struct run_start *start = most ? calloc(most, sizeof(*start)) : NULL;
	for (const struct replica_change_record *at = c->replica; at && most; at = at->next) {
		struct replica_name name = run_name_of(r, at->role, at->index);
		if (!take(r, at))
			continue;
		if (start)
			start[n++] =
				(struct run_start){at->how, at->role, at->index, at->replica.group};
		else
			refuse(r, &name, SL_E_NO_MEMORY);
	}
	run_start(r, start, n);
	free(start);
}

/* ---- after a restart ---- */

/** How the engine was told of a replica, or shall be now. */
enum found { FOUND_NOTHING, FOUND_KNOWN, FOUND_AGAIN };

static enum found find_one(struct run *r, uint32_t role, uint32_t index)
{
	const struct replica *replica = policy_replica(r->policy, role, index);
	struct engine_report lost = {.name = run_name_of(r, role, index),
				     .change = REPLICA_LOST,
				     .reason = "Lost",
				     .message = "the engine does not know it any more"};
	if (replica->state != REPLICA_STARTING && replica->state != REPLICA_RUNNING)
		return FOUND_NOTHING;
	if (r->engine->ops->recover(r->engine, &lost.name))
		return FOUND_KNOWN;
	if (replica->state == REPLICA_STARTING)
		return FOUND_AGAIN;
	driver_report(r->driver, &lost);
	return FOUND_KNOWN;
}

static int by_group(const void *a_at, const void *b_at)
{
	const struct run_start *a = a_at, *b = b_at;
	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->role != b->role)
		return a->role < b->role ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/** Groups of which some have run already do not wait for room once more. */
static void mark_begun(const bool *begun, struct run_start *start, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (start[i].group)
			start[i].how = begun[start[i].group] ? START_REJOIN : START_TOGETHER;
}

void run_find_again(struct run *r)
{
	size_t n = 0;
	uint32_t groups = policy_groups(r->policy);
	struct run_start *start = calloc(r->set->replicas, sizeof(*start));
	bool *begun = calloc((size_t)groups + 1, sizeof(*begun));
	for (uint32_t role = 0; role < r->set->roles; role++)
		for (uint32_t index = 0; index < r->set->role[role].replicas; index++) {
			const struct replica *replica = policy_replica(r->policy, role, index);
			struct replica_name name = run_name_of(r, role, index);
			enum found found = find_one(r, role, index);
			if (found == FOUND_AGAIN && (!start || !begun))
				refuse(r, &name, SL_E_NO_MEMORY);
			else if (found == FOUND_AGAIN)
				start[n++] =
					(struct run_start){START_EACH, role, index, replica->group};
			else if (begun)
				begun[replica->group] = true;
		}
	if (start && begun && n) {
		qsort(start, n, sizeof(*start), by_group);
		mark_begun(begun, start, n);
		run_start(r, start, n);
	}
	free(start);
	free(begun);
}
