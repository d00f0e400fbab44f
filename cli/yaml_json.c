#include "cli/yaml_json.h"

#include <stdlib.h>
#include <yaml.h>

enum { ANCHORS_MAX = 1000, KEYS_FIRST = 64 };

/** An open list or mapping. */
struct level {
	bool mapping, want_key;
	uint32_t members;
	size_t keys_from; /**< Where its keys begin in reader.key. */
	size_t anchor;    /**< Its anchor, or ANCHORS_MAX. */
};

/** A part of the JSON that has a name. */
struct anchor {
	char *name;
	size_t from, to; /**< Bytes; to is 0 while the part is open. */
	size_t nodes_from, nodes_to;
};

struct key {
	size_t at, len; /**< The quoted text in the JSON. */
	unsigned line;
};

struct reader {
	yaml_parser_t parser;
	struct yaml_limits limits;
	struct buf *to;
	struct yaml_lines *lines;
	struct sl_error *err;
	struct level *level;
	unsigned depth;
	size_t nodes;
	struct anchor anchor[ANCHORS_MAX];
	size_t anchors;
	struct key *key;
	size_t keys, keys_cap;
	struct json number; /**< Scratch: is this a JSON number? */
	bool seen;          /**< A document. */
};

static unsigned line_of(const yaml_event_t *event) { return (unsigned)event->start_mark.line + 1; }

static struct level *top(struct reader *r) { return r->depth ? &r->level[r->depth - 1] : NULL; }

/* ---- lines ---- */

static int note_line(struct reader *r, unsigned line)
{
	r->nodes++;
	if (!r->lines)
		return 0;
	struct yaml_lines *lines = r->lines;
	if (lines->n == lines->cap) {
		size_t cap = lines->cap ? lines->cap * 2 : KEYS_FIRST;
		uint32_t *grown = reallocarray(lines->line, cap, sizeof(*grown));
		if (!grown)
			return sl_fail(r->err, SL_E_NO_MEMORY, "out of memory");
		lines->line = grown;
		lines->cap = cap;
	}
	lines->line[lines->n++] = line;
	return 0;
}

void yaml_lines_fini(struct yaml_lines *lines)
{
	free(lines->line);
	*lines = (struct yaml_lines){0};
}

/* ---- keys ---- */

static int compare_keys(const void *a, const void *b, void *text)
{
	const struct key *ka = a, *kb = b;
	const char *at = text;
	return bytes_cmp(bytes_of(at + ka->at, ka->len), bytes_of(at + kb->at, kb->len));
}

/* At the end of a mapping: its keys, sorted, must all differ. */
static int check_keys(struct reader *r, const struct level *level)
{
	size_t n = r->keys - level->keys_from;
	r->keys = level->keys_from;
	if (r->to->rc || n < 2)
		return 0;
	struct key *key = r->key + level->keys_from;
	qsort_r(key, n, sizeof(*key), compare_keys, r->to->at);
	for (size_t i = 1; i < n; i++)
		if (compare_keys(&key[i - 1], &key[i], r->to->at) == 0)
			return sl_fail(
				r->err, SL_E_INVALID, "line %u: the key %.*s stands twice",
				key[i].line > key[i - 1].line ? key[i].line : key[i - 1].line,
				(int)(key[i].len < 200 ? key[i].len : 200), r->to->at + key[i].at);
	return 0;
}

static int add_key(struct reader *r, const yaml_event_t *event)
{
	struct bytes name = bytes_of(event->data.scalar.value, event->data.scalar.length);
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && bytes_is(name, "<<"))
		return sl_fail(r->err, SL_E_INVALID,
			       "line %u: merge keys (<<) are not supported; write the members out",
			       line_of(event));
	if (r->keys == r->keys_cap) {
		size_t cap = r->keys_cap ? r->keys_cap * 2 : KEYS_FIRST;
		struct key *grown = reallocarray(r->key, cap, sizeof(*grown));
		if (!grown)
			return sl_fail(r->err, SL_E_NO_MEMORY, "out of memory");
		r->key = grown;
		r->keys_cap = cap;
	}
	struct level *level = top(r);
	if (level->members++)
		buf_add_char(r->to, ',');
	size_t at = r->to->len;
	json_quote(r->to, name);
	r->key[r->keys++] = (struct key){at, r->to->len - at, line_of(event)};
	buf_add_char(r->to, ':');
	level->want_key = false;
	return note_line(r, line_of(event));
}

/* ---- values ---- */

/* A value is about to be written: what stands between it and the one before? */
static int begin_value(struct reader *r, const yaml_event_t *event)
{
	struct level *level = top(r);
	if (level && level->mapping) {
		if (level->want_key)
			return sl_fail(r->err, SL_E_INVALID, "line %u: a key must be plain text",
				       line_of(event));
		level->want_key = true;
	} else if (level && level->members++) {
		buf_add_char(r->to, ',');
	}
	return 0;
}

