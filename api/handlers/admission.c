/* /v1/admission: held and released by operators. */
#include "api/api.h"

struct hold_body {
	struct bytes kind, user, reason;
};

#define HOLD_AT(member) .at = offsetof(struct hold_body, member)

#define WHICH_FIELDS                                                                               \
	{.name = "kind",                                                                           \
	 .kind = FIELD_TEXT,                                                                       \
	 .flags = FIELD_FILLED,                                                                    \
	 HOLD_AT(kind),                                                                            \
	 .max = JOB_NAME_MAX,                                                                      \
	 .help = "Jobs of this kind only."},                                                       \
	{                                                                                          \
		.name = "userID", .kind = FIELD_TEXT, .flags = FIELD_FILLED, HOLD_AT(user),        \
		.max = JOB_NAME_MAX, .help = "Jobs of this user only."                             \
	}

static const struct field hold_fields[] = {
	WHICH_FIELDS,
	{.name = "reason",
	 .kind = FIELD_TEXT,
	 HOLD_AT(reason),
	 .max = JOB_REASON_MAX / 2,
	 .help = "Shown as the reason of the held jobs."},
	{0},
};

static const struct field release_fields[] = {WHICH_FIELDS, {0}};

static void add_hold(void *user, const struct hold *hold)
{
	struct json_object *list = user, *one = jb_object();
	if (hold->kind.len)
		jb_put_bytes(one, "kind", hold->kind);
	if (hold->user.len)
		jb_put_bytes(one, "userID", hold->user);
	jb_put_bytes(one, "reason", hold->reason);
	jb_put_bytes(one, "who", hold->who);
	jb_put_time(one, "since", hold->since_ms);
	jb_add(list, one);
}

static int show(struct api *api, struct json_object **ret)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct json_object *list;
	struct driver_load load;
	size_t holds = 0;
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = hold_count(txn, &holds);
	if (rc)
		return rc;
	driver_load(api->driver, &load);
	*ret = jb_object();
	list = jb_array();
	jb_put_bool(*ret, "held", holds > 0);
	jb_put_int(*ret, "heldJobs", (int64_t)ledger_count_held(txn));
	jb_put_int(*ret, "jobsInAdmission", (int64_t)load.in_admission);
	jb_put_int(*ret, "jobsInAdmissionMax", (int64_t)load.in_admission_max);
	rc = hold_walk(txn, add_hold, list);
	jb_put(*ret, "holds", list);
	return rc;
}

static int look(struct api *api, struct request *req, struct reply *reply)
{
	int rc = request_query_only(req, "", &reply->err);
	return rc ? rc : show(api, &reply->payload);
}

static int read_body(struct request *req, const struct field *table, struct hold_body *body,
		     struct sl_error *err)
{
	struct fields_in in = {&req->json, req->arena};
	return req->body.len ? fields_read(&in, 0, table, body, err) : 0;
}

static int hold(struct api *api, struct request *req, struct reply *reply)
{
	const struct audit_by by = request_by(req);
	struct hold_body body = {0};
	int rc = read_body(req, hold_fields, &body, &reply->err);
	struct hold what = {.kind = body.kind,
			    .user = body.user,
			    .reason = body.reason,
			    .who = bytes_str(req->caller->id)};
	if (!rc)
		rc = driver_hold(api->driver, &what, &by, &reply->err);
	return rc ? rc : show(api, &reply->payload);
}

static int release(struct api *api, struct request *req, struct reply *reply)
{
	struct hold_body body = {0};
	const struct audit_by by = request_by(req);
	bool changed = false;
	int rc = read_body(req, release_fields, &body, &reply->err);
	const struct hold what = {.kind = body.kind, .user = body.user};
	if (!rc)
		rc = driver_release(api->driver, &what, &by, &changed, &reply->err);
	if (!rc)
		rc = show(api, &reply->payload);
	if (!rc)
		jb_put_bool(reply->payload, "changed", changed);
	return rc;
}

static const struct schema_member hold_members[] = {
	MEMBER("kind", TEXT, SHAPE_MAYBE, "Jobs of this kind only."),
	MEMBER("userID", TEXT, SHAPE_MAYBE, "Jobs of this user only."),
	MEMBER("reason", TEXT, 0, NULL),
	MEMBER("who", TEXT, 0, "Id of the token that held it."),
	MEMBER("since", TIME, 0, NULL),
	{0},
};
static const struct schema hold_schema = {.name = "Hold", .member = hold_members};

#define ADMISSION_SHOWN                                                                            \
	MEMBER("held", BOOL, 0, "Is there any hold?"), MEMBER("heldJobs", INT, 0, NULL),           \
		MEMBER("jobsInAdmission", INT, 0, NULL),                                           \
		MEMBER("jobsInAdmissionMax", INT, 0, NULL),                                        \
		MEMBER_OF("holds", hold_schema, SHAPE_LIST, NULL)

static const struct schema_member admission_members[] = {ADMISSION_SHOWN, {0}};
static const struct schema admission_schema = {.name = "Admission", .member = admission_members};

static const struct schema_member released_members[] = {
	ADMISSION_SHOWN,
	MEMBER("changed", BOOL, 0, "Was there such a hold?"),
	{0},
};
static const struct schema released_schema = {.name = "AdmissionReleased",
					      .member = released_members};

static const struct route routes[] = {
	{
		.method = "GET",
		.pattern = "/v1/admission",
		.needs = PRIV_READ_FEATURE,
		.handle = look,
		.summary = "Is admission held, for whom, by whom and why; how many jobs are held",
		.payload = PAYLOAD(ONE_OF(admission_schema)),
	},
	{
		.method = "PUT",
		.pattern = "/v1/admission/hold",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = hold,
		.summary = "Hold admission: jobs are stored, not admitted",
		.fields = hold_fields,
		.payload = PAYLOAD(ONE_OF(admission_schema)),
	},
	{
		.method = "PUT",
		.pattern = "/v1/admission/release",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = release,
		.summary = "Lift exactly that hold; held jobs go on in their order",
		.fields = release_fields,
		.payload = PAYLOAD(ONE_OF(released_schema)),
	},
};

const struct route_group group_admission = {routes, countof(routes)};
