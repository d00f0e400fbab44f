/* GET /v1/job/logs: what replicas wrote, as text or lines of JSON, once or followed. */
#include "api/handlers/job_read.h"
#include "api/handlers/log_source.h"
#include "core/policy/taskset.h"

enum { TAIL_MAX = 1000000, ROLE_MAX = 255 };

const struct route_query job_logs_query[] = {
	{"role", "string", "Of this role only."},
	{"replica", "integer", "Of this replica only, from 0."},
	{"stream", "string", "stdout or stderr only."},
	{"tail", "integer", "Only the last so many lines of each."},
	{"follow", "boolean", "true: go on with what is written, until the job is final."},
	{NULL, NULL, NULL},
};

static int read_stream(struct request *req, struct log_query *q, struct sl_error *err)
{
	struct bytes text;
	int rc = request_query(req, "stream", &text, err);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	q->stream = bytes_is(text, "stdout") ? "stdout" : "stderr";
	return bytes_is(text, q->stream)
		       ? 0
		       : sl_fail(err, SL_E_INVALID, "stream: must be stdout or stderr");
}

static int read_role(struct request *req, struct log_query *q, struct sl_error *err)
{
	int rc = request_query(req, "role", &q->role, err);
	if (rc == SL_E_NOT_FOUND)
		return 0;
	if (!rc && (!q->role.len || q->role.len > ROLE_MAX))
		rc = sl_fail(err, SL_E_INVALID, "role: must be the name of a role");
	return rc;
}

/* "Accept: application/x-ndjson", alone or in a list. */
static bool accepts_lines(const struct request *req)
{
	static const char lines[] = "application/x-ndjson";
	struct bytes accept = request_header(req, "Accept");
	return accept.len && memmem(accept.at, accept.len, lines, sizeof(lines) - 1);
}

static int read_query(struct request *req, struct log_query *q, struct sl_error *err)
{
	*q = (struct log_query){.replica = -1, .tail = -1, .json = accepts_lines(req)};
	int rc = request_query_only(req, "role,replica,stream,tail,follow", err);
	if (!rc)
		rc = read_role(req, q, err);
	if (!rc)
		rc = request_query_int(req, "replica", 0, TASKSET_REPLICAS_MAX, &q->replica, err);
	if (!rc)
		rc = request_query_int(req, "tail", 0, TAIL_MAX, &q->tail, err);
	if (!rc)
		rc = request_query_bool(req, "follow", &q->follow, err);
	return rc ? rc : read_stream(req, q, err);
}

static int find(struct api *api, struct request *req, struct uuid *ret, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, err);
	if (!rc)
		*ret = job.id;
	return rc;
}

int job_read_logs(struct api *api, struct request *req, struct reply *reply)
{
	scoped(log_source_freep) struct log_source *source = NULL;
	struct log_query query;
	struct uuid job;
	int rc = read_query(req, &query, &reply->err);
	if (!rc)
		rc = find(api, req, &job, &reply->err);
	if (!rc)
		rc = log_source_create(api, job, &query, &source, &reply->err);
	if (!rc)
		rc = stream_create(api->streams, req->caller, &log_stream_ops, source,
				   &reply->stream, &reply->err);
	if (rc)
		return rc;
	log_source_bind(take_ptr(&source), reply->stream);
	reply->type = query.json ? "application/x-ndjson" : "text/plain; charset=utf-8";
	return 0;
}
