#include "selector/index/indexing.h"

#include <stdlib.h>

enum {
	VALUE_MAX = 1 << 30, /* what an indexed document can hold at all */
	VALUE_KEPT = 64 * 1024,
	CPU_US = 2000, /* for all patterns of one evaluation; each has its share */
	CPU_US_LEAST = 250,
};

/* One evaluation. A condition that is mentioned twice is asked once. */
struct evaluation {
	const struct selector *selector;
	struct selector_scratch *scratch;
	const struct json *header;
	struct sl_error *err;
	bool patterns; /* false: patterns are not tried yet and count as unknown */
	bool failed;   /* `err` already names the first unknown condition */
	uint64_t known;
	uint8_t verdict[SELECTOR_CONDITIONS_MAX];
};

int selector_scratch_create(const struct selector_limits *limits, struct selector_scratch **ret)
{
	scoped(selector_scratch_freep) struct selector_scratch *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->limits = *limits;
	if (s->limits.regex_value_max > SELECTOR_REGEX_VALUE_CEILING)
		s->limits.regex_value_max = SELECTOR_REGEX_VALUE_CEILING;
	buf_init(&s->value, VALUE_MAX);
	int rc = regex_scratch_create(&s->regex);
	if (rc)
		return rc;
	*ret = take_ptr(&s);
	return 0;
}

struct selector_scratch *selector_scratch_free(struct selector_scratch *scratch)
{
	if (scratch) {
		regex_scratch_free(scratch->regex);
		indexing_free(scratch->indexing);
		buf_fini(&scratch->value);
		free(scratch);
	}
	return NULL;
}

/* ---- one condition ---- */

enum verdict match_fail_search(const struct condition *c, enum regex_result why, uint32_t steps,
			       struct sl_error *err)
{
	if (why == REGEX_STEPS)
		sl_fail(err, SL_E_LIMIT, "condition \"%.*s\": the pattern needs more than %u steps",
			BYTES_FMT(c->name), steps);
	else if (why == REGEX_TIME)
		sl_fail(err, SL_E_LIMIT, "condition \"%.*s\": the pattern takes too long",
			BYTES_FMT(c->name));
	else
		sl_fail(err, SL_E_LIMIT, "condition \"%.*s\": the pattern needs too much memory",
			BYTES_FMT(c->name));
	return VERDICT_UNKNOWN;
}

enum verdict match_fail_long(const struct condition *c, size_t len, size_t max,
			     struct sl_error *err)
{
	sl_fail(err, SL_E_LIMIT,
		"condition \"%.*s\": the value has %zu bytes, patterns are tried on at most %zu",
		BYTES_FMT(c->name), len, max);
	return VERDICT_UNKNOWN;
}

enum verdict match_fail_memory(const struct condition *c, struct sl_error *err)
{
	sl_fail(err, SL_E_NO_MEMORY, "condition \"%.*s\": out of memory", BYTES_FMT(c->name));
	return VERDICT_UNKNOWN;
}

/* Steps and time are shared out evenly beforehand: a condition's verdict must not depend
 * on which others were tried before it. */
struct regex_limits match_share(const struct selector *s, const struct selector_limits *limits)
{
	unsigned shares = s->regexes ? s->regexes : 1;
	uint32_t cpu = CPU_US / shares;
	return (struct regex_limits){
		.steps = limits->steps_max / shares,
		.cpu_us = cpu > CPU_US_LEAST ? cpu : CPU_US_LEAST,
	};
}

static enum verdict search(const struct selector *s, const struct condition *c,
			   struct selector_scratch *scratch, struct bytes value,
			   struct sl_error *err)
{
	if (value.len > scratch->limits.regex_value_max)
		return match_fail_long(c, value.len, scratch->limits.regex_value_max, err);
	struct regex_limits limits = match_share(s, &scratch->limits);
	enum regex_result found = regex_search(c->regex, scratch->regex, value, limits);
	if (found == REGEX_YES || found == REGEX_NO)
		return found == REGEX_YES ? VERDICT_TRUE : VERDICT_FALSE;
	return match_fail_search(c, found, limits.steps, err);
}

static enum verdict compare(const struct selector *s, const struct condition *c,
			    struct selector_scratch *scratch, struct bytes value,
			    struct sl_error *err)
{
	if (c->kind == CONDITION_REGEX)
		return search(s, c, scratch, value, err);
	return bytes_eq(value, c->text) ? VERDICT_TRUE : VERDICT_FALSE;
}

