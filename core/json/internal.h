/* What the files of this folder share: the characters of a string node as they are meant
 * (decoded), their comparison, and UTF-8 as RFC 3629 has it. Not for other folders. */
#pragma once

#include "core/json/keys.h"

/** The characters of a string node, without its quotes, still as they are written. */
struct json_text {
	const uint8_t *at, *end;
	bool escaped;
};

SL_BEGIN_DECLS

static inline struct json_text json_text_of(const struct json *j, json_at at)
{
	const struct json_node *node = &j->node[at];
	const uint8_t *from = (const uint8_t *)j->text.at + node->off;
	struct json_text text = {from + 1, from + node->len - 1, node->escaped != 0};
	return text;
}

static inline struct json_text json_text_plain(struct bytes text)
{
	const uint8_t *from = (const uint8_t *)(text.at ? text.at : "");
	struct json_text plain = {from, from + text.len, false};
	return plain;
}

bool json_text_eq_slow(struct json_text a, struct json_text b);

static inline bool json_text_eq(struct json_text a, struct json_text b)
{
	if (a.escaped || b.escaped)
		return json_text_eq_slow(a, b);
	size_t len = (size_t)(a.end - a.at);
	return len == (size_t)(b.end - b.at) && memcmp(a.at, b.at, len) == 0;
}

int json_text_cmp(struct json_text a, struct json_text b);
uint32_t json_text_hash(struct json_text text);

/** Decode the escape at `*at` (a backslash; already checked) and step over it. Returns
 * how many bytes of UTF-8 were written. */
unsigned json_unescape(const uint8_t **at, uint8_t to[4]);

/** The length of the UTF-8 sequence at `at` (before `end`), or 0 if it is none. */
unsigned json_utf8_len(const uint8_t *at, const uint8_t *end);

/** The key node of `object` with these characters, or JSON_NONE; looks at each in turn. */
json_at json_find_key(const struct json *j, json_at object, struct json_text key);

json_at json_keys_find(const struct json_keys *keys, const struct json *j, struct json_text key);

/** The first key of `object` that stands in it before; JSON_NONE if all differ. */
SL_MUST_USE int json_keys_duplicate(const struct json *j, json_at object, json_at *ret);

/** Objects up to this size are searched member by member. */
enum { JSON_FEW_MEMBERS = 16 };

SL_END_DECLS
