#include "api/openapi.h"

#include <ctype.h>
#include <stdio.h>

static const char *const field_types[] = {
	[FIELD_TEXT] = "string",   [FIELD_INT] = "integer", [FIELD_BOOL] = "boolean",
	[FIELD_OBJECT] = "object", [FIELD_ARRAY] = "array",
};

/* ---- bodies ---- */

static struct json_object *field_schema(const struct field *f, struct schema_set *set)
{
	struct json_object *schema;
	if (f->of && f->kind != FIELD_ARRAY) {
		const struct shape named = {.kind = SHAPE_NAMED, .of = f->of};
		schema = shape_schema(&named, set);
	} else {
		schema = jb_object();
		if (f->kind < FIELD_ANY)
			jb_put_str(schema, "type", field_types[f->kind]);
	}
	if (f->help)
		jb_put_str(schema, "description", f->help);
	if (f->kind == FIELD_SHOWN)
		jb_put_str(schema, "description", "As a read shows it; accepted and ignored.");
	if (f->kind == FIELD_TEXT && f->max)
		jb_put_int(schema, "maxLength", f->max);
	if (f->kind == FIELD_TEXT && (f->flags & FIELD_FILLED))
		jb_put_int(schema, "minLength", 1);
	if (f->kind == FIELD_INT && f->max) {
		jb_put_int(schema, "minimum", f->min);
		jb_put_int(schema, "maximum", f->max);
	}
	if (f->kind == FIELD_ARRAY && f->max)
		jb_put_int(schema, "maxItems", f->max);
	return schema;
}

static struct json_object *fields_schema(const struct field *fields, struct schema_set *set)
{
	struct json_object *schema = jb_object(), *members = jb_object(), *required = jb_array();
	size_t needed = 0;
	for (const struct field *f = fields; f->name; f++) {
		jb_put(members, f->name, field_schema(f, set));
		if (f->flags & FIELD_REQUIRED) {
			jb_add_bytes(required, bytes_str(f->name));
			needed++;
		}
	}
	jb_put_str(schema, "type", "object");
	jb_put(schema, "properties", members);
	if (needed)
		jb_put(schema, "required", required);
	else
		jb_free(required);
	jb_put_bool(schema, "additionalProperties", false);
	return schema;
}

static void add_content(struct json_object *to, const char *type, struct json_object *schema)
{
	struct json_object *media = jb_object();
	jb_put(media, "schema", schema);
	jb_put(to, type, media);
}

static struct json_object *content(const char *type, struct json_object *schema)
{
	struct json_object *content = jb_object();
	add_content(content, type, schema);
	return content;
}

static struct json_object *body_schema(const struct route *route, struct schema_set *set)
{
	const struct shape whole = {.kind = route->body ? SHAPE_NAMED : SHAPE_FREE,
				    .of = route->body};
	return route->fields ? fields_schema(route->fields, set) : shape_schema(&whole, set);
}

static struct json_object *request_body(const struct route *route, struct schema_set *set)
{
	struct json_object *body = jb_object();
	jb_put_bool(body, "required", !(route->flags & ROUTE_EMPTY));
	jb_put(body, "content", content("application/json", body_schema(route, set)));
	return body;
}

/* ---- parameters ---- */

static void add_parameter(struct json_object *list, const char *where, struct bytes name,
			  const char *type, const char *help)
{
	struct json_object *one = jb_object(), *schema = jb_object();
	jb_put_bytes(one, "name", name);
	jb_put_str(one, "in", where);
	jb_put_bool(one, "required", strcmp(where, "path") == 0);
	if (help)
		jb_put_str(one, "description", help);
	jb_put_str(schema, "type", type);
	jb_put(one, "schema", schema);
	jb_add(list, one);
}