static bool one_of(struct bytes text, const char *a, const char *b, const char *c)
{
	return bytes_is(text, a) || bytes_is(text, b) || bytes_is(text, c);
}

/* 1: yes, 0: no, or SL_E_NO_MEMORY. */
static int is_number(struct reader *r, struct bytes text)
{
	static const struct json_limits limits = {.bytes_max = 4096, .depth_max = 1};
	char first = text.len ? *(const char *)text.at : 0;
	if (first != '-' && (first < '0' || first > '9'))
		return 0;
	int rc = json_parse(&r->number, text, &limits, NULL);
	if (rc == SL_E_NO_MEMORY)
		return sl_fail(r->err, SL_E_NO_MEMORY, "out of memory");
	return rc == 0 && json_type(&r->number, 0) == JSON_NUMBER;
}

/* What a plain scalar means, as JSON text; empty bytes for text. */
static int resolve(struct reader *r, struct bytes text, struct bytes *ret)
{
	int number = is_number(r, text);
	if (number < 0)
		return number;
	if (text.len == 0 || bytes_is(text, "~") || one_of(text, "null", "Null", "NULL"))
		*ret = BYTES("null");
	else if (one_of(text, "true", "True", "TRUE"))
		*ret = BYTES("true");
	else if (one_of(text, "false", "False", "FALSE"))
		*ret = BYTES("false");
	else
		*ret = number ? text : bytes_of(NULL, 0);
	return 0;
}

/* Does a tagged scalar hold what its tag says? `meant` is its resolved JSON text. */
static bool tag_fits(const char *tag, struct bytes meant)
{
	char first = meant.len ? *(const char *)meant.at : 0;
	if (strcmp(tag, YAML_NULL_TAG) == 0)
		return first == 'n';
	if (strcmp(tag, YAML_BOOL_TAG) == 0)
		return first == 't' || first == 'f';
	if (strcmp(tag, YAML_INT_TAG) == 0 || strcmp(tag, YAML_FLOAT_TAG) == 0)
		return first == '-' || (first >= '0' && first <= '9');
	return false;
}

static int add_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *tag = (const char *)event->data.scalar.tag;
	struct bytes text = bytes_of(event->data.scalar.value, event->data.scalar.length);
	struct bytes meant = {0};
	int rc = begin_value(r, event);
	if (rc)
		return rc;
	bool is_text = tag && (strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0);
	if (!is_text && (tag || event->data.scalar.plain_implicit))
		rc = resolve(r, text, &meant);
	if (rc)
		return rc;
	if (tag && !is_text && !tag_fits(tag, meant))
		return sl_fail(r->err, SL_E_INVALID,
			       "line %u: the tag %s is unknown or does not fit", line_of(event),
			       tag);
	if (meant.len)
		buf_add_bytes(r->to, meant);
	else
		json_quote(r->to, text);
	return note_line(r, line_of(event));
}

/* ---- anchors ---- */

static int name_part(struct reader *r, const yaml_char_t *name, const yaml_event_t *event,
		     size_t from, size_t *ret)
{
	*ret = ANCHORS_MAX;
	if (!name)
		return 0;
	if (r->anchors == ANCHORS_MAX)
		return sl_fail(r->err, SL_E_TOO_BIG, "line %u: over %d anchors", line_of(event),
			       ANCHORS_MAX);
	struct anchor *a = &r->anchor[r->anchors];
	*a = (struct anchor){
		.name = strdup((const char *)name), .from = from, .nodes_from = r->nodes};
	if (!a->name)
		return sl_fail(r->err, SL_E_NO_MEMORY, "out of memory");
	*ret = r->anchors++;
	return 0;
}

static void close_part(struct reader *r, size_t anchor)
{
	if (anchor == ANCHORS_MAX)
		return;
	r->anchor[anchor].to = r->to->len;
	r->anchor[anchor].nodes_to = r->nodes;
}

/* Where the next value begins, comma included or not yet written. */
static size_t value_at(struct reader *r)
{
	struct level *level = top(r);
	return r->to->len + (level && !level->mapping && level->members ? 1 : 0);
}

static int add_alias(struct reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *a = NULL;
	for (size_t i = r->anchors; i > 0 && !a; i--)
		if (strcmp(r->anchor[i - 1].name, name) == 0)
			a = &r->anchor[i - 1];
	if (!a || !a->to)
		return sl_fail(r->err, SL_E_INVALID, "line %u: *%s %s", line_of(event), name,
			       a ? "stands inside &itself" : "has no anchor before it");
	int rc = begin_value(r, event);
	size_t len = a->to - a->from;
	char *room = rc ? NULL : buf_room(r->to, len);
	if (room) {
		memcpy(room, r->to->at + a->from, len);
		r->to->len += len;
	}
	for (size_t i = a->nodes_from; i < a->nodes_to && !rc && !r->to->rc; i++)
		rc = note_line(r, line_of(event));
	return rc;
}

/* ---- events ---- */