static enum verdict match_value(const struct selector *s, const struct condition *c,
				struct selector_scratch *scratch, const struct json *header,
				json_at at, struct sl_error *err)
{
	/* A string that is only compared need not be decoded first. */
	if (c->kind == CONDITION_EXACT && json_type(header, at) == JSON_STRING)
		return json_string_is(header, at, c->text) ? VERDICT_TRUE : VERDICT_FALSE;
	struct bytes value;
	enum verdict v = VERDICT_UNKNOWN;
	if (condition_text(header, at, &scratch->value, &value) == 0)
		v = compare(s, c, scratch, value, err);
	else
		match_fail_memory(c, err);
	buf_reset(&scratch->value);
	if (scratch->value.cap > VALUE_KEPT)
		buf_fini(&scratch->value);
	return v;
}

/* ---- the whole ---- */

static enum verdict ask(void *user, unsigned condition)
{
	struct evaluation *e = user;
	const struct condition *c = &e->selector->condition[condition];
	uint64_t bit = UINT64_C(1) << condition;
	if (e->known & bit)
		return (enum verdict)e->verdict[condition];
	json_at at = condition_find(e->header, c->key);
	enum verdict v = VERDICT_FALSE;
	if (at != JSON_NONE) {
		if (c->kind == CONDITION_REGEX && !e->patterns)
			return VERDICT_UNKNOWN;
		v = match_value(e->selector, c, e->scratch, e->header, at,
				e->failed ? NULL : e->err);
	}
	if (v == VERDICT_UNKNOWN)
		e->failed = true;
	e->known |= bit;
	e->verdict[condition] = (uint8_t)v;
	return v;
}

/* What is true or false while some parts are unknown stays so whatever they turn out to
 * be. So equality goes first, and patterns are tried only if it leaves the matter open. */
enum verdict selector_match(const struct selector *s, struct selector_scratch *scratch,
			    const struct json *header, struct sl_error *err)
{
	struct sl_error why = {0};
	struct evaluation e = {.selector = s, .scratch = scratch, .header = header, .err = &why};
	enum verdict v = program_evaluate(&s->program, ask, &e);
	if (v == VERDICT_UNKNOWN) {
		e.patterns = true;
		v = program_evaluate(&s->program, ask, &e);
	}
	if (v == VERDICT_UNKNOWN && err)
		*err = why;
	return v;
}

/* ---- a job that is made for another ---- */

struct meeting {
	const struct selector *selector, *other;
	struct selector_scratch *scratch;
};

static enum verdict ask_other(void *user, unsigned condition)
{
	struct meeting *m = user;
	const struct condition *c = &m->selector->condition[condition];
	for (unsigned i = 0; i < m->other->n; i++) {
		const struct condition *o = &m->other->condition[i];
		if (o->used && bytes_eq(o->key, c->key))
			return compare(m->selector, c, m->scratch, o->expect, NULL);
	}
	return VERDICT_FALSE;
}

bool selector_meets(const struct selector *s, const struct selector *other,
		    struct selector_scratch *scratch)
{
	struct meeting m = {s, other, scratch};
	return program_evaluate(&s->program, ask_other, &m) == VERDICT_TRUE;
}

enum verdict selector_condition_match(const struct selector *s, size_t i,
				      struct selector_scratch *scratch, const struct json *header,
				      struct buf *value, bool *present, struct sl_error *err)
{
	const struct condition *c = &s->condition[i];
	json_at at = condition_find(header, c->key);
	*present = at != JSON_NONE;
	if (at == JSON_NONE)
		return VERDICT_FALSE;
	struct bytes text;
	if (condition_text(header, at, &scratch->value, &text) == 0)
		buf_add_bytes(value, text);
	buf_reset(&scratch->value);
	return match_value(s, c, scratch, header, at, err);
}

size_t selector_condition_count(const struct selector *s) { return s->n; }

struct condition_view selector_condition(const struct selector *s, size_t i)
{
	const struct condition *c = &s->condition[i];
	return (struct condition_view){c->name, c->key, c->expect, c->used};
}

/* "a.b.c" looks at the key "a.b.c" and, as a path, into "a". */
static bool looks_at(struct bytes condition_key, struct bytes key)
{
	if (bytes_eq(condition_key, key))
		return true;
	const char *dot = memchr(condition_key.at, '.', condition_key.len);
	return dot &&
	       bytes_eq(bytes_of(condition_key.at, (size_t)(dot - (const char *)condition_key.at)),
			key);
}

bool selector_uses_key(const struct selector *s, struct bytes key)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->condition[i].used && looks_at(s->condition[i].key, key))
			return true;
	return false;
}
