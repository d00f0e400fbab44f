#include "api/handlers/set_view.h"

#include "core/policy/replica.h"

#include <stdio.h>

enum { TEXT_MAX = 64 << 20, DEPTH_MAX = 80 };

static void restore(void *user, uint32_t role, uint32_t index, const struct replica *r)
{
	struct set_view *v = user;
	if (role < v->set->roles && index < v->set->role[role].replicas)
		policy_restore(v->policy, role, index, r);
}

int set_view_load(struct store_txn *txn, const struct job *job, struct set_view *v)
{
	static const struct json_limits limits = {TEXT_MAX, DEPTH_MAX};
	*v = (struct set_view){.job = job};
	int rc = ledger_doc(txn, job->id, PART_TASKSET, &v->text);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	rc = json_parse(&v->json, v->text, &limits, NULL);
	if (rc)
		return rc;
	rc = taskset_read(&v->json, 0, &v->set, NULL);
	if (rc)
		return rc == SL_E_NO_MEMORY ? rc : 0;
	rc = policy_create(v->set, NULL, &v->policy);
	if (!rc)
		rc = ledger_replicas(txn, job->id, restore, v);
	if (!rc)
		policy_settle(v->policy);
	return rc;
}

void set_view_fini(struct set_view *v)
{
	v->policy = policy_free(v->policy);
	v->set = taskset_free(v->set);
	json_fini(&v->json);
}

const char *set_view_replica_state(const struct set_view *v, const struct replica *r)
{
	if (r->state == REPLICA_IDLE && job_final(v->job->state))
		return "stopped";
	return replica_state_name(r->state);
}

const char *set_view_pod_name(const struct set_view *v, uint32_t role, uint32_t index,
			      char out[SET_VIEW_POD_SIZE])
{
	const struct replica *r = policy_replica(v->policy, role, index);
	struct bytes set = bytes_cut(v->set->name.len ? v->set->name : v->job->name, 150);
	if (r->site.pod[0])
		snprintf(out, SET_VIEW_POD_SIZE, "%s", r->site.pod);
	else
		snprintf(out, SET_VIEW_POD_SIZE, "%.*s-%.*s-%u", BYTES_FMT(set),
			 BYTES_FMT(v->set->role[role].name), index);
	return out;
}

const char *set_view_role_state(const struct set_view *v, uint32_t role)
{
	const char *state = policy_role_state(v->policy, role);
	bool open = strcmp(state, "running") == 0 || strcmp(state, "waiting") == 0;
	return open && job_final(v->job->state) ? "stopped" : state;
}

uint64_t set_view_retries(const struct set_view *v)
{
	uint64_t rounds = 0, retries = 0;
	for (uint32_t i = 0; v->set && i < v->set->roles; i++)
		for (uint32_t k = 0; k < v->set->role[i].replicas; k++) {
			const struct replica *r = policy_replica(v->policy, i, k);
			if (r->round > rounds)
				rounds = r->round;
			if (r->attempts > r->round + 1)
				retries += r->attempts - r->round - 1;
		}
	return rounds + retries;
}
