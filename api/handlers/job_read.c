/* /v1/job: reading one job. */
#include "api/handlers/job_read.h"
#include "api/handlers/schemas.h"

int job_read_find(struct store_txn *txn, const struct request *req, struct job *ret,
		  struct sl_error *err)
{
	struct bytes bound = req->caller->user_id;
	struct uuid id;
	int rc = uuid_parse(req->param[0], &id) ? SL_E_NOT_FOUND : ledger_get(txn, id, ret);
	if (!rc && bound.len && !bytes_eq(bound, ret->user))
		rc = SL_E_NOT_FOUND;
	return rc == SL_E_NOT_FOUND ? sl_fail(err, rc, "there is no such job") : rc;
}

void job_read_put_why(struct json_object *to, const struct job *job)
{
	jb_put_bytes(to, "reason", job->reason);
	jb_put_bytes(to, "reasonCode", job->reason_code);
	jb_put_time(to, "since", job->since_ms);
	if (job->plugin.len)
		jb_put_bytes(to, "plugin", job->plugin);
	if (job_next_ms(job))
		jb_put_time(to, "next", job_next_ms(job));
}

void job_read_put_rerun(struct json_object *to, const struct job *job)
{
	char id[UUID_TEXT_SIZE];
	if (!uuid_is_nil(job->rerun_of))
		jb_put_bytes(to, "rerunOf", bytes_str(uuid_format(job->rerun_of, id)));
	if (!uuid_is_nil(job->rerun_as))
		jb_put_bytes(to, "rerunAs", bytes_str(uuid_format(job->rerun_as, id)));
}

static int begin(struct api *api, struct request *req, struct reply *reply, struct store_txn **txn,
		 struct job *job)
{
	int rc = request_query_only(req, "", &reply->err);
	if (!rc)
		rc = store_begin(api->store, STORE_READ, txn);
	return rc ? rc : job_read_find(*txn, req, job, &reply->err);
}

static int config(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	struct bytes doc;
	int rc = begin(api, req, reply, &txn, &job);
	if (!rc)
		rc = ledger_doc(txn, job.id, PART_JOB, &doc);
	if (!rc)
		reply->payload = jb_raw(doc);
	return rc;
}

static int taskset(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	int rc = begin(api, req, reply, &txn, &job);
	if (rc)
		return rc;
	rc = job_read_taskset(txn, &job, &reply->payload);
	return rc == SL_E_NOT_FOUND
		       ? reply_fail(reply, SL_E_NOT_FOUND, "the job has not been translated yet")
		       : rc;
}

static int detail(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	struct engine_place place = {0};
	int rc = begin(api, req, reply, &txn, &job);
	if (rc)
		return rc;
	if (!job_final(job.state) && !driver_place(api->driver, &job, &place))
		place.place = 0;
	return job_read_detail(txn, &job, &place, &reply->payload);
}

struct event_list {
	struct json_object *list;
	bool with_detail;
};

static bool add_event(void *user, uint32_t number, const struct event *event)
{
	struct event_list *q = user;
	jb_add(q->list, event_show(event, number, q->with_detail));
	return true;
}

static int events(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct event_list q = {.with_detail = token_may(req->caller, PRIV_READ_FEATURE)};
	struct job job;
	int rc = begin(api, req, reply, &txn, &job);
	if (rc)
		return rc;
	q.list = reply->payload = jb_array();
	return ledger_events(txn, job.id, 0, add_event, &q);
}

#define READ(path, function, words, schema)                                                        \
	{                                                                                          \
		.method = "GET", .pattern = path, .needs = PRIV_READ_JOB, .handle = function,      \
		.summary = words, .payload = PAYLOAD(schema)                                       \
	}

/* ---- what they look like ---- */

static const struct schema_member file_members[] = {
	MEMBER("name", TEXT, 0, NULL),
	MEMBER("path", TEXT, SHAPE_MAYBE, "How to ask for it, where the name is no UTF-8."),
	MEMBER_WORD("type", "file folder link other", 0, NULL),
	MEMBER("size", INT, SHAPE_NULL, "Bytes of a file."),
	MEMBER("modified", TIME, 0, NULL),
	{0},
};
static const struct schema file = {.name = "Artifact", .member = file_members};

