/* /v1/plugins: what is registered, in which order it runs. */
#include "api/api.h"

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
	 .help = "The type of both."},
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
	struct feature_caller caller = {.may_write = true, .author = req->caller->author};
	struct order_body body = {0};
	enum plugin_type type;
	int rc = fields_read(&in, 0, order_fields, &body, &reply->err);
	if (!rc)
		rc = read_type(body.type, "pluginType", &type, &reply->err);
	return rc ? rc
		  : registry_order(api->registry, type, body.before, body.after, &caller,
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

#define PLUGIN_SCHEMA "{\"type\":\"object\",\"description\":\"A plugin\"}"

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
		.method = "GET",
		.pattern = "/v1/plugins/detail/{key}",
		.needs = PRIV_READ_FEATURE,
		.handle = detail,
		.summary = "One plugin",
		.payload = PLUGIN_SCHEMA,
	},
	{
		.method = "GET",
		.pattern = "/v1/plugins/list/{type}",
		.needs = PRIV_READ_FEATURE,
		.handle = list,
		.summary = "Plugins of a type, in execution order",
		.payload = "{\"type\":\"array\",\"items\":" PLUGIN_SCHEMA "}",
	},
};

const struct route_group group_plugins = {routes, countof(routes)};