static int open_level(struct reader *r, const yaml_event_t *event, bool mapping)
{
	const yaml_char_t *name =
		mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	const char *tag = (const char *)(mapping ? event->data.mapping_start.tag
						 : event->data.sequence_start.tag);
	if (tag && strcmp(tag, mapping ? YAML_MAP_TAG : YAML_SEQ_TAG) != 0 && strcmp(tag, "!") != 0)
		return sl_fail(r->err, SL_E_INVALID,
			       "line %u: the tag %s is unknown or does not fit", line_of(event),
			       tag);
	if (r->depth >= r->limits.depth_max)
		return sl_fail(r->err, SL_E_TOO_BIG, "line %u: nested deeper than %u levels",
			       line_of(event), r->limits.depth_max);
	size_t anchor = ANCHORS_MAX;
	int rc = name_part(r, name, event, value_at(r), &anchor);
	if (rc || (rc = begin_value(r, event)))
		return rc;
	buf_add_char(r->to, mapping ? '{' : '[');
	r->level[r->depth++] = (struct level){
		.mapping = mapping, .want_key = mapping, .keys_from = r->keys, .anchor = anchor};
	return note_line(r, line_of(event));
}

static int close_level(struct reader *r)
{
	const struct level *level = top(r);
	int rc = level->mapping ? check_keys(r, level) : 0;
	buf_add_char(r->to, level->mapping ? '}' : ']');
	close_part(r, level->anchor);
	r->depth--;
	return rc;
}

static int take_scalar(struct reader *r, const yaml_event_t *event)
{
	struct level *level = top(r);
	bool is_key = level && level->mapping && level->want_key;
	size_t anchor = ANCHORS_MAX;
	if (is_key && event->data.scalar.anchor)
		return sl_fail(r->err, SL_E_INVALID, "line %u: a key cannot have an anchor",
			       line_of(event));
	int rc = name_part(r, event->data.scalar.anchor, event, value_at(r), &anchor);
	if (!rc)
		rc = is_key ? add_key(r, event) : add_scalar(r, event);
	close_part(r, anchor);
	return rc;
}

static int take_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->seen)
			return sl_fail(r->err, SL_E_INVALID,
				       "line %u: a second document begins; only one is taken",
				       line_of(event));
		r->seen = true;
		return 0;
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_ALIAS_EVENT:
		return add_alias(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_level(r, event, false);
	case YAML_MAPPING_START_EVENT:
		return open_level(r, event, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_level(r);
	default:
		return 0;
	}
}

static int parser_failed(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	if (p->error == YAML_MEMORY_ERROR)
		return sl_fail(r->err, SL_E_NO_MEMORY, "out of memory");
	if (p->error == YAML_READER_ERROR)
		return sl_fail(r->err, SL_E_INVALID, "line %zu: %s", p->mark.line + 1, p->problem);
	return sl_fail(r->err, SL_E_INVALID, "line %zu, column %zu: %s%s%s",
		       p->problem_mark.line + 1, p->problem_mark.column + 1,
		       p->problem ? p->problem : "not YAML", p->context ? " " : "",
		       p->context ? p->context : "");
}

static int read_events(struct reader *r)
{
	for (bool end = false; !end;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&r->parser, &event))
			return parser_failed(r);
		end = event.type == YAML_STREAM_END_EVENT;
		int rc = take_event(r, &event);
		yaml_event_delete(&event);
		if (rc)
			return rc;
		if (r->to->rc)
			return sl_fail(r->err, (enum sl_err)r->to->rc, "line %zu: %s",
				       r->parser.mark.line + 1, sl_err_text(r->to->rc));
	}
	if (r->seen)
		return 0;
	buf_add_str(r->to, "null");
	return note_line(r, 1);
}

static struct reader *reader_free(struct reader *r)
{
	if (!r)
		return NULL;
	for (size_t i = 0; i < r->anchors; i++)
		free(r->anchor[i].name);
	json_fini(&r->number);
	yaml_parser_delete(&r->parser);
	free(r->level);
	free(r->key);
	free(r);
	return NULL;
}

SL_DEFINE_SCOPED(struct reader, reader_free)

int yaml_to_json(struct bytes yaml, const struct yaml_limits *limits, struct buf *to,
		 struct yaml_lines *lines, struct sl_error *err)
{
	if (yaml.len > limits->bytes_max)
		return sl_fail(err, SL_E_TOO_BIG, "larger than %zu bytes", limits->bytes_max);
	scoped(reader_freep) struct reader *r = calloc(1, sizeof(*r));
	if (!r)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	r->limits = *limits;
	r->to = to;
	r->lines = lines;
	r->err = err;
	r->level = calloc(limits->depth_max + 1, sizeof(*r->level));
	if (!r->level || !yaml_parser_initialize(&r->parser))
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	yaml_parser_set_input_string(&r->parser, yaml.len ? yaml.at : (const void *)"", yaml.len);
	return read_events(r);
}
