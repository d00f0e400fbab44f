/* /v1/job: submitting, stopping, resuming. */
#include "api/handlers/job_submission.h"
#include "api/handlers/schemas.h"
#include "core/policy/taskset.h"

enum { IDEMPOTENCY_KEY_MAX = 255, WAIT_MAX_S = 60 };

/* ---- submit ---- */

struct job_body {
	struct bytes user, name, kind, parent;
	json_at header, job;
};

#define JOB_AT(member) .at = offsetof(struct job_body, member)

/* What goes into comma lists, headers and log lines. */
static int check_word(const struct fields_in *in, json_at at, void *to SL_UNUSED,
		      struct sl_error *err)
{
	struct bytes text;
	int rc = fields_text(in, at, &text);
	for (size_t i = 0; !rc && i < text.len; i++) {
		unsigned char c = ((const unsigned char *)text.at)[i];
		if (c < ' ' || c == 127)
			return fields_fail(in, at, err, SL_E_INVALID,
					   "must not hold control characters");
		if (c == ',')
			return fields_fail(in, at, err, SL_E_INVALID, "must not hold a comma");
	}
	return rc;
}

#define WORD_FIELD(text, member, words)                                                            \
	{                                                                                          \
		.name = text, .kind = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_FILLED,          \
		JOB_AT(member), .max = JOB_NAME_MAX, .check = check_word, .help = words            \
	}

static const struct field submit_fields[] = {
	WORD_FIELD("userID", user, "Whose job it is."),
	WORD_FIELD("jobName", name, "A name for people."),
	WORD_FIELD("jobKind", kind, "What `job` is; equal to job.kind."),
	{.name = "header",
	 .kind = FIELD_OBJECT,
	 JOB_AT(header),
	 .help = "Labels about the job, for jobSelectors and plugins."},
	{.name = "job",
	 .kind = FIELD_OBJECT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 JOB_AT(job),
	 .help = "The job itself, with `kind`.",
	 .of = &schema_job_document},
	{.name = "parentJobID",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 JOB_AT(parent),
	 .help = "The job that this one belongs to."},
	{0},
};

static int check_kind(const struct fields_in *in, const struct job_body *body, struct sl_error *err)
{
	json_at kind = json_get(in->json, body->job, BYTES("kind"));
	if (kind == JSON_NONE || json_type(in->json, kind) == JSON_NULL)
		return sl_fail(err, SL_E_LACK, "job.kind: is required");
	if (json_type(in->json, kind) != JSON_STRING)
		return fields_fail(in, kind, err, SL_E_INVALID, "must be a string");
	if (!json_string_is(in->json, kind, body->kind))
		return fields_fail(in, kind, err, SL_E_INVALID, "must equal jobKind (%.*s)",
				   BYTES_FMT(body->kind));
	return 0;
}

static int check_job(const struct api *api, const struct fields_in *in, const struct job_body *body,
		     struct sl_error *err)
{
	scoped(taskset_freep) struct taskset *set = NULL;
	if (body->header != JSON_NONE && json_raw(in->json, body->header).len > api->header_max)
		return sl_fail(err, SL_E_TOO_BIG, "header: is larger than %zu bytes",
			       api->header_max);
	int rc = check_kind(in, body, err);
	if (rc || !bytes_is(body->kind, "TaskSet"))
		return rc;
	return taskset_read(in->json, body->job, &set, err);
}

int job_submission_key(const struct request *req, struct bytes *ret, struct sl_error *err)
{
	*ret = request_header(req, "Idempotency-Key");
	if (!ret->at)
		return 0;
	const char *at = ret->at;
	bool fits = ret->len >= 1 && ret->len <= IDEMPOTENCY_KEY_MAX;
	for (size_t i = 0; i < ret->len && fits; i++)
		fits = at[i] > ' ' && at[i] < 127;
	return fits ? 0
		    : sl_fail(err, SL_E_INVALID,
			      "Idempotency-Key: must be 1 to %d visible ASCII characters",
			      IDEMPOTENCY_KEY_MAX);
}

static int check_user(const struct request *req, struct bytes user, struct sl_error *err)
{
	struct bytes bound = req->caller->user_id;
	if (!bound.len || bytes_eq(bound, user))
		return 0;
	return sl_fail(err, SL_E_DENIED, "userID: this token submits for %.*s only",
		       BYTES_FMT(bound));
}

/* A parent must be there and visible to the caller. */
static int read_parent(struct api *api, const struct request *req, struct bytes text,
		       struct uuid *ret, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct bytes bound = req->caller->user_id;
	struct job parent;
	if (!text.len)
		return 0;
	if (uuid_parse(text, ret))
		return sl_fail(err, SL_E_INVALID, "parentJobID: is no job id");
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = ledger_get(txn, *ret, &parent);
	if (rc == SL_E_NOT_FOUND || (!rc && bound.len && !bytes_eq(bound, parent.user)))
		return sl_fail(err, SL_E_NOT_FOUND, "parentJobID: there is no such job");
	return rc;
}

