/* GET /v1/job/explain: why a job is where it is. First a sentence or two, then the stages
 * with every plugin that was asked, or is still to be asked, then who added what to the
 * TaskSet. Made from the job's log and documents; changes nothing. */
#include "api/handlers/job_explain.h"
#include "api/handlers/set_view.h"
#include "core/ledger/kept.h"
#include "core/plan.h"
#include "core/progress.h"
#include "core/summary.h"

enum { SUMMARY_MAX = 8192, DEPTH_MAX = 80 };

const struct route_query job_explain_query[] = {
	{"plugin", "string", "Why this plugin does or does not match (needs read_feature)."},
	{"all", "boolean", "Likewise for every plugin there is, paged (needs read_feature)."},
	{"pageSize", "integer", "With all: 1 to 1000; 50 by default."},
	{"cursor", "string", "With all: X-Next-Cursor of the page before."},
	{NULL, NULL, NULL},
};

struct explaining {
	struct api *api;
	struct store_txn *txn;
	const struct job *job;
	struct arena *arena;
	bool with_detail;
	struct progress progress;
	struct json provenance; /* an array, or empty */
	struct json_object *calls[PLUGIN_STAGES];
	const struct registry_ref *registry;
	struct plan *plan; /* what is still to come; NULL: nothing */
	bool *asked;       /* of the plan's plugins */
};

/* ---- the sentence ---- */

static void count_replicas(struct explaining *x, struct summary_facts *facts)
{
	struct set_view v;
	if (x->job->state == JOB_RUNNING && set_view_load(x->txn, x->job, &v) == 0 && v.policy)
		for (uint32_t i = 0; i < v.set->roles; i++)
			for (uint32_t k = 0; k < v.set->role[i].replicas; k++) {
				enum replica_state s = policy_replica(v.policy, i, k)->state;
				facts->replicas++;
				facts->replicas_running += s == REPLICA_RUNNING;
				facts->replicas_done += s > REPLICA_RUNNING;
			}
	if (x->job->state == JOB_RUNNING)
		set_view_fini(&v);
}

static void put_summary(struct explaining *x, struct json_object *to)
{
	scoped(buf_finip) struct buf text = {0};
	struct summary_facts facts = {.now_ms = clock_wall_ms(x->api->clock),
				      .wait_for_ms = driver_wait_for_ms(x->api->driver),
				      .stage = (enum plugin_type)x->progress.stage};
	if (x->job->state != JOB_WAITING || !driver_place(x->api->driver, x->job, &facts.queue))
		facts.queue.place = 0;
	count_replicas(x, &facts);
	buf_init(&text, SUMMARY_MAX);
	summary_write(x->job, &facts, &text);
	jb_put_bytes(to, "summary", buf_bytes(&text));
}

/* ---- the stages ---- */

/* The paths that a plugin added. */
static void put_additions(const struct explaining *x, struct bytes plugin, struct json_object *to)
{
	const struct json *j = &x->provenance;
	struct json_object *list = jb_array();
	for (json_at e = j->n ? json_first(j, 0) : JSON_NONE; e != JSON_NONE;
	     e = json_next(j, 0, e))
		if (json_string_is(j, json_get(j, e, BYTES("plugin")), plugin))
			jb_add_raw(list, json_raw(j, json_get(j, e, BYTES("path"))));
	jb_put(to, "additions", list);
}

static void note_asked(struct explaining *x, const struct event *event)
{
	for (uint32_t i = 0; x->plan && i < x->plan->n; i++)
		if (bytes_is(event->plugin, x->plan->plugin[i]->key))
			x->asked[i] = true;
}

static bool add_call(void *user, uint32_t number, const struct event *event)
{
	struct explaining *x = user;
	if (event->type != EVENT_CALL || event->stage >= PLUGIN_STAGES)
		return true;
	struct json_object *call = event_show(event, number, x->with_detail);
	bool adds = event->stage == PLUGIN_DECORATOR || event->stage == PLUGIN_BINDER;
	if (adds && bytes_is(event->outcome, "answered") && event->stage < x->progress.stage)
		put_additions(x, event->plugin, call);
	if (!x->calls[event->stage])
		x->calls[event->stage] = jb_array();
	jb_add(x->calls[event->stage], call);
	note_asked(x, event);
	return true;
}

/* Plugins of the present registry that a job in admission has not met yet. */
static void add_coming(const struct explaining *x, int stage, struct json_object *calls)
{
	const struct plan_stage *s = x->plan ? &x->plan->stage[stage] : NULL;
	for (uint32_t i = s ? s->first : 0; s && i < s->first + s->n; i++) {
		if (x->asked[i] || stage < x->progress.stage)
			continue;
		struct json_object *call = jb_object();
		jb_put_str(call, "plugin", x->plan->plugin[i]->key);
		jb_put_str(call, "outcome", "to come");
		jb_put_int(call, "generation", (int64_t)x->registry->generation);
		jb_add(calls, call);
	}
}