static const struct schema_member folder_members[] = {
	MEMBER_OF("entries", file, SHAPE_LIST, NULL),
	MEMBER("cut", BOOL, 0, "There are more."),
	{0},
};
static const struct schema folder = {.name = "Artifacts", .member = folder_members};

static const struct schema_member group_members[] = {
	MEMBER("count", INT, 0, NULL),
	MEMBER_OF("state", schema_job_state, SHAPE_MAYBE, "This and the others as asked for."),
	MEMBER("reasonCode", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("plugin", TEXT, SHAPE_MAYBE, "Empty: those without."),
	MEMBER("kind", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("userID", TEXT, SHAPE_MAYBE, NULL),
	{0},
};
static const struct schema group = {.name = "JobGroup", .member = group_members};

static const struct schema_member count_members[] = {
	MEMBER("count", INT, 0, NULL),
	MEMBER_OF("groups", group, SHAPE_LIST | SHAPE_MAYBE, "With groupBy; the largest first."),
	{0},
};
static const struct schema count = {.name = "JobCount", .member = count_members};

static const struct route routes[] = {
	READ("/v1/job/config/{jobID}", config, "The job as submitted", ONE_OF(schema_job_document)),
	READ("/v1/job/taskset/{jobID}", taskset, "Its TaskSet as it stands",
	     ONE_OF(schema_taskset)),
	READ("/v1/job/detail/{jobID}", detail, "State, roles and replicas",
	     ONE_OF(schema_job_detail)),
	READ("/v1/job/events/{jobID}", events, "What happened to it, in order",
	     LIST_OF(schema_job_event)),
	READ("/v1/job/calls/{jobID}", job_read_calls,
	     "What plugins were asked about it, as recorded calls", ONE_OF(schema_recorded_calls)),
	{
		.method = "GET",
		.pattern = "/v1/job/explain/{jobID}",
		.needs = PRIV_READ_JOB,
		.handle = job_read_explain,
		.summary = "Why it is where it is: a sentence, the stages, who added what",
		.query = job_explain_query,
		.payload = PAYLOAD(ONE_OF(schema_explanation), ONE_OF(schema_plugin_match),
				   LIST_OF(schema_plugin_match)),
	},
	{
		.method = "GET",
		.pattern = "/v1/job/list",
		.needs = PRIV_READ_JOB,
		.handle = job_read_list,
		.summary = "Jobs, newest first",
		.query = job_list_query,
		.payload = PAYLOAD(LIST_OF(schema_job_summary)),
	},
	{
		.method = "GET",
		.pattern = "/v1/job/count",
		.needs = PRIV_READ_JOB,
		.handle = job_read_count,
		.summary = "How many jobs match",
		.query = job_count_query,
		.payload = PAYLOAD(ONE_OF(count)),
	},
	{
		.method = "GET",
		.pattern = "/v1/job/logs/{jobID}",
		.needs = PRIV_READ_JOB,
		.handle = job_read_logs,
		.summary = "What its replicas wrote",
		.query = job_logs_query,
		.produces = "text/plain application/x-ndjson",
	},
	{
		.method = "GET",
		.pattern = "/v1/job/artifacts/{jobID}",
		.needs = PRIV_READ_JOB,
		.handle = job_read_artifacts,
		.summary = "What is in its work directory",
		.payload = PAYLOAD(ONE_OF(folder)),
	},
	{
		.method = "GET",
		.pattern = "/v1/job/artifacts/{jobID}/{path...}",
		.needs = PRIV_READ_JOB,
		.flags = ROUTE_PARTS,
		.handle = job_read_artifacts,
		.summary = "A file of its work directory (its bytes), or what is in a folder",
		.payload = PAYLOAD(ONE_OF(folder)),
		.produces = "application/octet-stream",
	},
};

const struct route_group group_job_reads = {routes, countof(routes)};
