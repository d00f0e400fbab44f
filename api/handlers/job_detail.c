/* GET /v1/job/detail: one document made from the record, the TaskSet and the replicas. */
#include "api/handlers/job_read.h"
#include "api/handlers/set_view.h"

#include <stdio.h>

static struct json_object *show_replica(const struct set_view *v, const struct replica *r,
					uint32_t index)
{
	struct json_object *to = jb_object();
	bool ended = r->finished_ms != 0;
	jb_put_int(to, "index", index);
	jb_put_str(to, "state", set_view_replica_state(v, r));
	jb_put_int(to, "retriedCount", r->retried);
	jb_put_time(to, "startAt", r->started_ms);
	jb_put_time(to, "finishedAt", r->finished_ms);
	jb_put_str(to, "containerID", r->site.container);
	jb_put_str(to, "containerHostIP", r->site.host_ip);
	if (ended)
		jb_put_int(to, "exitCode", r->code);
	else
		jb_put_null(to, "exitCode");
	jb_put_str(to, "exitDiagnostics", r->message[0] ? r->message : r->reason);
	if (r->state == REPLICA_IDLE && r->retry_at_ms && !job_final(v->job->state))
		jb_put_time(to, "next", r->retry_at_ms);
	return to;
}

static json_at container_of_role(const struct set_view *v, uint32_t role)
{
	const struct json *j = &v->json;
	json_at spec = json_get(j, v->set->role[role].pod, BYTES("spec"));
	return json_element(j, json_get(j, spec, BYTES("containers")), 0);
}

static void put_member(struct json_object *to, const char *key, const struct json *j, json_at at,
		       const char *absent)
{
	bool there = at != JSON_NONE && json_type(j, at) != JSON_NULL;
	jb_put_raw(to, key, there ? json_raw(j, at) : bytes_str(absent));
}

/* What a role waits for that has not begun. */
static void put_role_why(const struct set_view *v, uint32_t role, struct json_object *to)
{
	static const char *const on[] = {"succeed", "fail", "end"};
	const struct role_dep *dep = policy_open_dep(v->policy, role);
	char words[200];
	bool at_engine = v->job->state == JOB_WAITING || v->job->state == JOB_RUNNING;
	if (!at_engine || strcmp(set_view_role_state(v, role), "waiting") != 0)
		return;
	if (dep)
		snprintf(words, sizeof(words), "waits for role %.*s to %s",
			 BYTES_FMT(v->set->role[dep->role].name), on[dep->on]);
	else
		snprintf(words, sizeof(words), "waits for room on the engine %.*s",
			 BYTES_FMT(v->job->engine));
	jb_put_str(to, "reason", words);
	jb_put_str(to, "reasonCode", dep ? "waiting_for_dependency" : "waiting_for_slot");
}

static struct json_object *show_role(const struct set_view *v, uint32_t role)
{
	const struct role *spec = &v->set->role[role];
	const struct json *j = &v->json;
	json_at container = container_of_role(v, role);
	struct json_object *to = jb_object(), *list = jb_array();
	jb_put_bytes(to, "name", spec->name);
	put_member(to, "image", j, json_get(j, container, BYTES("image")), "\"\"");
	jb_put_str(to, "state", set_view_role_state(v, role));
	put_role_why(v, role, to);
	put_member(to, "command", j, json_get(j, container, BYTES("command")), "[]");
	jb_put_int(to, "replicaAmount", spec->replicas);
	jb_put_int(to, "maxFailedTaskCount", spec->max_failed);
	jb_put_int(to, "minSucceededTaskCount", spec->min_succeeded);
	put_member(to, "resource", j, json_get(j, container, BYTES("resources")), "{}");
	for (uint32_t i = 0; i < spec->replicas; i++)
		jb_add(list, show_replica(v, policy_replica(v->policy, role, i), i));
	jb_put(to, "replicas", list);
	return to;
}

