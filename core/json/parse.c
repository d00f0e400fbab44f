/* The parser: one pass, no recursion, no state but this struct. While a container is
 * open its node's `end` holds the container around it, so that depth costs no memory. */
#include "core/json/internal.h"

#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BYTES_MAX ((size_t)1 << 30)
#define COUNT_MAX (((uint32_t)1 << 26) - 1)

struct parser {
	const uint8_t *at, *end, *start;
	struct json_node *node;
	uint32_t n, cap;
	json_at open; /* The innermost open container. */
	unsigned depth, depth_max;
	int rc;
	struct sl_error *err;
};

/* What may come next. */
enum state { FIRST, AFTER, END, FAILED };

static void place(const struct parser *p, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (const uint8_t *at = p->start; at < p->at; at++) {
		if (*at == '\n') {
			++*line;
			*column = 1;
		} else if ((*at & 0xc0) != 0x80) {
			++*column;
		}
	}
}

static const char *found(const struct parser *p, char to[32])
{
	if (p->at >= p->end)
		return "the end of the text";
	if (p->at == p->start && p->end - p->at >= 3 && memcmp(p->at, "\xef\xbb\xbf", 3) == 0)
		return "a byte order mark";
	if (*p->at > 0x20 && *p->at < 0x7f)
		snprintf(to, 32, "'%c'", *p->at);
	else if (*p->at < 0x80)
		snprintf(to, 32, "character U+%04X", *p->at);
	else
		snprintf(to, 32, "byte 0x%02X", *p->at);
	return to;
}

/* Tell what was expected at `at`. */
static bool refuse(struct parser *p, const uint8_t *at, const char *expected)
{
	size_t line, column;
	char seen[32];
	p->at = at;
	p->rc = SL_E_INVALID;
	if (p->err) {
		place(p, &line, &column);
		sl_fail(p->err, SL_E_INVALID, "line %zu, column %zu: expected %s, found %s", line,
			column, expected, found(p, seen));
	}
	return false;
}

static bool too_big(struct parser *p, const char *what, size_t limit)
{
	size_t line, column;
	place(p, &line, &column);
	p->rc = sl_fail(p->err, SL_E_TOO_BIG, "line %zu, column %zu: more than %zu %s", line,
			column, limit, what);
	return false;
}

static bool no_memory(struct parser *p)
{
	p->rc = sl_fail(p->err, SL_E_NO_MEMORY, "out of memory while reading JSON");
	return false;
}

static bool refuse_duplicate(struct parser *p, json_at key)
{
	size_t line, column;
	const struct json_node *node = &p->node[key];
	p->at = p->start + node->off;
	place(p, &line, &column);
	uint32_t len = node->len - 2;
	bool cut = len > 64;
	for (len = cut ? 64 : len; cut && len && (p->at[1 + len] & 0xc0) == 0x80;)
		len--;
	p->rc = sl_fail(p->err, SL_E_INVALID,
			"line %zu, column %zu: expected a new key, found \"%.*s%s\" again", line,
			column, (int)len, (const char *)p->at + 1, cut ? "..." : "");
	return false;
}

/* ---- nodes ---- */

static bool grow(struct parser *p)
{
	uint32_t cap = p->cap ? p->cap * 2 : (uint32_t)((size_t)(p->end - p->start) / 16 + 16);
	struct json_node *node = realloc(p->node, (size_t)cap * sizeof(*node));
	if (!node)
		return no_memory(p);
	p->node = node;
	p->cap = cap;
	return true;
}

static inline bool add(struct parser *p, enum json_type type, const uint8_t *from, bool escaped)
{
	if (p->n == p->cap && !grow(p))
		return false;
	json_at at = p->n++;
	p->node[at] = (struct json_node){
		.off = (uint32_t)(from - p->start),
		.len = (uint32_t)(p->at - from),
		.end = at + 1,
		.type = type,
		.escaped = escaped,
	};
	return true;
}

/* ---- tokens: each starts at p->at and, if it is one, moves it behind ---- */

static inline bool is_digit(uint8_t c) { return (unsigned)(c - '0') < 10; }

static const uint8_t *digits(struct parser *p, const uint8_t *at)
{
	if (at == p->end || !is_digit(*at)) {
		refuse(p, at, "a digit");
		return NULL;
	}
	while (at < p->end && is_digit(*at))
		at++;
	return at;
}

