/* /v1/features: registering features, turning them on and off. */
#include "api/api.h"
#include "api/handlers/schemas.h"

static struct feature_caller caller_of(const struct request *req)
{
	return (struct feature_caller){
		.may_write = token_may(req->caller, PRIV_WRITE_FEATURE),
		.author = req->caller->author,
		.by = request_by(req),
	};
}

/* If-Match: a revision, with or without quotes; -1 when it is not sent. */
static int read_if_match(const struct request *req, int64_t *ret, struct sl_error *err)
{
	struct bytes text = request_header(req, "If-Match");
	*ret = -1;
	if (!text.at)
		return 0;
	const char *at = text.at;
	if (text.len >= 2 && at[0] == '"' && at[text.len - 1] == '"')
		text = bytes_of(at + 1, text.len - 2);
	int64_t value = 0;
	at = text.at;
	for (size_t i = 0; i < text.len; i++) {
		if (at[i] < '0' || at[i] > '9' || value > INT64_MAX / 10 - 10)
			return sl_fail(err, SL_E_INVALID, "If-Match: must be a revision number");
		value = value * 10 + (at[i] - '0');
	}
	if (!text.len)
		return sl_fail(err, SL_E_INVALID, "If-Match: must be a revision number");
	*ret = value;
	return 0;
}

static int post(struct api *api, struct request *req, struct reply *reply)
{
	struct feature_caller caller = caller_of(req);
	int64_t if_match;
	int rc = read_if_match(req, &if_match, &reply->err);
	return rc ? rc
		  : registry_register(api->registry, &req->json, &caller, if_match, &reply->payload,
				      &reply->err);
}

static int delete (struct api *api, struct request *req, struct reply *reply)
{
	struct feature_caller caller = caller_of(req);
	return registry_delete(api->registry, req->param[0], &caller, &reply->err);
}

static int turn(struct api *api, struct request *req, struct reply *reply, bool on)
{
	struct feature_caller caller = caller_of(req);
	return registry_turn(api->registry, req->param[0], on, &caller, &reply->err);
}

static int turn_on(struct api *api, struct request *req, struct reply *reply)
{
	return turn(api, req, reply, true);
}

static int turn_off(struct api *api, struct request *req, struct reply *reply)
{
	return turn(api, req, reply, false);
}

enum { OVERLAP_DEFAULT_S = 86400, OVERLAP_MAX_S = 30 * 86400 };

struct rotate_body {
	struct bytes key;
	int64_t overlap_s;
};

static const struct field rotate_fields[] = {
	{.name = "signingKey",
	 .kind = FIELD_TEXT,
	 .at = offsetof(struct rotate_body, key),
	 .help = "The new one; without it one is made."},
	{.name = "overlapSec",
	 .kind = FIELD_INT,
	 .at = offsetof(struct rotate_body, overlap_s),
	 .max = OVERLAP_MAX_S,
	 .help = "How long the old key signs too (86400); 0: no longer."},
	{0},
};

static int rotate_key(struct api *api, struct request *req, struct reply *reply)
{
	struct fields_in in = {&req->json, req->arena};
	struct feature_caller caller = caller_of(req);
	struct rotate_body body = {.overlap_s = OVERLAP_DEFAULT_S};
	int rc = req->body.len ? fields_read(&in, 0, rotate_fields, &body, &reply->err) : 0;
	return rc ? rc
		  : registry_rotate(api->registry, req->param[0], body.key,
				    (uint32_t)body.overlap_s, &caller, &reply->payload,
				    &reply->err);
}

static int list(struct api *api, struct request *req, struct reply *reply)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	bool all = bytes_is(req->param[0], "all");
	reply->payload = jb_array();
	for (size_t i = 0; i < now->features; i++)
		if (all || bytes_is(req->param[0], now->feature[i]->author))
			jb_add(reply->payload, feature_show(now, now->feature[i]));
	return 0;
}

static int detail(struct api *api, struct request *req, struct reply *reply)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	const struct feature *f = registry_feature(now, req->param[0]);
	if (!f)
		return reply_fail(reply, SL_E_NOT_FOUND, "there is no feature named %.*s",
				  BYTES_FMT(bytes_cut(req->param[0], 80)));
	reply->payload = feature_show(now, f);
	return 0;
}

static const struct route routes[] = {
	{
		.method = "POST",
		.pattern = "/v1/features",
		.needs = PRIV_REGISTER_FEATURE | PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON,
		.handle = post,
		.summary = "Register a feature, or replace it",
		.body = &schema_feature_input,
		.payload = PAYLOAD(ONE_OF(schema_feature_registered)),
	},
	{
		.method = "DELETE",
		.pattern = "/v1/features/{name}",
		.needs = PRIV_WRITE_FEATURE,
		.handle = delete,
		.summary = "Remove a feature",
	},
	{
		.method = "PUT",
		.pattern = "/v1/features/turn-off/{name}",
		.needs = PRIV_WRITE_FEATURE,
		.handle = turn_off,
		.summary = "Turn a feature off",
	},
	{
		.method = "PUT",
		.pattern = "/v1/features/turn-on/{name}",
		.needs = PRIV_WRITE_FEATURE,
		.handle = turn_on,
		.summary = "Turn a feature on",
	},
	{
		.method = "PUT",
		.pattern = "/v1/features/rotate-key/{name}",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON | ROUTE_EMPTY,
		.handle = rotate_key,
		.summary = "Give a feature another signing key; the answer shows it, once",
		.fields = rotate_fields,
		.payload = PAYLOAD(ONE_OF(schema_feature_rotated)),
	},
	{
		.method = "GET",
		.pattern = "/v1/features/list/{author}",
		.needs = PRIV_READ_FEATURE,
		.handle = list,
		.summary = "Features of an author; \"all\" for every author",
		.payload = PAYLOAD(LIST_OF(schema_feature)),
	},
	{
		.method = "GET",
		.pattern = "/v1/features/detail/{name}",
		.needs = PRIV_READ_FEATURE,
		.handle = detail,
		.summary = "One feature",
		.payload = PAYLOAD(ONE_OF(schema_feature)),
	},
};

const struct route_group group_features = {routes, countof(routes)};