static struct json_object *show_runtime(const struct set_view *v, uint32_t role)
{
	const struct json *j = &v->json;
	json_at spec = json_get(j, v->set->role[role].pod, BYTES("spec"));
	struct json_object *to = jb_object(), *list = jb_array();
	jb_put_bytes(to, "name", v->set->role[role].name);
	put_member(to, "nodeSelector", j, json_get(j, spec, BYTES("nodeSelector")), "{}");
	for (uint32_t i = 0; i < v->set->role[role].replicas; i++) {
		const struct replica *r = policy_replica(v->policy, role, i);
		struct json_object *one = jb_object();
		jb_put_int(one, "index", i);
		char pod[SET_VIEW_POD_SIZE];
		jb_put_str(one, "podIP", r->site.ip);
		jb_put_str(one, "podUID", "");
		jb_put_str(one, "podName", set_view_pod_name(v, role, i, pod));
		jb_put_str(one, "podHostIP", r->site.host_ip);
		jb_put_str(one, "podReason", r->reason);
		jb_add(list, one);
	}
	jb_put(to, "replicas", list);
	put_member(to, "volumeMounts", j,
		   json_get(j, container_of_role(v, role), BYTES("volumeMounts")), "[]");
	return to;
}

/* Its place in the engine's line, where it waits there. */
static void put_place(struct json_object *to, const struct engine_place *place)
{
	struct json_object *queue = jb_object();
	jb_put_int(queue, "place", place->place);
	jb_put_int(queue, "of", place->of);
	jb_put_int(queue, "needs", place->needs);
	jb_put_int(queue, "free", place->free);
	jb_put_int(queue, "room", place->room);
	jb_put(to, "queue", queue);
}

static struct json_object *show_job(const struct set_view *v, const struct engine_place *place)
{
	const struct job *job = v->job;
	struct json_object *to = jb_object();
	char id[UUID_TEXT_SIZE];
	jb_put_bytes(to, "id", bytes_str(uuid_format(job->id, id)));
	jb_put_bytes(to, "name", job->name);
	jb_put_bytes(to, "type", job->kind);
	jb_put_str(to, "state", job_state_name(job->state));
	jb_put_bytes(to, "userID", job->user);
	jb_put_time(to, "createdAt", job->created_ms);
	jb_put_time(to, "startAt", job->started_ms);
	jb_put_time(to, "finishedAt", job->finished_ms);
	jb_put_int(to, "totalRetriedCount", (int64_t)set_view_retries(v));
	bool by_itself = job->state == JOB_SUCCEEDED || job->state == JOB_FAILED;
	if (by_itself && job->started_ms)
		jb_put_int(to, "exitCode", job->exit_code);
	else
		jb_put_null(to, "exitCode");
	jb_put_bytes(to, "exitDiagnostics", job->reason);
	job_read_put_why(to, job);
	job_read_put_rerun(to, job);
	if (place->place)
		put_place(to, place);
	if (job->stopping && !job_final(job->state))
		jb_put_bool(to, "stopping", true);
	return to;
}

static struct json_object *show_platform(const struct set_view *v)
{
	const struct json *j = &v->json;
	struct json_object *to = jb_object(), *list = jb_array();
	bool there = v->set != NULL;
	json_at meta = there ? json_get(j, 0, BYTES("metadata")) : JSON_NONE;
	jb_put_bytes(to, "platform", v->job->engine);
	put_member(to, "apiVersion", j, there ? json_get(j, 0, BYTES("apiVersion")) : JSON_NONE,
		   "\"\"");
	put_member(to, "namespace", j,
		   meta == JSON_NONE ? JSON_NONE : json_get(j, meta, BYTES("namespace")), "\"\"");
	jb_put_str(to, "instanceUID", "");
	jb_put_str(to, "configMapUID", "");
	jb_put_str(to, "configMapName", "");
	for (uint32_t i = 0; there && i < v->set->roles; i++)
		jb_add(list, show_runtime(v, i));
	jb_put(to, "taskRuntimeInfo", list);
	return to;
}

static struct json_object *show(const struct set_view *v, const struct engine_place *place)
{
	struct json_object *to = jb_object(), *list = jb_array(), *cluster = jb_object();
	jb_put_str(to, "version", "v1");
	jb_put(to, "job", show_job(v, place));
	jb_put_str(cluster, "identity", "");
	jb_put(to, "cluster", cluster);
	for (uint32_t i = 0; v->set && i < v->set->roles; i++)
		jb_add(list, show_role(v, i));
	jb_put(to, "tasks", list);
	jb_put(to, "platformSpecificInfo", show_platform(v));
	return to;
}

int job_read_detail(struct store_txn *txn, const struct job *job, const struct engine_place *place,
		    struct json_object **ret)
{
	struct set_view v;
	int rc = set_view_load(txn, job, &v);
	if (!rc)
		*ret = show(&v, place);
	set_view_fini(&v);
	return rc;
}
