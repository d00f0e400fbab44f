/* What one selector says about the job: each pattern is tried once for all that share it. */
#include "selector/index/query.h"
#include "selector/same.h"

enum {
	LEAST_US = 250,            /* at least so much time has each pattern of any selector */
	NOT_TRIED = REGEX_YES + 1, /* of a memo: the texts are there, so it must be tried */
};

struct evaluation {
	struct query *q;
	const struct selector *selector;
	struct regex_limits limits;
	bool patterns; /* false: patterns are not tried yet and count as unknown */
	/* the first that is unknown */
	const struct condition *failed;
	enum regex_result why;
	size_t len; /* of a value that is too long, else 0 */
};

/* ---- one pattern ---- */

/* Is what is remembered the outcome under these limits, too? */
static bool settles(const struct memo *m, uint64_t epoch, struct regex_limits limits)
{
	if (m->epoch != epoch || m->what == NOT_TRIED)
		return false;
	if (m->what == REGEX_YES || m->what == REGEX_NO)
		return true;
	return m->steps_max >= limits.steps &&
	       (m->what == REGEX_STEPS || m->cpu_us >= limits.cpu_us);
}

/* A search is made once; again only if it was stopped by a limit smaller than this one. */
static enum regex_result search(struct query *q, const struct condition *c, struct bytes text,
				struct regex_limits limits)
{
	struct memo *m = &q->x->memo[c->id];
	if (!settles(m, q->x->epoch, limits)) {
		m->what = (uint8_t)regex_search(c->regex, q->scratch->regex, text, limits);
		m->epoch = q->x->epoch;
		m->steps = regex_steps(q->scratch->regex);
		m->steps_max = limits.steps;
		m->cpu_us = limits.cpu_us;
	}
	bool over = m->steps > limits.steps;
	return over ? REGEX_STEPS : (enum regex_result)m->what;
}

/* Known not to be found, without a search? */
static bool ruled_out(struct query *q, const struct condition *c, struct bytes text)
{
	struct memo *m = &q->x->memo[c->id];
	if (m->epoch != q->x->epoch) {
		m->epoch = q->x->epoch;
		m->steps = 0;
		m->what = regex_rules_out(c->regex, text) ? REGEX_NO : NOT_TRIED;
	}
	return m->what == REGEX_NO && m->steps == 0;
}

/* Not found with the least steps that any selector has: not found for all of them. */
bool judge_is_no(struct query *q, const struct condition *c)
{
	struct regex_limits least = {
		.steps = q->scratch->limits.steps_max / SELECTOR_CONDITIONS_MAX,
		.cpu_us = LEAST_US,
	};
	struct bytes text = slot_text(q, &q->x->key[c->key_id]);
	return text.len <= q->scratch->limits.regex_value_max &&
	       search(q, c, text, least) == REGEX_NO;
}

/* ---- one condition ---- */

static enum verdict fail(struct evaluation *e, const struct condition *c, enum regex_result why,
			 size_t len)
{
	if (!e->failed) {
		e->failed = c;
		e->why = why;
		e->len = len;
	}
	return VERDICT_UNKNOWN;
}

static enum verdict ask_pattern(struct evaluation *e, const struct condition *c, struct bytes text)
{
	struct query *q = e->q;
	bool is_long = text.len > q->scratch->limits.regex_value_max;
	if (!e->patterns)
		return !is_long && ruled_out(q, c, text) ? VERDICT_FALSE : VERDICT_UNKNOWN;
	if (is_long)
		return fail(e, c, REGEX_NO, text.len);
	enum regex_result found = search(q, c, text, e->limits);
	if (found == REGEX_YES || found == REGEX_NO)
		return found == REGEX_YES ? VERDICT_TRUE : VERDICT_FALSE;
	return fail(e, c, found, 0);
}

static enum verdict ask(void *user, unsigned condition)
{
	struct evaluation *e = user;
	struct query *q = e->q;
	const struct condition *c = &e->selector->condition[condition];
	struct key_slot *slot = &q->x->key[c->key_id];
	if (slot->epoch != q->x->epoch || slot->at == JSON_NONE)
		return VERDICT_FALSE;
	struct bytes text = slot_text(q, slot);
	if (c->kind == CONDITION_REGEX)
		return ask_pattern(e, c, text);
	return same_text(text, c->text) ? VERDICT_TRUE : VERDICT_FALSE;
}

/* ---- one selector ---- */

static void tell_unknown(struct evaluation *e)
{
	struct sl_error err = {0};
	struct query *q = e->q;
	if (e->len)
		match_fail_long(e->failed, e->len, q->scratch->limits.regex_value_max, &err);
	else
		match_fail_search(e->failed, e->why, e->limits.steps, &err);
	q->found(q->user, e->selector->owner, VERDICT_UNKNOWN, &err);
}

/* As selector_match(): equality first, patterns only if that leaves the matter open. */
void judge_selector(struct query *q, uint32_t i)
{
	static const struct sl_error none = {0};
	uint32_t number = q->segment->number[i];
	if (q->x->seen[number] == q->x->epoch || !index_lives(q->index, number))
		return;
	q->x->seen[number] = q->x->epoch;
	const struct selector *s = q->segment->selector[i];
	struct evaluation e = {.q = q, .selector = s};
	enum verdict v = program_evaluate(&s->program, ask, &e);
	if (v == VERDICT_UNKNOWN) {
		e.patterns = true;
		e.limits = match_share(s, &q->scratch->limits);
		v = program_evaluate(&s->program, ask, &e);
	}
	if (v == VERDICT_FALSE || q->rc)
		return;
	if (v == VERDICT_UNKNOWN)
		tell_unknown(&e);
	else
		q->found(q->user, s->owner, v, &none);
}
