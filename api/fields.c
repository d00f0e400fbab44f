#include "api/fields.h"

#include "core/json/fail.h"

int fields_fail(const struct fields_in *in, json_at at, struct sl_error *err, enum sl_err code,
		const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int rc = json_vfail(in->json, at, err, code, fmt, args);
	va_end(args);
	return rc;
}

int fields_text(const struct fields_in *in, json_at at, struct bytes *ret)
{
	scoped(buf_finip) struct buf decoded;
	buf_init(&decoded, in->json->text.len + 1);
	struct bytes text;
	int rc = json_string(in->json, at, &decoded, &text);
	if (rc < 0)
		return rc;
	if (decoded.len)
		return arena_copy(in->arena, text, ret);
	*ret = text;
	return 0;
}

static const char *kind_name(enum field_kind kind)
{
	static const char *const name[] = {"a string",  "a whole number", "true or false",
					   "an object", "an array",       "anything",
					   "anything"};
	return name[kind];
}

static bool type_fits(enum field_kind kind, enum json_type type)
{
	switch (kind) {
	case FIELD_TEXT:
		return type == JSON_STRING;
	case FIELD_INT:
		return type == JSON_NUMBER;
	case FIELD_BOOL:
		return type == JSON_TRUE || type == JSON_FALSE;
	case FIELD_OBJECT:
		return type == JSON_OBJECT;
	case FIELD_ARRAY:
		return type == JSON_ARRAY;
	default:
		return true;
	}
}

static bool is_empty(const struct json *j, json_at at)
{
	enum json_type type = json_type(j, at);
	return (type == JSON_STRING && json_raw(j, at).len == 2) ||
	       ((type == JSON_ARRAY || type == JSON_OBJECT) && json_count(j, at) == 0);
}

static int read_text(const struct fields_in *in, const struct field *f, json_at at,
		     struct bytes *to, struct sl_error *err)
{
	struct bytes text;
	int rc = fields_text(in, at, &text);
	if (rc < 0)
		return rc;
	if (f->max && text.len > (size_t)f->max)
		return fields_fail(in, at, err, SL_E_INVALID, "at most %lld bytes",
				   (long long)f->max);
	if (text.len < (size_t)f->min)
		return fields_fail(in, at, err, SL_E_INVALID, "at least %lld bytes",
				   (long long)f->min);
	*to = text;
	return 0;
}

static int read_int(const struct fields_in *in, const struct field *f, json_at at, int64_t *to,
		    struct sl_error *err)
{
	int64_t value;
	if (json_int64(in->json, at, &value) < 0)
		return fields_fail(in, at, err, SL_E_INVALID, "must be a whole number");
	if (f->max && (value < f->min || value > f->max))
		return fields_fail(in, at, err, SL_E_INVALID, "must be from %lld to %lld",
				   (long long)f->min, (long long)f->max);
	*to = value;
	return 0;
}

static int read_node(const struct fields_in *in, const struct field *f, json_at at, json_at *to,
		     struct sl_error *err)
{
	if (f->max && json_count(in->json, at) > (uint64_t)f->max)
		return fields_fail(in, at, err, SL_E_INVALID, "at most %lld %s", (long long)f->max,
				   f->kind == FIELD_ARRAY ? "elements" : "members");
	*to = at;
	return 0;
}

static int read_value(const struct fields_in *in, const struct field *f, json_at at, void *member,
		      struct sl_error *err)
{
	switch (f->kind) {
	case FIELD_TEXT:
		return read_text(in, f, at, member, err);
	case FIELD_INT:
		return read_int(in, f, at, member, err);
	case FIELD_BOOL:
		*(bool *)member = json_type(in->json, at) == JSON_TRUE;
		return 0;
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		return read_node(in, f, at, member, err);
	case FIELD_ANY:
		*(json_at *)member = at;
		return 0;
	case FIELD_SHOWN:
		return 0;
	}
	return SL_E_INTERNAL;
}

static int read_field(const struct fields_in *in, const struct field *f, json_at at, void *to,
		      struct sl_error *err)
{
	enum json_type type = json_type(in->json, at);
	if (f->kind == FIELD_SHOWN)
		return 0;
	if (type == JSON_NULL && f->kind != FIELD_ANY)
		return f->flags & FIELD_REQUIRED
			       ? fields_fail(in, at, err, SL_E_LACK, "must not be null")
			       : 0;
	if (!type_fits(f->kind, type))
		return fields_fail(in, at, err, SL_E_INVALID, "must be %s, not %s",
				   kind_name(f->kind), json_type_name(type));
	if ((f->flags & FIELD_FILLED) && is_empty(in->json, at))
		return fields_fail(in, at, err, SL_E_LACK, "must not be empty");
	int rc = read_value(in, f, at, (char *)to + f->at, err);
	if (rc == 0 && f->check)
		rc = f->check(in, at, to, err);
	return rc;
}

static const struct field *find(const struct fields_in *in, json_at key, const struct field *table)
{
	for (; table->name; table++)
		if (json_string_is(in->json, key, bytes_str(table->name)))
			return table;
	return NULL;
}

/* The first field of the table that must be there and is not. */
static int find_lack(const struct fields_in *in, json_at object, const struct field *table,
		     struct sl_error *err)
{
	for (const struct field *f = table; f->name; f++)
		if ((f->flags & FIELD_REQUIRED) &&
		    json_get(in->json, object, bytes_str(f->name)) == JSON_NONE) {
			scoped(buf_finip) struct buf place;
			buf_init(&place, 64 * 1024);
			json_place(in->json, object, &place);
			return sl_fail(err, SL_E_LACK, "%.200s%s%s: is missing", buf_str(&place),
				       place.len ? "." : "", f->name);
		}
	return 0;
}

int fields_read(const struct fields_in *in, json_at object, const struct field *table, void *to,
		struct sl_error *err)
{
	const struct json *j = in->json;
	if (json_type(j, object) != JSON_OBJECT)
		return fields_fail(in, object, err, SL_E_INVALID, "%smust be an object, not %s",
				   object ? "" : "the body ", json_type_name(json_type(j, object)));
	for (json_at key = json_first(j, object); key != JSON_NONE;
	     key = json_next(j, object, key)) {
		const struct field *f = find(in, key, table);
		if (!f)
			return fields_fail(in, key + 1, err, SL_E_INVALID, "unknown field");
		int rc = read_field(in, f, key + 1, to, err);
		if (rc < 0)
			return rc;
	}
	return find_lack(in, object, table, err);
}