static struct json_object *parameters(const struct route *route)
{
	struct json_object *list = jb_array();
	const char *open = route->pattern;
	while ((open = strchr(open, '{'))) {
		size_t len = strcspn(open + 1, ".}");
		add_parameter(list, "path", bytes_of(open + 1, len), "string", NULL);
		open += len;
	}
	for (const struct route_query *q = route->query; q && q->name; q++)
		add_parameter(list, "query", bytes_str(q->name), q->type, q->help);
	return list;
}

/* ---- answers ---- */

static const char ok_code[] = "OPERATION_SUCCEEDED";

static struct json_object *envelope_schema(const struct route *route, struct schema_set *set)
{
	struct json_object *schema = jb_object(), *members = jb_object(), *code = jb_object(),
			   *required = jb_array();
	jb_put_str(code, "const", ok_code);
	jb_put(members, "code", code);
	jb_put_raw(members, "msg", BYTES("{\"type\":\"string\"}"));
	jb_add_bytes(required, BYTES("code"));
	jb_add_bytes(required, BYTES("msg"));
	if (route->payload)
		jb_put(members, "payload", shapes_schema(route->payload, set));
	if (route->payload && !(route->flags & ROUTE_MAY_LACK))
		jb_add_bytes(required, BYTES("payload"));
	jb_put_str(schema, "type", "object");
	jb_put(schema, "properties", members);
	jb_put(schema, "required", required);
	jb_put_bool(schema, "additionalProperties", false);
	return schema;
}

static bool told_before(int code)
{
	for (int other = SL_ERR_MIN + 1; other < code; other++)
		if (strcmp(sl_err_code(other), sl_err_code(code)) == 0)
			return true;
	return false;
}

/* What any route may answer instead. */
static struct json_object *refusal_schema(void)
{
	struct json_object *schema = jb_object(), *members = jb_object(), *code = jb_object(),
			   *codes = jb_array();
	for (int i = SL_ERR_MIN + 1; i < SL_ERR_END; i++)
		if (i != SL_OK && !told_before(i))
			jb_add_bytes(codes, bytes_str(sl_err_code(i)));
	jb_put(code, "enum", codes);
	jb_put(members, "code", code);
	jb_put_raw(members, "msg", BYTES("{\"type\":\"string\"}"));
	jb_put_str(schema, "type", "object");
	jb_put(schema, "properties", members);
	jb_put_raw(schema, "required", BYTES("[\"code\",\"msg\"]"));
	jb_put_bool(schema, "additionalProperties", false);
	return schema;
}

static struct json_object *good_content(const struct route *route, struct schema_set *set)
{
	struct json_object *kinds = jb_object();
	for (const char *at = route->produces; at && *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		struct json_object *media = jb_object();
		jb_put(media, "schema", jb_object());
		jb_put_named(kinds, bytes_of(at, len), media);
		at += len;
	}
	if (route->flags & ROUTE_BARE)
		add_content(kinds, "application/json", shapes_schema(route->payload, set));
	else if (!route->produces || route->payload)
		add_content(kinds, "application/json", envelope_schema(route, set));
	return kinds;
}

static struct json_object *answer(const char *words, struct json_object *content)
{
	struct json_object *to = jb_object();
	jb_put_str(to, "description", words);
	jb_put(to, "content", content);
	return to;
}

static struct json_object *answers(const struct route *route, struct schema_set *set)
{
	struct json_object *all = jb_object(), *refusal = jb_object();
	jb_put_str(refusal, "$ref", "#/components/schemas/Refusal");
	jb_put(all, "200", answer("It worked.", good_content(route, set)));
	if (route->flags & ROUTE_PARTS)
		jb_put(all, "206",
		       answer("The range asked for.", content(route->produces, jb_object())));
	if (route->flags & ROUTE_STATE)
		jb_put(all, "503", answer("Not now; it says why.", good_content(route, set)));
	jb_put(all, "default",
	       answer("Refused: `code` and `msg` say why.", content("application/json", refusal)));
	return all;
}

/* ---- operations ---- */