static int submit_body(struct api *api, struct request *req, struct job_body *body,
		       struct submission *s, struct sl_error *err)
{
	struct fields_in in = {&req->json, req->arena};
	int rc = fields_read(&in, 0, submit_fields, body, err);
	if (!rc)
		rc = check_user(req, body->user, err);
	if (!rc)
		rc = check_job(api, &in, body, err);
	if (!rc)
		rc = job_submission_key(req, &s->idempotency_key, err);
	return rc ? rc : read_parent(api, req, body->parent, &s->parent, err);
}

int job_submission_read(struct api *api, struct request *req, struct job_submission *ret,
			struct sl_error *err)
{
	static const struct json_limits limits = {TOKEN_HEADER_MAX, 80};
	struct job_body body = {.header = JSON_NONE, .job = JSON_NONE};
	struct submission *s = &ret->s;
	*s = (struct submission){.json = &req->json, .token = bytes_str(req->caller->id)};
	int rc = submit_body(api, req, &body, s, err);
	if (!rc && req->caller->header.len) {
		rc = json_parse(&ret->token_header, req->caller->header, &limits, err);
		s->token_header = &ret->token_header;
	}
	s->user = body.user;
	s->name = body.name;
	s->kind = body.kind;
	s->header = body.header;
	s->job = body.job;
	s->traceparent = request_header(req, "traceparent");
	return rc;
}

static int submit_job(struct api *api, struct request *req, struct uuid *ret, struct sl_error *err)
{
	struct job_submission in = {0};
	int rc = job_submission_read(api, req, &in, err);
	if (!rc)
		rc = driver_submit(api->driver, &in.s, ret, err);
	json_fini(&in.token_header);
	return rc;
}

/** A submitter that is held until admission has ended for now. */
struct holding {
	struct api *api;
	struct uuid job;
	int64_t wait_s; /* -1: does not want to know */
	bool place, done;
};

static int take_place(struct holding *h, struct sl_error *err)
{
	struct watch *watch = driver_watch(h->api->driver);
	if (h->wait_s <= 0)
		return 0;
	if (watch_enter(watch))
		return sl_fail(err, SL_E_UNAVAILABLE,
			       "wait: too many submitters are held already; submit without it, "
			       "or try again");
	h->place = true;
	return 0;
}

static bool is_admitted(void *user)
{
	struct holding *h = user;
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	h->done = store_begin(h->api->store, STORE_READ, &txn) || ledger_get(txn, h->job, &job) ||
		  job.state != JOB_PREPARING;
	return h->done;
}

/* Second by second: one who has left gives back the place. */
static void hold(struct holding *h, const struct request *req)
{
	struct watch *watch = driver_watch(h->api->driver);
	bool gone = false;
	for (int64_t left = h->wait_s; left > 0 && !h->done && !gone; left--) {
		watch_wait(watch, h->job, 1000, is_admitted, h);
		gone = !h->done && req->hung_up && req->hung_up(req->peer);
	}
}

/* The job is taken: what cannot be read of it is left out, not refused. */
static void put_state(const struct holding *h, struct json_object *to)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct job job;
	if (store_begin(h->api->store, STORE_READ, &txn) || ledger_get(txn, h->job, &job))
		return;
	jb_put_str(to, "state", job_state_name(job.state));
	jb_put_bytes(to, "reason", job.reason);
	jb_put_bytes(to, "reasonCode", job.reason_code);
}

static int submit(struct api *api, struct request *req, struct reply *reply)
{
	struct holding h = {.api = api, .wait_s = -1};
	char text[UUID_TEXT_SIZE];
	bool dry = false;
	int rc = request_query_bool(req, "dryRun", &dry, &reply->err);
	if (!rc && dry)
		return job_dry_run(api, req, reply);
	if (!rc)
		rc = request_query_only(req, "wait,dryRun", &reply->err);
	if (!rc)
		rc = request_query_int(req, "wait", 0, WAIT_MAX_S, &h.wait_s, &reply->err);
	if (!rc)
		rc = take_place(&h, &reply->err);
	if (!rc)
		rc = submit_job(api, req, &h.job, &reply->err);
	if (!rc && h.place)
		hold(&h, req);
	if (h.place)
		watch_leave(driver_watch(api->driver));
	if (rc)
		return rc;
	reply->payload = jb_object();
	jb_put_bytes(reply->payload, "jobID", bytes_str(uuid_format(h.job, text)));
	if (h.wait_s >= 0)
		put_state(&h, reply->payload);
	return 0;
}

static const struct route_query submit_query[] = {
	{"wait", "integer",
	 "Seconds (0 to 60): hold the answer until admission has ended for now, and add the "
	 "state."},
	{"dryRun", "boolean",
	 "Go through admission without storing or starting anything, and tell what came of it."},
	{"with", "string", "With dryRun: a feature that is off takes part as if it were on."},
	{NULL, NULL, NULL},
};

/* ---- stop and resume ---- */

struct move_body {
	struct bytes job, reason;
	bool recheck;
};

#define MOVE_AT(member) .at = offsetof(struct move_body, member)

