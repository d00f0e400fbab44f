/* A strict, read-only index over JSON bytes (RFC 8259, UTF-8, no duplicate keys).
 *
 * Nothing is copied: a node is an offset into the text, and the text stays the truth.
 * Nodes lie in document order, so the subtree of node `at` is `at .. node[at].end - 1`.
 * Every document from outside goes through here before anything else looks at it.
 * Why this is ours and no library's: doc/adr/0003.
 *
 * The text is borrowed and must outlive the index. An index is immutable once parsed:
 * any thread may read it. Layer 0: may use core/base. */
#pragma once

#include "core/base/buf.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/** Where a value stands: an index into `node`; the root is 0. In an object each member
 * is a key node (a string) followed by its value node. */
typedef uint32_t json_at;
#define JSON_NONE UINT32_MAX

/** No text nested deeper than this is taken, whatever the limits say: what walks an index
 * may recurse, also on the small stack of an API thread. */
enum { JSON_DEPTH_MAX = 256 };

struct json_node {
	uint32_t off, len;    /**< The value's text, quotes and brackets included. */
	json_at end;          /**< One past the last node of this value's subtree. */
	uint32_t n : 26;      /**< Elements of an array, members of an object. */
	uint32_t type : 4;    /**< enum json_type. */
	uint32_t escaped : 1; /**< A string that holds a backslash escape. */
};

struct json {
	struct bytes text;
	struct json_node *node;
	uint32_t n, cap;
};

struct json_limits {
	size_t bytes_max;   /**< At most 1 GiB, whatever is said here. */
	unsigned depth_max; /**< Nested arrays and objects; at most JSON_DEPTH_MAX. */
};

SL_BEGIN_DECLS

/** Index `text`. `*json` must be zeroed or hold an earlier index, whose memory is then
 * used again. SL_E_INVALID names line and column and what was expected; SL_E_TOO_BIG
 * says which limit; SL_E_NO_MEMORY. On failure the index holds nothing. */
SL_MUST_USE int json_parse(struct json *json, struct bytes text, const struct json_limits *limits,
			   struct sl_error *err);
void json_fini(struct json *json); /**< Frees the nodes; the struct may be used again. */
static inline void json_finip(struct json *json) { json_fini(json); }

static inline enum json_type json_type(const struct json *j, json_at at)
{
	return (enum json_type)j->node[at].type;
}
/** "object", "a string": the type in words, for messages. */
const char *json_type_name(enum json_type type);

/** The value's bytes as they stand in the text. */
static inline struct bytes json_raw(const struct json *j, json_at at)
{
	return bytes_of((const char *)j->text.at + j->node[at].off, j->node[at].len);
}
static inline uint32_t json_count(const struct json *j, json_at at) { return j->node[at].n; }

/* ---- walking ---- */

/** Elements of an array: `for (at = json_first(j, list); at != JSON_NONE; at = json_next(j, list,
 * at))`. In an object the same walk gives the key nodes; the value of key `k` is `k + 1`. */
json_at json_first(const struct json *j, json_at container);
json_at json_next(const struct json *j, json_at container, json_at at);

/** The value of member `key` (compared decoded), or JSON_NONE; also when `object` is
 * JSON_NONE or no object, so that look-ups can be chained. */
json_at json_get(const struct json *j, json_at object, struct bytes key);
json_at json_element(const struct json *j, json_at array, uint32_t index);

/* ---- values ---- */

/** A string's characters: borrowed from the text where nothing is escaped, else decoded
 * into `to` (appended; the result is then borrowed from `to` until its next growth). */
SL_MUST_USE int json_string(const struct json *j, json_at at, struct buf *to, struct bytes *ret);
/** Is this a string with exactly these decoded characters? */
bool json_string_is(const struct json *j, json_at at, struct bytes text);
/** Is this a string that begins with them? */
bool json_string_starts(const struct json *j, json_at at, struct bytes text);
/** 0, or SL_E_INVALID if it is no number, has a fraction or does not fit. 1.0 and 1e2 are whole. */
SL_MUST_USE int json_int64(const struct json *j, json_at at, int64_t *ret);
double json_double(const struct json *j, json_at at);

/** Equal as values: numbers exactly (1 = 1.0 = 10e-1, of any length), strings decoded,
 * arrays in order, objects in any order. */
bool json_equal(const struct json *a, json_at at, const struct json *b, json_at bt);
/** Two number texts by exact value. */
bool json_numbers_equal(struct bytes a, struct bytes b);
/** Append a text of the number that all texts of the same value share. (Exponents beyond
 * 10^12 are kept as they are written.) */
void json_number_canonical(struct bytes text, struct buf *to);

/** Append the value without white space between tokens, members in the order given. */
void json_compact(const struct json *j, json_at at, struct buf *to);

/** Is all of it UTF-8? */
bool json_is_utf8(struct bytes text);
/** Append `text` as a JSON string with quotes (it must be UTF-8; other bytes become U+FFFD). */
void json_quote(struct buf *to, struct bytes text);

/** Append the place of `at` from the root: "plugins[2].jobSelector.expression". Slow; for messages.
 */
void json_place(const struct json *j, json_at at, struct buf *to);
/** As an RFC 6901 pointer: "/plugins/2/jobSelector/expression". */
void json_pointer(const struct json *j, json_at at, struct buf *to);

SL_END_DECLS
