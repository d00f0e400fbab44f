#include "api/schema.h"

#include <stdio.h>

enum { REF_SIZE = 96 };

static const char *const types[] = {
	[SHAPE_TEXT] = "string", [SHAPE_TIME] = "string",  [SHAPE_UUID] = "string",
	[SHAPE_INT] = "integer", [SHAPE_BOOL] = "boolean", [SHAPE_WORD] = "string",
	[SHAPE_FREE] = "object", [SHAPE_ANY] = NULL,       [SHAPE_NAMED] = NULL,
};

/* ---- one value ---- */

static void note(struct schema_set *set, const struct schema *schema)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->schema[i] == schema)
			return;
	if (set->n < SCHEMAS_MAX)
		set->schema[set->n++] = schema;
}

static void put_ref(struct json_object *to, const struct schema *schema, struct schema_set *set)
{
	char ref[REF_SIZE];
	snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema->name);
	jb_put_str(to, "$ref", ref);
	note(set, schema);
}

static void put_words(struct json_object *to, const char *words, bool or_null)
{
	struct json_object *list = jb_array();
	for (size_t len; *words; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		jb_add_bytes(list, bytes_of(words, len));
	}
	if (or_null)
		jb_add_raw(list, BYTES("null"));
	jb_put(to, "enum", list);
}

static void put_type(struct json_object *to, const char *type, bool or_null)
{
	struct json_object *list;
	if (!or_null) {
		jb_put_str(to, "type", type);
		return;
	}
	list = jb_array();
	jb_add_bytes(list, bytes_str(type));
	jb_add_bytes(list, BYTES("null"));
	jb_put(to, "type", list);
}

static void put_limits(struct json_object *to, const struct shape *s, const char *least,
		       const char *most)
{
	if (s->min || s->kind == SHAPE_INT)
		jb_put_int(to, least, s->min);
	if (s->max)
		jb_put_int(to, most, s->max);
}

/* A name, or null. */
static void put_ref_or_null(struct json_object *to, const struct schema *schema,
			    struct schema_set *set)
{
	struct json_object *either = jb_array(), *one = jb_object();
	put_ref(one, schema, set);
	jb_add(either, one);
	jb_add_raw(either, BYTES("{\"type\":\"null\"}"));
	jb_put(to, "anyOf", either);
}

static struct json_object *value_schema(const struct shape *s, struct schema_set *set)
{
	struct json_object *to = jb_object();
	bool many = s->flags & SHAPE_LIST, or_null = s->flags & SHAPE_NULL && !many;
	if (types[s->kind])
		put_type(to, types[s->kind], or_null);
	if (s->kind == SHAPE_NAMED && or_null)
		put_ref_or_null(to, s->of, set);
	else if (s->kind == SHAPE_NAMED)
		put_ref(to, s->of, set);
	if (s->kind == SHAPE_WORD)
		put_words(to, s->words, or_null);
	if (s->kind == SHAPE_TIME)
		jb_put_str(to, "format", "date-time");
	if (s->kind == SHAPE_UUID)
		jb_put_str(to, "format", "uuid");
	if (!many && s->kind == SHAPE_TEXT)
		put_limits(to, s, "minLength", "maxLength");
	if (!many && s->kind == SHAPE_INT && (s->min || s->max))
		put_limits(to, s, "minimum", "maximum");
	return to;
}

struct json_object *shape_schema(const struct shape *s, struct schema_set *set)
{
	struct json_object *value = value_schema(s, set), *list, *either;
	if (!(s->flags & (SHAPE_LIST | SHAPE_SOME)))
		return value;
	list = jb_object();
	put_type(list, "array", s->flags & SHAPE_NULL);
	if (s->flags & SHAPE_LIST) {
		jb_put(list, "items", value);
		put_limits(list, s, "minItems", "maxItems");
		return list;
	}
	either = jb_array();
	jb_put(list, "items", value_schema(s, set));
	jb_add(either, value);
	jb_add(either, list);
	list = jb_object();
	jb_put(list, "anyOf", either);
	return list;
}

struct json_object *shapes_schema(const struct shape *shapes, struct schema_set *set)
{
	struct json_object *to, *any;
	if (shapes[1].kind == SHAPE_END)
		return shape_schema(shapes, set);
	to = jb_object();
	any = jb_array();
	for (; shapes->kind != SHAPE_END; shapes++)
		jb_add(any, shape_schema(shapes, set));
	jb_put(to, "anyOf", any);
	return to;
}

/* ---- what has a name ---- */

static void put_members(struct json_object *to, const struct schema *schema, struct schema_set *set)
{
	struct json_object *members = jb_object(), *required = jb_array();
	jb_put_str(to, "type", "object");
	for (const struct schema_member *m = schema->member; m->name; m++) {
		struct json_object *one = shape_schema(&m->is, set);
		if (m->help)
			jb_put_str(one, "description", m->help);
		jb_put(members, m->name, one);
		if (!(m->is.flags & SHAPE_MAYBE))
			jb_add_bytes(required, bytes_str(m->name));
	}
	jb_put(to, "properties", members);
	jb_put(to, "required", required);
	if (!schema->open)
		jb_put_bool(to, "additionalProperties", false);
}

static struct json_object *show(const struct schema *schema, struct schema_set *set)
{
	struct json_object *to = jb_object(), *words;
	if (schema->help)
		jb_put_str(to, "description", schema->help);
	if (schema->member) {
		put_members(to, schema, set);
		return to;
	}
	words = jb_array();
	for (int i = 0; i < schema->words; i++)
		jb_add_bytes(words, bytes_str(schema->word(i)));
	jb_put_str(to, "type", "string");
	jb_put(to, "enum", words);
	return to;
}

struct json_object *schema_components(struct schema_set *set)
{
	struct json_object *all = jb_object();
	for (size_t i = 0; i < set->n; i++) /* it grows meanwhile */
		jb_put(all, set->schema[i]->name, show(set->schema[i], set));
	if (set->n == SCHEMAS_MAX) /* what did not fit would be referred to in vain */
		jb_put(all, "", NULL);
	return all;
}