static void describe_needs(struct json_object *operation, const struct route *route)
{
	if (route->flags & ROUTE_OPEN) {
		jb_put_raw(operation, "security", BYTES("[]"));
		return;
	}
	scoped(buf_finip) struct buf text;
	buf_init(&text, 512);
	buf_add_str(&text, "Needs a token with any of: ");
	privilege_list(route->needs, &text);
	if (route->flags & ROUTE_LOCAL)
		buf_add_str(&text, " (none on this machine)");
	jb_put_bytes(operation, "description", buf_bytes(&text));
}

static struct json_object *operation(const struct route *route, struct schema_set *set)
{
	struct json_object *op = jb_object();
	jb_put_str(op, "summary", route->summary);
	describe_needs(op, route);
	jb_put(op, "parameters", parameters(route));
	if (route->flags & ROUTE_JSON)
		jb_put(op, "requestBody", request_body(route, set));
	jb_put(op, "responses", answers(route, set));
	return op;
}

static void lower(const char *from, char *to, size_t size)
{
	size_t i = 0;
	for (; from[i] && i + 1 < size; i++)
		to[i] = (char)tolower((unsigned char)from[i]);
	to[i] = '\0';
}

/* "{path...}" of our patterns is "{path}" there. */
static void plain_pattern(const char *pattern, struct buf *to)
{
	const char *dots = strstr(pattern, "...}");
	if (!dots) {
		buf_add_str(to, pattern);
		return;
	}
	buf_add(to, pattern, (size_t)(dots - pattern));
	buf_add_char(to, '}');
}

/* Operations of a path stand together: all of it at its first route. */
static bool is_first_of_path(const struct route_group *const *groups, const struct route *route)
{
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->routes; i++) {
			const struct route *other = &(*groups)->route[i];
			if (other == route)
				return true;
			if (strcmp(other->pattern, route->pattern) == 0)
				return false;
		}
	return true;
}

static struct json_object *path_item(const struct route_group *const *groups, const char *pattern,
				     struct schema_set *set)
{
	struct json_object *item = jb_object();
	for (; *groups; groups++)
		for (size_t i = 0; i < (*groups)->routes; i++) {
			const struct route *route = &(*groups)->route[i];
			char method[16];
			if (strcmp(route->pattern, pattern) != 0)
				continue;
			lower(route->method, method, sizeof(method));
			jb_put_named(item, bytes_str(method), operation(route, set));
		}
	return item;
}

static struct json_object *paths(const struct route_group *const *groups, struct schema_set *set)
{
	struct json_object *all = jb_object();
	for (const struct route_group *const *g = groups; *g; g++)
		for (size_t i = 0; i < (*g)->routes; i++) {
			const struct route *route = &(*g)->route[i];
			if (!is_first_of_path(groups, route))
				continue;
			scoped(buf_finip) struct buf pattern;
			buf_init(&pattern, 512);
			plain_pattern(route->pattern, &pattern);
			jb_put_named(all, buf_bytes(&pattern),
				     path_item(groups, route->pattern, set));
		}
	return all;
}

static struct json_object *components(struct schema_set *set)
{
	struct json_object *to = jb_object(), *schemas = schema_components(set);
	jb_put(schemas, "Refusal", refusal_schema());
	jb_put(to, "schemas", schemas);
	jb_put_raw(to, "securitySchemes",
		   BYTES("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
			 "\"token\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"token\"}}"));
	return to;
}

struct json_object *openapi_build(const struct route_group *const *groups)
{
	struct json_object *document = jb_object();
	struct schema_set set = {0};
	jb_put_str(document, "openapi", "3.1.0");
	jb_put_raw(document, "info", BYTES("{\"title\":\"Sluice\",\"version\":\"1\"}"));
	jb_put_raw(document, "security", BYTES("[{\"bearer\":[]},{\"token\":[]}]"));
	jb_put(document, "paths", paths(groups, &set));
	jb_put(document, "components", components(&set));
	return document;
}

int openapi_print(const struct route_group *const *groups, struct buf *to)
{
	scoped(jb_freep) struct json_object *document = openapi_build(groups);
	return jb_print(document, to);
}
