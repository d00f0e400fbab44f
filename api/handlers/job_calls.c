/* GET /v1/job/calls: the requests that plugins got about a job, made again from what each
 * stage was given, as a file of recorded calls (plugins-sdk/schema, RecordedCalls). */
#include "api/handlers/job_read.h"
#include "api/handlers/schemas.h"
#include "core/ledger/kept.h"

enum { CALLS_MAX = 1024 /* of one job */ };

static const struct schema_member headers_members[] = {
	MEMBER_WORD("Sluice-Protocol", "1", 0, NULL),
	MEMBER("Sluice-Job-Id", UUID, 0, NULL),
	MEMBER("Sluice-Plugin-Key", TEXT, 0, NULL),
	MEMBER_OF("Sluice-Stage", schema_plugin_type, 0, NULL),
	MEMBER_WORD("Sluice-Attempt", "1", 0, NULL),
	{0},
};
static const struct schema headers_schema = {.name = "RecordedHeaders", .member = headers_members};

static const struct schema_member body_members[] = {
	MEMBER("factors", FREE, 0, NULL),
	MEMBER("header", FREE, 0, NULL),
	MEMBER("job", FREE, 0, NULL),
	{0},
};
static const struct schema body_schema = {.name = "RecordedBody", .member = body_members};

static const struct schema_member call_members[] = {
	MEMBER_OF("pluginType", schema_plugin_type, 0, NULL),
	MEMBER("pluginKey", TEXT, 0, NULL),
	MEMBER_OF("headers", headers_schema, 0, NULL),
	MEMBER_OF("body", body_schema, 0, "As it was sent."),
	{0},
};
static const struct schema call_schema = {.name = "RecordedCall", .member = call_members};

static const struct schema_member calls_members[] = {
	MEMBER("protocol", INT, 0, NULL),
	MEMBER_OF("calls", call_schema, SHAPE_LIST, NULL),
	{0},
};
const struct schema schema_recorded_calls = {.name = "RecordedCalls", .member = calls_members};

struct recording {
	struct store_txn *txn;
	const struct job *job;
	struct arena *arena;
	struct json_object *list;
	struct bytes seen[CALLS_MAX]; /* keys of the plugins that have their call */
	size_t n;
	struct sl_error *err;
	int rc;
};

static bool is_new(struct recording *r, struct bytes plugin)
{
	for (size_t i = 0; i < r->n; i++)
		if (bytes_eq(r->seen[i], plugin))
			return false;
	if (r->n == CALLS_MAX)
		return false;
	r->rc = arena_copy(r->arena, plugin, &r->seen[r->n]);
	r->n += r->rc ? 0 : 1;
	return r->rc == 0;
}

static struct json_object *headers_of(const struct recording *r, const struct event *event)
{
	struct json_object *headers = jb_object();
	char id[UUID_TEXT_SIZE];
	uuid_format(r->job->id, id);
	jb_put_str(headers, "Sluice-Protocol", "1");
	jb_put_str(headers, "Sluice-Job-Id", id);
	jb_put_bytes(headers, "Sluice-Plugin-Key", event->plugin);
	jb_put_str(headers, "Sluice-Stage", plugin_type_name((enum plugin_type)event->stage));
	jb_put_str(headers, "Sluice-Attempt", "1");
	return headers;
}

static bool add_call(void *user, uint32_t number, const struct event *event)
{
	struct recording *r = user;
	(void)number;
	if (event->type != EVENT_CALL || event->stage >= PLUGIN_STAGES || !is_new(r, event->plugin))
		return r->rc == 0;
	scoped(kept_finip) struct kept kept = {0};
	scoped(buf_finip) struct buf body = {0};
	enum plugin_type stage = (enum plugin_type)event->stage;
	buf_init(&body, REPLY_MAX);
	r->rc = kept_read(r->txn, r->job->id, stage, &kept, r->err);
	if (r->rc)
		return false;
	kept_body(kept.factors, kept.header, kept.document, &body);
	if ((r->rc = body.rc))
		return false;
	struct json_object *call = jb_object();
	jb_put_str(call, "pluginType", plugin_type_name(stage));
	jb_put_bytes(call, "pluginKey", event->plugin);
	jb_put(call, "headers", headers_of(r, event));
	jb_put_raw(call, "body", buf_bytes(&body));
	jb_add(r->list, call);
	return true;
}

int job_read_calls(struct api *api, struct request *req, struct reply *reply)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct recording *r = arena_alloc(req->arena, sizeof(*r));
	struct job job;
	if (!r)
		return SL_E_NO_MEMORY;
	int rc = request_query_only(req, "", &reply->err);
	if (!rc)
		rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = job_read_find(txn, req, &job, &reply->err);
	if (rc)
		return rc;
	r->txn = txn;
	r->job = &job;
	r->arena = req->arena;
	r->err = &reply->err;
	r->list = jb_array();
	reply->payload = jb_object();
	jb_put_int(reply->payload, "protocol", 1);
	jb_put(reply->payload, "calls", r->list);
	rc = ledger_events(txn, job.id, 0, add_call, r);
	return rc ? rc : r->rc;
}