static const struct field stop_fields[] = {
	{.name = "jobID", .kind = FIELD_TEXT, MOVE_AT(job), .help = "Equal to the path's."},
	{.name = "reason",
	 .kind = FIELD_TEXT,
	 MOVE_AT(reason),
	 .max = JOB_REASON_MAX,
	 .help = "For the job's log."},
	{0},
};

static const struct field resume_fields[] = {
	{.name = "jobID", .kind = FIELD_TEXT, MOVE_AT(job), .help = "Equal to the path's."},
	{.name = "reason",
	 .kind = FIELD_TEXT,
	 MOVE_AT(reason),
	 .max = JOB_REASON_MAX,
	 .help = "For the job's log."},
	{.name = "recheck",
	 .kind = FIELD_BOOL,
	 MOVE_AT(recheck),
	 .help = "Ask the gate that suspended it again."},
	{0},
};

static int read_job_id(struct bytes text, struct uuid *ret, struct sl_error *err)
{
	return uuid_parse(text, ret) ? sl_fail(err, SL_E_NOT_FOUND, "there is no such job") : 0;
}

static int read_move(struct request *req, const struct field *table, struct move_body *body,
		     struct job_request *ret, struct sl_error *err)
{
	struct fields_in in = {&req->json, req->arena};
	struct uuid named;
	int rc = req->body.len ? fields_read(&in, 0, table, body, err) : 0;
	if (rc)
		return rc;
	bool known = uuid_parse(req->param[0], &ret->job) == 0;
	if (body->job.len && (uuid_parse(body->job, &named) || !known || !uuid_eq(named, ret->job)))
		return sl_fail(err, SL_E_INVALID, "jobID: differs from the one in the path");
	ret->who = bytes_str(req->caller->id);
	ret->by = request_by(req);
	ret->user = req->caller->user_id;
	ret->reason = body->reason;
	ret->recheck = body->recheck;
	return known ? 0 : read_job_id(req->param[0], &ret->job, err);
}

static int stop(struct api *api, struct request *req, struct reply *reply)
{
	struct move_body body = {0};
	struct job_request r = {0};
	enum job_state state;
	bool stopping;
	int rc = read_move(req, stop_fields, &body, &r, &reply->err);
	if (!rc)
		rc = driver_stop(api->driver, &r, &state, &stopping, &reply->err);
	if (rc)
		return rc;
	reply->payload = jb_object();
	jb_put_str(reply->payload, "state", job_state_name(state));
	jb_put_bool(reply->payload, "stopping", stopping);
	return 0;
}

/* resume_job lets go on; so does write_job on a token without a user, and any write_job
 * with recheck: the gate then decides. */
static int may_resume(const struct request *req, bool recheck, struct sl_error *err)
{
	bool writes = token_may(req->caller, PRIV_WRITE_JOB);
	if (token_may(req->caller, PRIV_RESUME_JOB) ||
	    (writes && (recheck || !req->caller->user_id.len)))
		return 0;
	return sl_fail(err, SL_E_DENIED,
		       "a token bound to a user resumes only with resume_job, or with "
		       "\"recheck\": true");
}

static int resume(struct api *api, struct request *req, struct reply *reply)
{
	struct move_body body = {0};
	struct job_request r = {0};
	int rc = read_move(req, resume_fields, &body, &r, &reply->err);
	if (!rc || rc == SL_E_NOT_FOUND) {
		int denied = may_resume(req, body.recheck, &reply->err);
		rc = denied ? denied : rc;
	}
	return rc ? rc : driver_resume(api->driver, &r, &reply->err);
}

/* ---- what they look like ---- */

static const struct schema_member submitted_members[] = {
	MEMBER("jobID", UUID, 0, NULL),
	MEMBER_OF("state", schema_job_state, SHAPE_MAYBE, "This and the next ones with wait."),
	MEMBER("reason", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("reasonCode", TEXT, SHAPE_MAYBE, NULL),
	{0},
};
static const struct schema submitted_schema = {.name = "JobSubmitted", .member = submitted_members};

static const struct schema_member stopped_members[] = {
	MEMBER_OF("state", schema_job_state, 0, NULL),
	MEMBER("stopping", BOOL, 0, "Its replicas are still to end."),
	{0},
};
static const struct schema stopped_schema = {.name = "JobStopped", .member = stopped_members};

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/job",
		.needs = PRIV_WRITE_JOB,
		.flags = ROUTE_JSON,
		.handle = submit,
		.summary = "Submit a job",
		.fields = submit_fields,
		.query = submit_query,
		.payload = PAYLOAD(ONE_OF(submitted_schema), ONE_OF(schema_dry_run)),
	},
	{
		.method = "PUT",
		.pattern = "/v1/job/stop/{jobID}",
		.needs = PRIV_WRITE_JOB,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = stop,
		.summary = "Stop a job",
		.fields = stop_fields,
		.payload = PAYLOAD(ONE_OF(stopped_schema)),
	},
	{
		.method = "PUT",
		.pattern = "/v1/job/resume/{jobID}",
		.needs = PRIV_WRITE_JOB | PRIV_RESUME_JOB,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = resume,
		.summary = "Let a suspended job go on",
		.fields = resume_fields,
	},
};

const struct route_group group_jobs = {routes, countof(routes)};
