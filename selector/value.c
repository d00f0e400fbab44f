#include "selector/condition.h"

bool condition_index(struct bytes text, uint32_t *ret)
{
	const char *at = text.at;
	if (text.len == 0 || text.len > 9 || (at[0] == '0' && text.len > 1))
		return false;
	uint32_t index = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		index = index * 10 + (uint32_t)(at[i] - '0');
	}
	*ret = index;
	return true;
}

static json_at enter(const struct json *header, json_at at, struct bytes part)
{
	uint32_t index;
	if (at != JSON_NONE && json_type(header, at) == JSON_ARRAY)
		return condition_index(part, &index) ? json_element(header, at, index) : JSON_NONE;
	return json_get(header, at, part);
}

static json_at walk(const struct json *header, struct bytes key)
{
	json_at at = 0;
	while (at != JSON_NONE) {
		const char *dot = memchr(key.at, '.', key.len);
		if (!dot)
			return enter(header, at, key);
		size_t len = (size_t)(dot - (const char *)key.at);
		at = enter(header, at, bytes_of(key.at, len));
		key = bytes_of(dot + 1, key.len - len - 1);
	}
	return JSON_NONE;
}

json_at condition_find(const struct json *header, struct bytes key)
{
	json_at at = json_get(header, 0, key);
	if (at == JSON_NONE && memchr(key.at, '.', key.len))
		at = walk(header, key);
	return at != JSON_NONE && json_type(header, at) == JSON_NULL ? JSON_NONE : at;
}

int condition_text(const struct json *header, json_at at, struct buf *to, struct bytes *ret)
{
	switch (json_type(header, at)) {
	case JSON_STRING:
		return json_string(header, at, to, ret);
	case JSON_ARRAY:
	case JSON_OBJECT: {
		size_t from = to->len;
		json_compact(header, at, to);
		if (to->rc)
			return to->rc;
		*ret = bytes_of(to->at + from, to->len - from);
		return 0;
	}
	default:
		*ret = json_raw(header, at);
		return 0;
	}
}
