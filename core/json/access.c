#include "core/json/internal.h"

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",        [JSON_FALSE] = "false",     [JSON_TRUE] = "true",
		[JSON_NUMBER] = "a number",  [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
	};
	return (size_t)type < countof(names) ? names[type] : "unknown";
}

static bool is(const struct json *j, json_at at, enum json_type type)
{
	return at != JSON_NONE && j->node[at].type == type;
}

json_at json_first(const struct json *j, json_at container)
{
	return j->node[container].n ? container + 1 : JSON_NONE;
}

json_at json_next(const struct json *j, json_at container, json_at at)
{
	bool object = j->node[container].type == JSON_OBJECT;
	json_at next = j->node[object ? at + 1 : at].end;
	return next < j->node[container].end ? next : JSON_NONE;
}

json_at json_get(const struct json *j, json_at object, struct bytes key)
{
	if (!is(j, object, JSON_OBJECT))
		return JSON_NONE;
	json_at at = json_find_key(j, object, json_text_plain(key));
	return at == JSON_NONE ? JSON_NONE : at + 1;
}

json_at json_element(const struct json *j, json_at array, uint32_t index)
{
	if (!is(j, array, JSON_ARRAY) || index >= j->node[array].n)
		return JSON_NONE;
	json_at at = array + 1;
	while (index--)
		at = j->node[at].end;
	return at;
}

int json_string(const struct json *j, json_at at, struct buf *to, struct bytes *ret)
{
	if (!is(j, at, JSON_STRING))
		return SL_E_INVALID;
	struct json_text text = json_text_of(j, at);
	if (!text.escaped) {
		*ret = bytes_of(text.at, (size_t)(text.end - text.at));
		return 0;
	}
	size_t from = to->len;
	while (text.at < text.end) {
		uint8_t c[4];
		if (*text.at == '\\')
			buf_add(to, c, json_unescape(&text.at, c));
		else
			buf_add_char(to, (char)*text.at++);
	}
	if (to->rc)
		return to->rc;
	*ret = bytes_of(to->at + from, to->len - from);
	return 0;
}

bool json_string_is(const struct json *j, json_at at, struct bytes text)
{
	return is(j, at, JSON_STRING) && json_text_eq(json_text_of(j, at), json_text_plain(text));
}

bool json_string_starts(const struct json *j, json_at at, struct bytes prefix)
{
	if (!is(j, at, JSON_STRING))
		return false;
	struct json_text text = json_text_of(j, at);
	const uint8_t *want = (const uint8_t *)prefix.at, *end = want + prefix.len;
	while (want < end && text.at < text.end) {
		uint8_t c[4] = {*text.at};
		unsigned len = 1;
		if (*text.at == '\\')
			len = json_unescape(&text.at, c);
		else
			text.at++;
		for (unsigned i = 0; i < len && want < end; i++)
			if (c[i] != *want++)
				return false;
	}
	return want == end;
}

/* ---- equality ---- */

struct side {
	const struct json *j;
	json_at at;
};

static bool arrays_equal(struct side a, struct side b)
{
	json_at x = a.at + 1, y = b.at + 1, end = a.j->node[a.at].end;
	for (; x < end; x = a.j->node[x].end, y = b.j->node[y].end)
		if (!json_equal(a.j, x, b.j, y))
			return false;
	return true;
}

static bool objects_equal(struct side a, struct side b)
{
	struct json_finder finder;
	bool same = true;
	json_finder_init(&finder, b.j, b.at);
	json_at x = a.at + 1, end = a.j->node[a.at].end;
	for (; same && x < end; x = a.j->node[x + 1].end) {
		json_at other = json_finder_find(&finder, a.j, x);
		same = other != JSON_NONE && json_equal(a.j, x + 1, b.j, other + 1);
	}
	json_finder_fini(&finder);
	return same;
}

bool json_equal(const struct json *a, json_at at, const struct json *b, json_at bt)
{
	const struct json_node *x = &a->node[at], *y = &b->node[bt];
	if (x->type != y->type || x->n != y->n)
		return false;
	struct side left = {a, at}, right = {b, bt};
	switch ((enum json_type)x->type) {
	case JSON_NUMBER:
		return json_numbers_equal(json_raw(a, at), json_raw(b, bt));
	case JSON_STRING:
		return json_text_eq(json_text_of(a, at), json_text_of(b, bt));
	case JSON_ARRAY:
		return arrays_equal(left, right);
	case JSON_OBJECT:
		return objects_equal(left, right);
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		break;
	}
	return true;
}
