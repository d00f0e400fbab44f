#include "core/json/build.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>

/* A value that could not be built whole prints as a failure, and so does all around it. */
static int print_failure(struct json_object *value, struct printbuf *to, int level, int flags)
{
	(void)value, (void)to, (void)level, (void)flags;
	return -1;
}

static void spoil(struct json_object *container)
{
	if (container)
		json_object_set_serializer(container, print_failure, NULL, NULL);
}

static int print_raw(struct json_object *value, struct printbuf *to, int level, int flags)
{
	(void)level, (void)flags;
	return printbuf_memappend(to, json_object_get_string(value),
				  json_object_get_string_len(value));
}

struct json_object *jb_object(void) { return json_object_new_object(); }
struct json_object *jb_array(void) { return json_object_new_array(); }

struct json_object *jb_free(struct json_object *value)
{
	json_object_put(value);
	return NULL;
}

struct json_object *jb_string(struct bytes text)
{
	if (text.len > INT_MAX / 8)
		return NULL;
	return json_object_new_string_len(text.len ? (const char *)text.at : "", (int)text.len);
}

struct json_object *jb_int(int64_t value) { return json_object_new_int64(value); }

struct json_object *jb_raw(struct bytes json_text)
{
	struct json_object *value = jb_string(json_text);
	if (value)
		json_object_set_serializer(value, print_raw, NULL, NULL);
	return value;
}

/* NULL is json-c's null here. */
static void put(struct json_object *object, const char *key, struct json_object *value)
{
	if (!object ||
	    json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY) != 0) {
		jb_free(value);
		spoil(object);
	}
}

void jb_put(struct json_object *object, const char *key, struct json_object *value)
{
	if (value)
		put(object, key, value);
	else
		spoil(object);
}

void jb_put_null(struct json_object *object, const char *key) { put(object, key, NULL); }

void jb_put_str(struct json_object *object, const char *key, const char *text)
{
	if (text)
		jb_put(object, key, jb_string(bytes_str(text)));
	else
		jb_put_null(object, key);
}

void jb_put_bytes(struct json_object *object, const char *key, struct bytes text)
{
	jb_put(object, key, jb_string(text));
}

void jb_put_int(struct json_object *object, const char *key, int64_t value)
{
	jb_put(object, key, jb_int(value));
}

void jb_put_bool(struct json_object *object, const char *key, bool value)
{
	jb_put(object, key, json_object_new_boolean(value));
}

void jb_put_time(struct json_object *object, const char *key, int64_t wall_ms)
{
	char text[TIME_TEXT_SIZE];
	jb_put_str(object, key, wall_ms ? time_format(wall_ms, text) : NULL);
}

void jb_put_raw(struct json_object *object, const char *key, struct bytes json_text)
{
	jb_put(object, key, jb_raw(json_text));
}

void jb_put_named(struct json_object *object, struct bytes key, struct json_object *value)
{
	char *name = NULL;
	/* json-c's keys end at the first NUL. */
	if (object && value && !(key.len && memchr(key.at, '\0', key.len)))
		name = key.len ? strndup((const char *)key.at, key.len) : strdup("");
	if (!name || json_object_object_add(object, name, value) != 0) {
		jb_free(value);
		spoil(object);
	}
	free(name);
}

void jb_add(struct json_object *array, struct json_object *value)
{
	if (!array || !value || json_object_array_add(array, value) != 0) {
		jb_free(value);
		spoil(array);
	}
}

void jb_add_bytes(struct json_object *array, struct bytes text) { jb_add(array, jb_string(text)); }
void jb_add_raw(struct json_object *array, struct bytes json_text)
{
	jb_add(array, jb_raw(json_text));
}

int jb_print(struct json_object *value, struct buf *to)
{
	size_t len = 0;
	const char *text =
		value ? json_object_to_json_string_length(
				value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
				&len)
		      : NULL;
	if (!text)
		return SL_E_NO_MEMORY;
	buf_add(to, text, len);
	return to->rc;
}
