#include "core/json/internal.h"

/* Append what stands between two quotes or outside of them, without its white space. */
void json_compact(const struct json *j, json_at at, struct buf *to)
{
	struct bytes raw = json_raw(j, at);
	const char *from = (const char *)raw.at, *end = from + raw.len, *kept = from;
	bool inside = false;
	for (; from < end; from++) {
		if (inside && *from == '\\') {
			from++;
		} else if (*from == '"') {
			inside = !inside;
		} else if (!inside && (uint8_t)*from <= ' ') {
			buf_add(to, kept, (size_t)(from - kept));
			kept = from + 1;
		}
	}
	buf_add(to, kept, (size_t)(end - kept));
}

static void quote_control(struct buf *to, uint8_t c)
{
	static const char meant[] = "\b\f\n\r\t", letters[] = "bfnrt";
	const char *known = c ? strchr(meant, c) : NULL;
	if (known)
		buf_addf(to, "\\%c", letters[known - meant]);
	else
		buf_addf(to, "\\u%04x", c);
}

bool json_is_utf8(struct bytes text)
{
	const uint8_t *at = (const uint8_t *)(text.len ? text.at : ""), *end = at + text.len;
	for (unsigned len = 1; at < end && len; at += len)
		len = *at < 0x80 ? 1 : json_utf8_len(at, end);
	return at == end;
}

void json_quote(struct buf *to, struct bytes text)
{
	const uint8_t *at = (const uint8_t *)(text.len ? text.at : ""), *end = at + text.len,
		      *kept = at;
	buf_add_char(to, '"');
	while (at < end) {
		unsigned len = *at < 0x80 ? 1 : json_utf8_len(at, end);
		if (len && *at >= 0x20 && *at != '"' && *at != '\\') {
			at += len;
			continue;
		}
		buf_add(to, kept, (size_t)(at - kept));
		if (!len) {
			buf_add_str(to, "\xef\xbf\xbd");
		} else if (*at < 0x20) {
			quote_control(to, *at);
		} else {
			buf_add_char(to, '\\');
			buf_add_char(to, (char)*at);
		}
		kept = ++at;
	}
	buf_add(to, kept, (size_t)(at - kept));
	buf_add_char(to, '"');
}

/* ---- places ---- */

/* One step from `*container` down to the child that holds `at`: its key (or JSON_NONE in
 * an array) and its index. */
static json_at step_down(const struct json *j, json_at container, json_at at, json_at *key,
			 uint32_t *index)
{
	bool object = json_type(j, container) == JSON_OBJECT;
	json_at child = container + 1;
	for (*index = 0; child < j->node[container].end; ++*index) {
		*key = object ? child : JSON_NONE;
		child += object;
		if (at < j->node[child].end)
			break;
		child = j->node[child].end;
	}
	return child;
}

static bool is_word(struct json_text key)
{
	for (const uint8_t *at = key.at; at < key.end; at++)
		if (!(*at >= '0' && *at <= '9') && !((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z') &&
		    *at != '_' && *at != '-')
			return false;
	return key.at < key.end;
}

/* Is `at` at or below the value `top`, and not yet reached? */
static bool below(const struct json *j, json_at top, json_at key, json_at at)
{
	return at > top && at < j->node[top].end && at != key;
}

void json_place(const struct json *j, json_at at, struct buf *to)
{
	uint32_t index = 0;
	json_at key = JSON_NONE, here = 0;
	bool first = true;
	while (below(j, here, key, at)) {
		here = step_down(j, here, at, &key, &index);
		if (key == JSON_NONE) {
			buf_addf(to, "[%u]", index);
		} else if (is_word(json_text_of(j, key))) {
			buf_add_str(to, first ? "" : ".");
			buf_add(to, (const char *)j->text.at + j->node[key].off + 1,
				j->node[key].len - 2);
		} else {
			buf_add_char(to, '[');
			buf_add_bytes(to, json_raw(j, key));
			buf_add_char(to, ']');
		}
		first = false;
	}
}

static void add_token(struct buf *to, struct json_text key)
{
	while (key.at < key.end) {
		uint8_t c[4] = {*key.at};
		unsigned len = 1;
		if (*key.at == '\\')
			len = json_unescape(&key.at, c);
		else
			key.at++;
		if (c[0] == '~' || c[0] == '/')
			buf_add_str(to, c[0] == '~' ? "~0" : "~1");
		else
			buf_add(to, c, len);
	}
}

void json_pointer(const struct json *j, json_at at, struct buf *to)
{
	uint32_t index = 0;
	json_at key = JSON_NONE, here = 0;
	while (below(j, here, key, at)) {
		here = step_down(j, here, at, &key, &index);
		if (key == JSON_NONE) {
			buf_addf(to, "/%u", index);
		} else {
			buf_add_char(to, '/');
			add_token(to, json_text_of(j, key));
		}
	}
}
