#include "core/increment/tell.h"

#include <string.h>

enum {
	NAMED_MAX = 8, /* things that are named before the rest is counted */
	LOOKED_AT = 512,
	TEXT_MAX = 120,
	VALUE_MAX = 48,
	HELD_MAX = 1 << 20,
	REFUSAL_MAX = 400,
	REFUSAL_DEPTH = 64,
};

/* Append a value: strings without quotes, the rest as compact JSON; cut at `max` bytes. */
static void add_value(const struct json *j, json_at at, size_t max, struct buf *to)
{
	scoped(buf_finip) struct buf held = {0};
	struct bytes text;
	buf_init(&held, HELD_MAX);
	if (json_type(j, at) != JSON_STRING)
		json_compact(j, at, &held);
	else if (json_string(j, at, &held, &text) == 0 && text.at != (const void *)held.at)
		buf_add_bytes(&held, text);
	struct bytes shown = bytes_cut(buf_bytes(&held), max);
	buf_add_bytes(to, shown);
	if (shown.len < held.len)
		buf_add_str(to, "...");
}

static bool has_text(const struct json *j, json_at at)
{
	return at != JSON_NONE && json_type(j, at) != JSON_NULL &&
	       !json_string_is(j, at, BYTES(""));
}

/* ---- advice ---- */

static void add_factor(const struct json *j, json_at at, struct buf *to)
{
	json_at reason = json_get(j, at, BYTES("reason"));
	add_value(j, json_get(j, at, BYTES("topic")), TEXT_MAX, to);
	buf_add_char(to, ' ');
	add_value(j, json_get(j, at, BYTES("advice")), TEXT_MAX, to);
	if (!has_text(j, reason))
		return;
	buf_add_str(to, " (");
	add_value(j, reason, TEXT_MAX, to);
	buf_add_char(to, ')');
}

void tell_factors(const struct json *answer, struct buf *to)
{
	uint32_t n = 0;
	if (json_type(answer, 0) != JSON_ARRAY) {
		add_factor(answer, 0, to);
		return;
	}
	for (json_at at = json_first(answer, 0); at != JSON_NONE && n < NAMED_MAX;
	     at = json_next(answer, 0, at)) {
		buf_add_str(to, n++ ? ", " : "");
		add_factor(answer, at, to);
	}
	if (json_count(answer, 0) > n)
		buf_addf(to, ", and %u more", json_count(answer, 0) - n);
	if (!json_count(answer, 0))
		buf_add_str(to, "no advice");
}

/* ---- roles ---- */

void tell_roles(const struct json *taskset, struct buf *to)
{
	json_at spec = json_get(taskset, 0, BYTES("spec"));
	json_at roles = json_get(taskset, spec, BYTES("roles"));
	if (roles == JSON_NONE || json_type(taskset, roles) != JSON_ARRAY)
		return;
	uint32_t n = 0, all = json_count(taskset, roles);
	buf_addf(to, "%u role%s", all, all == 1 ? "" : "s");
	for (json_at at = json_first(taskset, roles); at != JSON_NONE && n < NAMED_MAX;
	     at = json_next(taskset, roles, at)) {
		json_at name = json_get(taskset, at, BYTES("name"));
		json_at replicas = json_get(taskset, at, BYTES("replicas"));
		int64_t many;
		buf_add_str(to, n++ ? ", " : ": ");
		if (replicas != JSON_NONE && json_int64(taskset, replicas, &many) == 0 && many != 1)
			buf_addf(to, "%lldx ", (long long)many);
		if (name != JSON_NONE)
			add_value(taskset, name, TEXT_MAX, to);
	}
	if (all > n)
		buf_addf(to, ", and %u more", all - n);
}

/* ---- additions ---- */

/* The name under which a value of the base stands in its object. */
static void add_name_of(const struct json *base, json_at at, struct buf *to)
{
	bool named = at > 0 && json_type(base, at - 1) == JSON_STRING;
	if (named)
		add_value(base, at - 1, TEXT_MAX, to);
	else
		buf_add_str(to, "element");
}

