/* /v1/plugins: what is registered, in which order it runs. */
#include "api/api.h"
#include "api/handlers/schemas.h"

struct order_body {
	struct bytes before, after, type;
};

#define ORDER_AT(member) .at = offsetof(struct order_body, member)

static const struct field order_fields[] = {
	{.name = "beforeKey",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 ORDER_AT(before),
	 .help = "The plugin that is to run first."},
	{.name = "afterKey",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 ORDER_AT(after),
	 .help = "The plugin that it is to run in front of."},
	{.name = "pluginType",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 ORDER_AT(type),
	 .help = "The type of both.",
	 .of = &schema_plugin_type},
	{0},
};

static int read_type(struct bytes text, const char *place, enum plugin_type *ret,
		     struct sl_error *err)
{
	return plugin_type_parse(text, ret)
		       ? sl_fail(err, SL_E_PLUGIN_TYPE,
				 "%s: unknown pluginType \"%.*s\"; it is one of "
				 "TemplateTranslator, "
				 "FactorGenerator, AccessGate, TemplateDecorator, SchedulerBinder, "
				 "LifeHook",
				 place, BYTES_FMT(bytes_cut(text, 60)))
		       : 0;
}

static int sequence(struct api *api, struct request *req, struct reply *reply)
{
	struct fields_in in = {&req->json, req->arena};
	struct feature_caller caller = {
		.may_write = true, .author = req->caller->author, .by = request_by(req)};
	struct order_body body = {0};
	enum plugin_type type;
	int rc = fields_read(&in, 0, order_fields, &body, &reply->err);
	if (!rc)
		rc = read_type(body.type, "pluginType", &type, &reply->err);
	return rc ? rc
		  : registry_order(api->registry, type, body.before, body.after, &caller,
				   &reply->err);
}

/* ---- what the operator sets instead ---- */

struct override_body {
	int64_t timeout_ms, retries, in_flight_max; /* -1: not said */
	struct bytes policy;
};

#define OVERRIDE_AT(member) .at = offsetof(struct override_body, member)

static const struct field override_fields[] = {
	{.name = "timeoutMs",
	 .kind = FIELD_INT,
	 OVERRIDE_AT(timeout_ms),
	 .min = 1,
	 .max = PLUGIN_TIMEOUT_MAX_MS,
	 .help = "Time for one attempt."},
	{.name = "retries",
	 .kind = FIELD_INT,
	 OVERRIDE_AT(retries),
	 .max = PLUGIN_RETRIES_MAX,
	 .help = "Further attempts when it cannot be asked."},
	{.name = "maxInFlight",
	 .kind = FIELD_INT,
	 OVERRIDE_AT(in_flight_max),
	 .min = 1,
	 .max = PLUGIN_IN_FLIGHT_MAX,
	 .help = "Calls at once."},
	{.name = "failurePolicy",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_FILLED,
	 OVERRIDE_AT(policy),
	 .help = "fail, ignore or wait."},
	{0},
};

static int read_policy(struct bytes text, struct plugin_override *to, struct sl_error *err)
{
	for (int i = FAILURE_FAIL; i <= FAILURE_IGNORE; i++)
		if (bytes_is(text, failure_policy_name((enum failure_policy)i))) {
			to->policy = (enum failure_policy)i;
			to->set |= OVERRIDE_POLICY;
			return 0;
		}
	return text.len ? sl_fail(err, SL_E_INVALID, "failurePolicy: must be fail, wait or ignore")
			: 0;
}

static void take(int64_t value, enum override_bit bit, uint32_t *to, unsigned *set)
{
	if (value < 0)
		return;
	*to = (uint32_t)value;
	*set |= bit;
}

static int override(struct api *api, struct request *req, struct reply *reply)
{
	struct fields_in in = {&req->json, req->arena};
	struct feature_caller caller = {
		.may_write = true, .author = req->caller->author, .by = request_by(req)};
	struct override_body body = {.timeout_ms = -1, .retries = -1, .in_flight_max = -1};
	struct plugin_override o = {0};
	int rc = fields_read(&in, 0, override_fields, &body, &reply->err);
	if (!rc)
		rc = read_policy(body.policy, &o, &reply->err);
	if (rc)
		return rc;
	take(body.timeout_ms, OVERRIDE_TIMEOUT, &o.timeout_ms, &o.set);
	take(body.retries, OVERRIDE_RETRIES, &o.retries, &o.set);
	take(body.in_flight_max, OVERRIDE_IN_FLIGHT, &o.in_flight_max, &o.set);
	return registry_override(api->registry, req->param[0], &o, &caller, &reply->payload,
				 &reply->err);
}

static int detail(struct api *api, struct request *req, struct reply *reply)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	const struct plugin *p = registry_plugin(now, req->param[0]);
	if (!p)
		return reply_fail(reply, SL_E_NOT_FOUND, "there is no plugin %.*s",
				  BYTES_FMT(bytes_cut(req->param[0], 200)));
	reply->payload = plugin_show(now, p);
	return 0;
}

static int list(struct api *api, struct request *req, struct reply *reply)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(api->registry);
	enum plugin_type type;
	int rc = read_type(req->param[0], "type", &type, &reply->err);
	if (rc)
		return rc;
	reply->payload = jb_array();
	for (size_t i = 0; i < now->count[type]; i++)
		jb_add(reply->payload, plugin_show(now, now->ordered[type][i]));
	return 0;
}

static const struct route routes[] = {
	{
		.method = "PUT",
		.pattern = "/v1/plugins/sequence",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON,
		.handle = sequence,
		.summary = "Put a plugin directly in front of another",
		.fields = order_fields,
	},
	{
		.method = "PUT",
		.pattern = "/v1/plugins/override/{key}",
		.needs = PRIV_WRITE_FEATURE,
		.flags = ROUTE_JSON | ROUTE_MAY_LACK, /* of one that is gone */
		.handle = override,
		.summary = "Set what wins over what is registered of a plugin, now and later; {} "
			   "clears",
		.fields = override_fields,
		.payload = PAYLOAD(ONE_OF(schema_plugin)),
	},
	{
		.method = "GET",
		.pattern = "/v1/plugins/detail/{key}",
		.needs = PRIV_READ_FEATURE,
		.handle = detail,
		.summary = "One plugin",
		.payload = PAYLOAD(ONE_OF(schema_plugin)),
	},
	{
		.method = "GET",
		.pattern = "/v1/plugins/list/{type}",
		.needs = PRIV_READ_FEATURE,
		.handle = list,
		.summary = "Plugins of a type, in execution order",
		.payload = PAYLOAD(LIST_OF(schema_plugin)),
	},
};

const struct route_group group_plugins = {routes, countof(routes)};
