/* GET /v1/job/explain: why a job is where it is. First a sentence, then the stages with
 * every plugin that was asked, then who added what to the TaskSet; with ?plugin=KEY why
 * that one does not match. Made from the job's log and documents; changes nothing. */
#include "api/handlers/job_read.h"
#include "api/handlers/selector_show.h"

#include "core/plan.h"

enum { SUMMARY_MAX = 4096 };

const struct route_query job_explain_query[] = {
	{"plugin", "string", "Why this plugin does or does not match (needs read_feature)."},
	{NULL, NULL, NULL},
};

/* ---- the sentence ---- */

static void add_waiting(struct buf *to, const struct job *job)
{
	char next[TIME_TEXT_SIZE];
	bool unavailable = bytes_is(job->reason_code, "plugin_unavailable");
	buf_addf(to, "The job is suspended: ");
	if (unavailable)
		buf_addf(to, "%.*s. It goes on by itself as soon as that plugin answers",
			 BYTES_FMT(job->reason));
	else
		buf_addf(to,
			 "%.*s holds it%s%.*s. Somebody with the privilege resume_job can let it "
			 "go on",
			 BYTES_FMT(job->plugin), job->reason.len ? ": " : "",
			 BYTES_FMT(job->reason));
	if (job->next == NEXT_ASK && job->next_ms)
		buf_addf(to, "; the plugin is asked again at %s", time_format(job->next_ms, next));
	if (job->expires_ms)
		buf_addf(to, "; at %s it is stopped", time_format(job->expires_ms, next));
	buf_add_char(to, '.');
}

static void add_end(struct buf *to, const struct job *job)
{
	static const char *const words[] = {"succeeded", "failed", "was stopped"};
	buf_addf(to, "The job %s", words[job->state - JOB_SUCCEEDED]);
	if (job->reason.len)
		buf_addf(to, ": %.*s", BYTES_FMT(job->reason));
	if (job->plugin.len && job->state != JOB_SUCCEEDED)
		buf_addf(to, " (decided by %.*s)", BYTES_FMT(job->plugin));
	buf_add_char(to, '.');
}

static void summarize(const struct job *job, struct buf *to)
{
	buf_init(to, SUMMARY_MAX);
	switch (job->state) {
	case JOB_PREPARING:
		buf_add_str(to, "The job is in admission: its plugins are being asked.");
		break;
	case JOB_SUSPENDED:
		add_waiting(to, job);
		break;
	case JOB_WAITING:
		buf_addf(to, "The job is admitted and waits for room on the engine %.*s.",
			 BYTES_FMT(job->engine));
		break;
	case JOB_RUNNING:
		buf_addf(to, "The job runs on the engine %.*s%s.", BYTES_FMT(job->engine),
			 job->stopping ? " and is being stopped" : "");
		break;
	default:
		add_end(to, job);
		break;
	}
}

/* ---- the stages ---- */

struct stages {
	struct json_object *plugins[PLUGIN_STAGES]; /* arrays, made when there is one to show */
	bool with_detail;
};

static bool add_call(void *user, uint32_t number, const struct event *event)
{
	struct stages *q = user;
	if (event->type != EVENT_CALL || event->stage >= PLUGIN_STAGES)
		return true;
	if (!q->plugins[event->stage])
		q->plugins[event->stage] = jb_array();
	jb_add(q->plugins[event->stage], event_show(event, number, q->with_detail));
	return true;
}

static int show_stages(struct store_txn *txn, const struct job *job, bool with_detail,
		       struct json_object **ret)
{
	struct stages q = {.with_detail = with_detail};
	struct json_object *list = jb_array();
	int rc = ledger_events(txn, job->id, 0, add_call, &q);
	for (int i = 0; i < PLUGIN_STAGES; i++) {
		struct json_object *stage = jb_object();
		jb_put_str(stage, "stage", plugin_type_name((enum plugin_type)i));
		jb_put(stage, "calls", q.plugins[i] ? q.plugins[i] : jb_array());
		jb_add(list, stage);
	}
	*ret = list;
	return rc;
}

/* ---- one plugin that did not match ---- */

static int show_match(struct api *api, struct store_txn *txn, const struct job *job,
		      const struct plugin *p, struct json_object **ret)
{
	static const struct json_limits limits = {REPLY_MAX, 80};
	struct selector_limits bounds = {api->regex_value_max, SELECTOR_STEPS_MAX};
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	scoped(json_finip) struct json header = {0};
	struct bytes doc;
	int rc = ledger_doc(txn, job->id, PART_HEADER, &doc);
	if (!rc)
		rc = json_parse(&header, doc, &limits, NULL);
	if (!rc)
		rc = selector_scratch_create(&bounds, &scratch);
	if (rc)
		return rc;
	*ret = selector_show(p->selector, scratch, &header);
	jb_put_str(*ret, "plugin", p->key);
	jb_put_bool(*ret, "enabled", p->feature->enabled);
	return 0;
}

static int explain_plugin(struct api *api, struct request *req, struct reply *reply,
			  struct store_txn *txn, const struct job *job, struct bytes key)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	if (!token_may(req->caller, PRIV_READ_FEATURE))
		return reply_fail(reply, SL_E_DENIED,
				  "plugin: this needs a token with read_feature");
	const struct plugin *p = registry_plugin(now, key);
	if (!p)
		return reply_fail(reply, SL_E_NOT_FOUND, "plugin: there is no plugin %.*s",
				  BYTES_FMT(bytes_cut(key, 200)));
	return show_match(api, txn, job, p, &reply->payload);
}

/* ---- all together ---- */

static int explain_job(struct store_txn *txn, const struct job *job, bool with_detail,
		       struct json_object *to)
{
	scoped(buf_finip) struct buf summary = {0};
	struct json_object *stages = NULL;
	struct bytes provenance;
	summarize(job, &summary);
	jb_put_bytes(to, "summary", buf_bytes(&summary));
	jb_put_str(to, "state", job_state_name(job->state));
	job_read_put_why(to, job);
	int rc = show_stages(txn, job, with_detail, &stages);
	jb_put(to, "stages", stages);
	bool known = ledger_doc(txn, job->id, PART_PROVENANCE, &provenance) == 0;
	jb_put_raw(to, "provenance", known ? provenance : BYTES("[]"));
	return rc;
}

int job_read_explain(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes key = {NULL, 0};
	struct job job;
	int rc = request_query_only(req, "plugin", &reply->err);
	if (!rc)
		rc = request_query(req, "plugin", &key, &reply->err);
	if (rc == SL_E_NOT_FOUND)
		rc = 0;
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, &reply->err);
	if (rc)
		return rc;
	if (key.len)
		return explain_plugin(api, req, reply, txn, &job, key);
	reply->payload = jb_object();
	return explain_job(txn, &job, token_may(req->caller, PRIV_READ_FEATURE), reply->payload);
}