static bool number(struct parser *p)
{
	const uint8_t *from = p->at, *at = from;
	if (*at == '-')
		at++;
	if (at < p->end && *at == '0')
		at++;
	else if (!(at = digits(p, at)))
		return false;
	if (at < p->end && *at == '.' && !(at = digits(p, at + 1)))
		return false;
	if (at < p->end && (*at | 0x20) == 'e') {
		at++;
		if (at < p->end && (*at == '+' || *at == '-'))
			at++;
		if (!(at = digits(p, at)))
			return false;
	}
	p->at = at;
	return add(p, JSON_NUMBER, from, false);
}

static bool is_hex(uint8_t c) { return is_digit(c) || (unsigned)((c | 0x20) - 'a') < 6; }

/* "\uXXXX" at `at`: its value, or -1. */
static int unit(struct parser *p, const uint8_t *at)
{
	int value = 0;
	for (const uint8_t *digit = at + 2; digit < at + 6; digit++) {
		if (digit >= p->end || !is_hex(*digit)) {
			refuse(p, digit < p->end ? digit : p->end, "four hexadecimal digits");
			return -1;
		}
		value = value * 16 + (is_digit(*digit) ? *digit - '0' : (*digit | 0x20) - 'a' + 10);
	}
	return value;
}

/* Step over the escape at `at`; NULL if it is none. */
static const uint8_t *escape(struct parser *p, const uint8_t *at)
{
	static const char pair[] = "a surrogate pair: \\uD800-\\uDBFF and \\uDC00-\\uDFFF";
	if (at + 1 < p->end && at[1] == 'u') {
		int high = unit(p, at);
		if (high < 0)
			return NULL;
		if (high < 0xd800 || high > 0xdfff)
			return at + 6;
		bool paired = high < 0xdc00 && p->end - at >= 8 && at[6] == '\\' && at[7] == 'u';
		int low = paired ? unit(p, at + 6) : 0;
		if (low >= 0xdc00 && low <= 0xdfff)
			return at + 12;
		if (low >= 0)
			refuse(p, at, pair);
		return NULL;
	}
	if (at + 1 < p->end && at[1] && strchr("\"\\/bfnrt", at[1]))
		return at + 2;
	refuse(p, at + 1, "one of \"\\/bfnrtu behind the backslash");
	return NULL;
}

/* Skip plain characters, eight or sixteen at a time. */
static inline const uint8_t *plain(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');
	for (; end - at >= 16; at += 16) {
		__m128i chars = _mm_loadu_si128((const __m128i *)(const void *)at);
		/* Signed: what is not ASCII is less than a space, too. */
		__m128i hit = _mm_or_si128(
			_mm_cmplt_epi8(chars, space),
			_mm_or_si128(_mm_cmpeq_epi8(chars, quote), _mm_cmpeq_epi8(chars, slash)));
		int mask = _mm_movemask_epi8(hit);
		if (mask)
			return at + __builtin_ctz((unsigned)mask);
	}
#endif
	while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return at;
}

static bool string(struct parser *p)
{
	const uint8_t *from = p->at, *at = from + 1;
	bool escaped = false;
	for (;;) {
		at = plain(at, p->end);
		if (at == p->end)
			return refuse(p, at, "'\"' at the end of the string");
		if (*at == '"')
			break;
		if (*at == '\\') {
			escaped = true;
			if (!(at = escape(p, at)))
				return false;
		} else if (*at < 0x20) {
			return refuse(p, at, "an escape for the control character");
		} else {
			unsigned len = json_utf8_len(at, p->end);
			if (!len)
				return refuse(p, at, "valid UTF-8");
			at += len;
		}
	}
	p->at = at + 1;
	return add(p, JSON_STRING, from, escaped);
}

static bool literal(struct parser *p, const char *word, size_t len, enum json_type type)
{
	const uint8_t *from = p->at;
	if ((size_t)(p->end - from) < len || memcmp(from, word, len) != 0)
		return refuse(p, from, "a value");
	p->at = from + len;
	return add(p, type, from, false);
}

/* ---- structure ---- */