static void add_element_name(const struct json *j, json_at at, struct buf *to)
{
	static const char *const keys[] = {"name", "mountPath", "containerPort", "event", "key"};
	json_at name = json_type(j, at) == JSON_OBJECT ? JSON_NONE : at;
	for (size_t i = 0; i < countof(keys) && name == JSON_NONE; i++)
		name = json_get(j, at, bytes_str(keys[i]));
	if (name == JSON_NONE)
		return;
	buf_add_char(to, ' ');
	add_value(j, name, VALUE_MAX, to);
}

/* A list of named things is told by their names: values in it may be nobody's business. */
static void add_member_value(const struct json *j, json_at at, struct buf *to)
{
	uint32_t n = 0;
	bool named = json_type(j, at) == JSON_ARRAY && json_count(j, at) &&
		     json_get(j, json_first(j, at), BYTES("name")) != JSON_NONE;
	if (!named) {
		buf_add_char(to, ' ');
		add_value(j, at, VALUE_MAX, to);
		return;
	}
	for (json_at e = json_first(j, at); e != JSON_NONE && n < NAMED_MAX;
	     e = json_next(j, at, e)) {
		buf_add_str(to, n++ ? "," : "");
		add_element_name(j, e, to);
	}
	if (json_count(j, at) > n)
		buf_add_str(to, ", ...");
}

static void add_label(const struct increment *i, const struct addition *add, struct buf *to)
{
	switch (add->kind) {
	case ADD_MEMBER:
		add_value(i->answer, add->what, TEXT_MAX, to);
		add_member_value(i->answer, add->what + 1, to);
		break;
	case ADD_VALUE:
		add_name_of(i->base, add->where, to);
		buf_add_char(to, ' ');
		add_value(i->answer, add->what, VALUE_MAX, to);
		break;
	case ADD_ELEMENT:
		add_name_of(i->base, add->where, to);
		add_element_name(i->answer, add->what, to);
		break;
	case ADD_TAIL:
		buf_add_str(to, "more ");
		add_name_of(i->base, add->where, to);
		break;
	case ADD_WORDS:
		buf_add_str(to, "words in front of a command");
		break;
	case ADD_SCRIPT:
		buf_add_str(to, "lines in front of a script");
	}
}

struct labels {
	struct buf text[NAMED_MAX];
	uint32_t times[NAMED_MAX];
	uint32_t n, others;
};

/* The same said of several places is said once, with how often. */
static void count_label(struct labels *l, struct buf *label)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (bytes_eq(buf_bytes(&l->text[i]), buf_bytes(label))) {
			l->times[i]++;
			return;
		}
	if (l->n == NAMED_MAX) {
		l->others++;
		return;
	}
	l->times[l->n] = 1;
	l->text[l->n++] = *label;
	*label = (struct buf){0};
}

void tell_additions(const struct increment *increment, struct buf *to)
{
	struct labels l = {0};
	for (uint32_t i = 0; i < increment->n && i < LOOKED_AT; i++) {
		scoped(buf_finip) struct buf label = {0};
		buf_init(&label, HELD_MAX);
		add_label(increment, &increment->list[i], &label);
		count_label(&l, &label);
	}
	if (increment->n > LOOKED_AT)
		l.others += increment->n - LOOKED_AT;
	buf_add_str(to, l.n ? "adds " : "adds nothing");
	for (uint32_t i = 0; i < l.n; i++) {
		buf_add_str(to, i ? ", " : "");
		if (l.times[i] > 1)
			buf_addf(to, "%ux ", l.times[i]);
		buf_add_bytes(to, buf_bytes(&l.text[i]));
		buf_fini(&l.text[i]);
	}
	if (l.others)
		buf_addf(to, ", and %u more", l.others);
}

/* ---- refusals ---- */

void tell_refusal(struct bytes body, struct buf *to)
{
	static const struct json_limits limits = {HELD_MAX, REFUSAL_DEPTH};
	scoped(json_finip) struct json json = {0};
	if (json_parse(&json, body, &limits, NULL))
		return;
	json_at why = json_get(&json, 0, BYTES("error"));
	if (why == JSON_NONE)
		why = json_get(&json, 0, BYTES("reason"));
	if (has_text(&json, why) && json_type(&json, why) == JSON_STRING)
		add_value(&json, why, REFUSAL_MAX, to);
}
