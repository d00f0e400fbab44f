/* /v1/selectors/test: would this jobSelector match? */
#include "api/api.h"
#include "api/handlers/schemas.h"
#include "api/handlers/selector_show.h"

struct test_body {
	json_at selector, header;
	struct bytes job;
};

#define TEST_AT(member) .at = offsetof(struct test_body, member)

static const struct field fields[] = {
	{.name = "jobSelector",
	 .kind = FIELD_OBJECT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 TEST_AT(selector),
	 .help = "Conditions and an expression.",
	 .of = &schema_job_selector},
	{.name = "header",
	 .kind = FIELD_OBJECT,
	 TEST_AT(header),
	 .help = "The header information to match against, or:"},
	{.name = "jobID",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 TEST_AT(job),
	 .help = "a stored job, whose header information is taken."},
	{0},
};

/* The header information, copied out of the request or the store into `to`. */
static int read_header(struct api *api, struct request *req, const struct test_body *body,
		       struct buf *to, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct uuid id;
	struct bytes doc;
	if ((body->header != JSON_NONE) == (body->job.len != 0))
		return sl_fail(err, body->job.len ? SL_E_INVALID : SL_E_LACK,
			       "header: send either header or jobID");
	if (body->header != JSON_NONE) {
		buf_add_bytes(to, json_raw(&req->json, body->header));
		return to->rc;
	}
	if (uuid_parse(body->job, &id))
		return sl_fail(err, SL_E_NOT_FOUND, "jobID: there is no such job");
	int rc = store_begin(api->store, STORE_READ, &txn);
	if (!rc)
		rc = ledger_doc(txn, id, PART_HEADER, &doc);
	if (rc == SL_E_NOT_FOUND)
		return sl_fail(err, rc, "jobID: there is no such job");
	if (!rc)
		buf_add_bytes(to, doc);
	return rc ? rc : to->rc;
}

static int try(struct api *api, struct request *req, struct reply *reply)
{
	static const struct json_limits limits = {SIZE_MAX, 80};
	struct fields_in in = {&req->json, req->arena};
	struct test_body body = {JSON_NONE, JSON_NONE, {NULL, 0}};
	struct selector_limits bounds = {api->regex_value_max, SELECTOR_STEPS_MAX};
	scoped(buf_finip) struct buf text = {0};
	scoped(json_finip) struct json header = {0};
	scoped(selector_freep) struct selector *selector = NULL;
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	buf_init(&text, REPLY_MAX);
	int rc = fields_read(&in, 0, fields, &body, &reply->err);
	if (rc)
		return rc;
	struct selector_source none = {&req->json, JSON_NONE}, own = {&req->json, body.selector};
	rc = selector_compile(none, own, &selector, &reply->err);
	if (!rc)
		rc = read_header(api, req, &body, &text, &reply->err);
	if (!rc)
		rc = json_parse(&header, buf_bytes(&text), &limits, &reply->err);
	if (!rc)
		rc = selector_scratch_create(&bounds, &scratch);
	if (!rc)
		reply->payload = selector_show(selector, scratch, &header);
	return rc;
}

static const struct schema_member result_members[] = {SELECTOR_RESULT_MEMBERS, {0}};
static const struct schema result_schema = {.name = "SelectorResult", .member = result_members};

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/selectors/test",
		.needs = PRIV_READ_FEATURE,
		.flags = ROUTE_JSON,
		.handle = try,
		.summary = "Try a jobSelector on header information or on a stored job",
		.fields = fields,
		.payload = PAYLOAD(ONE_OF(result_schema)),
	},
};

const struct route_group group_selectors = {routes, countof(routes)};