static inline void skip_space(struct parser *p)
{
	const uint8_t *at = p->at, *end = p->end;
	while (at < end && *at <= 0x20 && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	p->at = at;
}

static enum state open_container(struct parser *p, enum json_type type)
{
	if (p->depth == p->depth_max) {
		too_big(p, "arrays and objects in each other", p->depth_max);
		return FAILED;
	}
	if (!add(p, type, p->at, false))
		return FAILED;
	json_at at = p->n - 1;
	p->node[at].end = p->open;
	p->open = at;
	p->depth++;
	p->at++;
	return FIRST;
}

static enum state close_container(struct parser *p)
{
	json_at at = p->open, twice = JSON_NONE;
	struct json_node *node = &p->node[at];
	p->at++;
	p->open = node->end;
	p->depth--;
	node->end = p->n;
	node->len = (uint32_t)(p->at - p->start) - node->off;
	if (node->type == JSON_OBJECT && node->n > 1) {
		struct json seen = {.text = bytes_of(p->start, (size_t)(p->end - p->start)),
				    .node = p->node,
				    .n = p->n};
		if (json_keys_duplicate(&seen, at, &twice)) {
			no_memory(p);
			return FAILED;
		}
		if (twice != JSON_NONE) {
			refuse_duplicate(p, twice);
			return FAILED;
		}
	}
	return p->open == JSON_NONE ? END : AFTER;
}

/* One more element or member of the open container. */
static inline bool count(struct parser *p)
{
	if (p->open == JSON_NONE)
		return true;
	if (p->node[p->open].n == COUNT_MAX)
		return too_big(p, "elements", COUNT_MAX);
	p->node[p->open].n++;
	return true;
}

static enum state value(struct parser *p, const char *expected)
{
	bool ok;
	switch (p->at < p->end ? *p->at : 0) {
	case '{':
		return open_container(p, JSON_OBJECT);
	case '[':
		return open_container(p, JSON_ARRAY);
	case '"':
		ok = string(p);
		break;
	case 't':
		ok = literal(p, "true", 4, JSON_TRUE);
		break;
	case 'f':
		ok = literal(p, "false", 5, JSON_FALSE);
		break;
	case 'n':
		ok = literal(p, "null", 4, JSON_NULL);
		break;
	default:
		if (p->at < p->end && (*p->at == '-' || is_digit(*p->at)))
			ok = number(p);
		else
			ok = refuse(p, p->at, expected);
	}
	return !ok ? FAILED : p->open == JSON_NONE ? END : AFTER;
}

static inline enum state key(struct parser *p, const char *expected)
{
	if (p->at == p->end || *p->at != '"') {
		refuse(p, p->at, expected);
		return FAILED;
	}
	if (!count(p) || !string(p))
		return FAILED;
	skip_space(p);
	if (p->at == p->end || *p->at != ':') {
		refuse(p, p->at, "':' behind the key");
		return FAILED;
	}
	p->at++;
	skip_space(p);
	return value(p, "a value");
}

/* Behind the bracket that opened a container. */
static enum state first(struct parser *p)
{
	bool object = p->node[p->open].type == JSON_OBJECT;
	if (p->at < p->end && *p->at == (object ? '}' : ']'))
		return close_container(p);
	if (object)
		return key(p, "a key or '}'");
	return count(p) ? value(p, "a value or ']'") : FAILED;
}

/* Behind an element or member. */
static enum state after(struct parser *p)
{
	bool object = p->node[p->open].type == JSON_OBJECT;
	uint8_t c = p->at < p->end ? *p->at : 0;
	if (c == ',') {
		p->at++;
		skip_space(p);
		if (object)
			return key(p, "a key");
		return count(p) ? value(p, "a value") : FAILED;
	}
	if (c == (object ? '}' : ']'))
		return close_container(p);
	refuse(p, p->at, object ? "',' or '}'" : "',' or ']'");
	return FAILED;
}

static bool document(struct parser *p)
{
	skip_space(p);
	enum state state = value(p, "a value");
	while (state < END) {
		skip_space(p);
		state = state == FIRST ? first(p) : after(p);
	}
	if (state == FAILED)
		return false;
	skip_space(p);
	return p->at == p->end || refuse(p, p->at, "nothing more behind the value");
}

int json_parse(struct json *json, struct bytes text, const struct json_limits *limits,
	       struct sl_error *err)
{
	size_t bytes_max = limits->bytes_max < BYTES_MAX ? limits->bytes_max : BYTES_MAX;
	unsigned deepest = JSON_DEPTH_MAX;
	const uint8_t *start = (const uint8_t *)(text.at ? text.at : "");
	struct parser p = {
		.start = start,
		.at = start,
		.end = start + text.len,
		.node = json->node,
		.cap = json->cap,
		.open = JSON_NONE,
		.depth_max = limits->depth_max < deepest ? limits->depth_max : deepest,
		.err = err,
	};
	*json = (struct json){0};
	if (text.len > bytes_max)
		p.rc = sl_fail(err, SL_E_TOO_BIG, "%zu bytes, and %zu are allowed", text.len,
			       bytes_max);
	if (p.rc || !document(&p)) {
		free(p.node);
		return p.rc;
	}
	*json = (struct json){bytes_of(start, text.len), p.node, p.n, p.cap};
	return 0;
}

void json_fini(struct json *json)
{
	free(json->node);
	*json = (struct json){0};
}