static struct json_object *show_stages(struct explaining *x)
{
	struct json_object *list = jb_array();
	for (int i = 0; i < PLUGIN_STAGES; i++) {
		struct json_object *stage = jb_object();
		struct kept_stage given;
		struct json_object *calls = x->calls[i] ? take_ptr(&x->calls[i]) : jb_array();
		jb_put_str(stage, "stage", plugin_type_name((enum plugin_type)i));
		jb_put_bool(stage, "finished", i < x->progress.stage);
		if (kept_stage(x->txn, x->job->id, (enum plugin_type)i, &given) == 0)
			jb_put_int(stage, "generation", (int64_t)given.generation);
		add_coming(x, i, calls);
		jb_put(stage, "calls", calls);
		jb_add(list, stage);
	}
	return list;
}

/* ---- all together ---- */

/* Whom it will meet, while it is in admission. What cannot be said is left out. */
static int make_plan(struct explaining *x)
{
	scoped(json_finip) struct json header = {0};
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	struct selector_limits bounds = {x->api->regex_value_max, SELECTOR_STEPS_MAX};
	if (x->job->state != JOB_PREPARING && x->job->state != JOB_SUSPENDED)
		return 0;
	x->registry = registry_take(x->api->registry);
	int rc = job_explain_header(x->txn, x->job, &header);
	if (!rc)
		rc = selector_scratch_create(&bounds, &scratch);
	if (!rc)
		rc = plan_build(x->registry, &header, bytes_is(x->job->kind, "TaskSet"),
				x->job->kind, scratch, &x->plan);
	if (!rc && !(x->asked = arena_alloc(x->arena, x->plan->n + 1)))
		rc = SL_E_NO_MEMORY;
	return rc;
}

static int load(struct explaining *x)
{
	static const struct json_limits limits = {REPLY_MAX, DEPTH_MAX};
	struct bytes doc;
	int rc = ledger_doc(x->txn, x->job->id, PART_PROGRESS, &doc);
	if (!rc)
		rc = progress_decode(doc, &x->progress);
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	if (ledger_doc(x->txn, x->job->id, PART_PROVENANCE, &doc) == 0)
		rc = json_parse(&x->provenance, doc, &limits, NULL);
	else
		rc = 0;
	return rc ? rc : make_plan(x);
}

static int explain_job(struct explaining *x, struct json_object *to)
{
	int rc = load(x);
	if (!rc)
		rc = ledger_events(x->txn, x->job->id, 0, add_call, x);
	if (rc)
		return rc;
	put_summary(x, to);
	jb_put_str(to, "state", job_state_name(x->job->state));
	job_read_put_why(to, x->job);
	jb_put(to, "stages", show_stages(x));
	jb_put_raw(to, "provenance", x->provenance.n ? x->provenance.text : BYTES("[]"));
	return 0;
}

static void end(struct explaining *x)
{
	for (int i = 0; i < PLUGIN_STAGES; i++)
		jb_free(x->calls[i]);
	plan_free(x->plan);
	registry_drop(x->registry);
	json_fini(&x->provenance);
}

static int read_query(struct request *req, struct bytes *ret_key, bool *ret_all,
		      struct sl_error *err)
{
	int rc = request_query_only(req, "plugin,all,pageSize,cursor", err);
	if (!rc)
		rc = request_query_bool(req, "all", ret_all, err);
	if (!rc)
		rc = request_query(req, "plugin", ret_key, err);
	if (rc == SL_E_NOT_FOUND)
		rc = 0;
	if (!rc && ret_key->len && *ret_all)
		return sl_fail(err, SL_E_INVALID, "all: send either plugin or all");
	return rc;
}

int job_read_explain(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes key = {NULL, 0};
	struct job job;
	bool all = false;
	int rc = read_query(req, &key, &all, &reply->err);
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, &reply->err);
	if (rc)
		return rc;
	if (all)
		return job_explain_every(api, req, reply, txn, &job);
	if (key.len)
		return job_explain_plugin(api, req, reply, txn, &job, key);
	struct explaining x = {.api = api,
			       .txn = txn,
			       .job = &job,
			       .arena = req->arena,
			       .with_detail = token_may(req->caller, PRIV_READ_FEATURE)};
	reply->payload = jb_object();
	rc = explain_job(&x, reply->payload);
	end(&x);
	return rc;
}
