/* GET /v1/job/taskset: the TaskSet as it stands, with its `status`. */
#include "api/handlers/job_read.h"
#include "api/handlers/set_view.h"

static struct json_object *show_end(const struct replica *r)
{
	struct json_object *to = jb_object();
	jb_put_int(to, "exitCode", r->code);
	jb_put_int(to, "signal", r->signal);
	jb_put_str(to, "reason", r->reason);
	jb_put_str(to, "exitMessage", r->message);
	return to;
}

static struct json_object *show_replica(const struct set_view *v, uint32_t role, uint32_t index)
{
	const struct replica *r = policy_replica(v->policy, role, index);
	char pod[SET_VIEW_POD_SIZE];
	struct json_object *to = jb_object();
	jb_put_int(to, "index", index);
	jb_put_str(to, "state", set_view_replica_state(v, r));
	jb_put_time(to, "startAt", r->started_ms);
	jb_put_time(to, "finishAt", r->finished_ms);
	jb_put_int(to, "totalRetriedCount", r->retried);
	jb_put_str(to, "podName", set_view_pod_name(v, role, index, pod));
	jb_put_str(to, "podIP", r->site.ip);
	jb_put_str(to, "podHostIP", r->site.host_ip);
	jb_put_str(to, "containerID", r->site.container);
	if (r->finished_ms)
		jb_put(to, "terminatedInfo", show_end(r));
	return to;
}

/* "running" as Kubernetes would write its phase. */
static const char *phase_of(const char *state)
{
	static const char *const names[][2] = {{"waiting", "Pending"},
					       {"running", "Running"},
					       {"succeeded", "Succeeded"},
					       {"failed", "Failed"},
					       {"stopped", "Stopped"}};
	for (size_t i = 0; i < countof(names); i++)
		if (strcmp(state, names[i][0]) == 0)
			return names[i][1];
	return "Pending";
}

static struct json_object *show_role(const struct set_view *v, uint32_t role)
{
	struct json_object *to = jb_object(), *list = jb_array();
	jb_put_bytes(to, "name", v->set->role[role].name);
	jb_put_str(to, "state", set_view_role_state(v, role));
	jb_put_str(to, "phase", phase_of(set_view_role_state(v, role)));
	for (uint32_t i = 0; i < v->set->role[role].replicas; i++)
		jb_add(list, show_replica(v, role, i));
	jb_put(to, "replicaStatus", list);
	return to;
}

static const char *set_state(const struct job *job)
{
	return job->state < JOB_WAITING ? "waiting" : job_state_name(job->state);
}

static struct json_object *show_status(const struct set_view *v)
{
	const struct job *job = v->job;
	struct json_object *to = jb_object(), *list = jb_array();
	jb_put_str(to, "phase", phase_of(set_state(job)));
	jb_put_bytes(to, "phaseMessage", job->reason);
	jb_put_str(to, "state", set_state(job));
	jb_put_time(to, "createdAt", job->created_ms);
	jb_put_time(to, "startAt", job->started_ms);
	jb_put_time(to, "finishAt", job->finished_ms);
	jb_put_int(to, "totalRetriedCount", (int64_t)set_view_retries(v));
	for (uint32_t i = 0; i < v->set->roles; i++)
		jb_add(list, show_role(v, i));
	jb_put(to, "roleStatus", list);
	return to;
}

/* The stored document as it stands, member by member, but for a `status` of its own. */
static struct json_object *show(const struct set_view *v)
{
	struct json_object *to = jb_object();
	const struct json *j = &v->json;
	for (json_at k = json_first(j, 0); k != JSON_NONE; k = json_next(j, 0, k)) {
		scoped(buf_finip) struct buf text = {0};
		struct bytes key;
		buf_init(&text, REPLY_MAX);
		if (json_string(j, k, &text, &key) || bytes_is(key, "status"))
			continue;
		jb_put_named(to, key, jb_raw(json_raw(j, k + 1)));
	}
	jb_put(to, "status", show_status(v));
	return to;
}

int job_read_taskset(struct store_txn *txn, const struct job *job, struct json_object **ret)
{
	struct set_view v;
	int rc = set_view_load(txn, job, &v);
	if (!rc && !v.text.len)
		rc = SL_E_NOT_FOUND;
	if (!rc)
		*ret = v.set ? show(&v) : jb_raw(v.text);
	set_view_fini(&v);
	return rc;
}
