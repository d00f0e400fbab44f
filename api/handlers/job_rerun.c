/* POST /v1/job/rerun: a job that has ended, submitted once more as it was. */
#include "api/handlers/job_read.h"
#include "api/handlers/job_submission.h"

enum { TEXT_MAX = 64 << 20 };

struct rerun {
	struct submission s;
	struct buf text; /* of the submission made of what is stored */
	struct json json, token_header;
};

static int copy(struct request *req, struct bytes from, struct bytes *to)
{
	return arena_copy(req->arena, from, to);
}

/* A child stays one as long as its parent can have any. */
static bool is_open(struct store_txn *txn, struct uuid id)
{
	struct job parent;
	return ledger_get(txn, id, &parent) == 0 && !parent.stopping && !job_final(parent.state);
}

static int read_job(struct store_txn *txn, struct request *req, const struct job *job,
		    struct rerun *q)
{
	struct bytes header, document;
	struct uuid parent = job->parent;
	q->s.rerun_of = job->id;
	int rc = copy(req, job->user, &q->s.user);
	if (!rc)
		rc = copy(req, job->name, &q->s.name);
	if (!rc)
		rc = copy(req, job->kind, &q->s.kind);
	if (!rc)
		rc = ledger_doc(txn, q->s.rerun_of, PART_HEADER, &header);
	if (!rc)
		rc = ledger_doc(txn, q->s.rerun_of, PART_JOB, &document);
	if (rc)
		return rc;
	buf_add_str(&q->text, "{\"header\":");
	buf_add_bytes(&q->text, header);
	buf_add_str(&q->text, ",\"job\":");
	buf_add_bytes(&q->text, document);
	buf_add_char(&q->text, '}');
	if (!uuid_is_nil(parent) && is_open(txn, parent))
		q->s.parent = parent;
	return q->text.rc;
}

static int load(struct api *api, struct request *req, struct rerun *q, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, err);
	if (rc)
		return rc;
	if (!job_final(job.state))
		return sl_fail(err, SL_E_CONFLICT,
			       "the job is %s; only a job that has ended can be run again",
			       job_state_name(job.state));
	return read_job(txn, req, &job, q);
}

static int index_all(struct request *req, struct rerun *q, struct sl_error *err)
{
	static const struct json_limits limits = {TEXT_MAX, JSON_DEPTH_MAX},
					token_limits = {TOKEN_HEADER_MAX, 80};
	int rc = json_parse(&q->json, buf_bytes(&q->text), &limits, err);
	if (!rc && req->caller->header.len) {
		rc = json_parse(&q->token_header, req->caller->header, &token_limits, err);
		q->s.token_header = &q->token_header;
	}
	if (rc)
		return rc;
	q->s.json = &q->json;
	q->s.header = json_get(&q->json, 0, BYTES("header"));
	q->s.job = json_get(&q->json, 0, BYTES("job"));
	return 0;
}

static int submit(struct api *api, struct request *req, struct rerun *q, struct reply *reply)
{
	char old[UUID_TEXT_SIZE], fresh[UUID_TEXT_SIZE];
	const struct audit_by by = request_by(req);
	struct uuid id;
	q->s.rerun_by = &by;
	q->s.token = bytes_str(req->caller->id);
	q->s.traceparent = request_header(req, "traceparent");
	int rc = job_submission_key(req, &q->s.idempotency_key, &reply->err);
	if (!rc)
		rc = load(api, req, q, &reply->err);
	if (!rc)
		rc = index_all(req, q, &reply->err);
	if (!rc)
		rc = driver_submit(api->driver, &q->s, &id, &reply->err);
	if (rc)
		return rc;
	reply->payload = jb_object();
	jb_put_bytes(reply->payload, "jobID", bytes_str(uuid_format(id, fresh)));
	jb_put_bytes(reply->payload, "rerunOf", bytes_str(uuid_format(q->s.rerun_of, old)));
	return 0;
}

static const struct field no_fields[] = {{0}};

static int rerun(struct api *api, struct request *req, struct reply *reply)
{
	struct rerun q = {.s = {.header = JSON_NONE, .job = JSON_NONE}};
	buf_init(&q.text, TEXT_MAX);
	int rc = request_query_only(req, "", &reply->err);
	struct fields_in in = {&req->json, req->arena};
	if (!rc && req->body.len)
		rc = fields_read(&in, 0, no_fields, &q, &reply->err);
	if (!rc)
		rc = submit(api, req, &q, reply);
	json_fini(&q.json);
	json_fini(&q.token_header);
	buf_fini(&q.text);
	return rc;
}

static const struct schema_member rerun_members[] = {
	MEMBER("jobID", UUID, 0, "The new one."),
	MEMBER("rerunOf", UUID, 0, NULL),
	{0},
};
static const struct schema rerun_schema = {.name = "JobRerun", .member = rerun_members};

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/job/rerun/{jobID}",
		.needs = PRIV_WRITE_JOB,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = rerun,
		.summary = "Submit a job that has ended once more, as it was",
		.fields = no_fields,
		.payload = PAYLOAD(ONE_OF(rerun_schema)),
	},
};

const struct route_group group_job_rerun = {routes, countof(routes)};
