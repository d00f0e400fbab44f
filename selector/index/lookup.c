/* Asking an index about one job. */
#include "core/base/hash.h"
#include "selector/index/indexing.h"
#include "selector/index/parts.h"

#include <stdlib.h>

enum {
	KEPT = 64 * 1024,
	FEW = 4,        /* selectors under a pattern that are looked at without trying it */
	LEAST_US = 250, /* at least so much time has each pattern of any selector */
};

struct query {
	const struct selector_index *index;
	struct selector_scratch *scratch;
	struct indexing *x;
	const struct json *header;
	selector_found found;
	void *user;
	const struct segment *segment;
	int rc;
};

/* ---- the members of the header ---- */

static struct bytes fact_name(const struct indexing *x, const struct fact *f)
{
	return f->off == SIZE_MAX ? f->name : bytes_of(x->names.at + f->off, f->name.len);
}

static int more_facts(struct indexing *x)
{
	size_t cap = x->facts_cap ? x->facts_cap * 2 : 32;
	struct fact *at = reallocarray(x->fact, cap, sizeof(*at));
	if (!at)
		return SL_E_NO_MEMORY;
	x->fact = at;
	x->facts_cap = cap;
	return 0;
}

/* A member's name; *ret_off is where a decoded one stands in `names`, else SIZE_MAX. */
static int read_name(struct query *q, json_at key, struct bytes *ret, size_t *ret_off)
{
	size_t before = q->x->names.len;
	int rc = json_string(q->header, key, &q->x->names, ret);
	*ret_off = q->x->names.len > before ? before : SIZE_MAX;
	return rc;
}

static int add_fact(struct query *q, json_at key)
{
	struct indexing *x = q->x;
	struct bytes name;
	size_t off;
	int rc = read_name(q, key, &name, &off);
	if (rc || !(q->index->name_lengths & segment_name_bit(name.len)))
		return rc;
	if (x->facts == x->facts_cap)
		rc = more_facts(x);
	if (rc)
		return rc;
	x->fact[x->facts++] = (struct fact){
		.name = name,
		.off = off,
		.hash = hash_bytes(name, 0),
		.at = key + 1,
		.dotted = name.len && memchr(name.at, '.', name.len),
	};
	return 0;
}

static int read_facts(struct query *q)
{
	const struct json *h = q->header;
	q->x->facts = 0;
	if (json_type(h, 0) != JSON_OBJECT)
		return 0;
	int rc = 0;
	for (json_at k = json_first(h, 0); !rc && k != JSON_NONE; k = json_next(h, 0, k))
		rc = add_fact(q, k);
	return rc;
}

/* ---- which keys of the segment have a value ---- */

static void hit(struct query *q, uint32_t key, json_at at)
{
	struct indexing *x = q->x;
	const struct segment_key *k = &q->segment->key[key];
	if (k->id == SEGMENT_NONE)
		return;
	struct key_slot *slot = &x->key[k->id];
	if (slot->turn == x->turn) /* the whole name went first */
		return;
	slot->turn = x->turn;
	if (slot->epoch != x->epoch) {
		bool null = json_type(q->header, at) == JSON_NULL;
		slot->epoch = x->epoch;
		slot->at = null ? JSON_NONE : at;
		slot->read = slot->lowered = false;
	}
	if (slot->at != JSON_NONE && (k->exact || k->patterns))
		x->hit[x->hits++] = key;
}

static void enter(struct query *q, uint32_t parent, json_at at);

static void enter_member(struct query *q, uint32_t parent, json_at member)
{
	const struct segment *s = q->segment;
	struct buf *path = &q->x->path;
	struct bytes name;
	size_t off;
	q->rc = read_name(q, member, &name, &off);
	if (q->rc || !(s->name_lengths & segment_name_bit(s->key[parent].name.len + 1 + name.len)))
		return;
	if (name.len && memchr(name.at, '.', name.len))
		return;
	buf_reset(path);
	buf_add_bytes(path, s->key[parent].name);
	buf_add_char(path, '.');
	buf_add_bytes(path, name);
	q->rc = path->rc;
	if (q->rc)
		return;
	uint32_t key = segment_find_key(s, buf_bytes(path), hash_bytes(buf_bytes(path), 0));
	if (key == SEGMENT_NONE)
		return;
	hit(q, key, member + 1);
	enter(q, key, member + 1);
}

static void enter_array(struct query *q, uint32_t parent, json_at array)
{
	const struct segment_key *k = &q->segment->key[parent];
	uint32_t wanted = 0, index = 0;
	for (json_at at = json_first(q->header, array); at != JSON_NONE && wanted < k->elements;
	     at = json_next(q->header, array, at), index++) {
		const struct segment_element *e = &q->segment->element[k->element + wanted];
		if (e->index != index)
			continue;
		wanted++;
		hit(q, e->key, at);
		enter(q, e->key, at);
	}
}

/* The keys below `parent`, whose value is at `at`. No deeper than keys and document are. */
static void enter(struct query *q, uint32_t parent, json_at at)
{
	const struct json *h = q->header;
	if (!q->segment->key[parent].inner)
		return;
	if (json_type(h, at) == JSON_ARRAY)
		enter_array(q, parent, at);
	else if (json_type(h, at) == JSON_OBJECT)
		for (json_at m = json_first(h, at); !q->rc && m != JSON_NONE;
		     m = json_next(h, at, m))
			enter_member(q, parent, m);
}

/* A whole key goes before a path. */
static void find_keys(struct query *q)
{
	struct indexing *x = q->x;
	x->hits = 0;
	for (uint32_t i = 0; i < x->facts; i++) {
		struct fact *f = &x->fact[i];
		f->key = segment_find_key(q->segment, fact_name(x, f), f->hash);
		if (f->key != SEGMENT_NONE)
			hit(q, f->key, f->at);
	}
	for (uint32_t i = 0; !q->rc && i < x->facts; i++)
		if (x->fact[i].key != SEGMENT_NONE && !x->fact[i].dotted)
			enter(q, x->fact[i].key, x->fact[i].at);
}

/* ---- a key's value ---- */

static struct bytes slot_text(struct query *q, struct key_slot *slot)
{
	struct indexing *x = q->x;
	if (!slot->read) {
		size_t before = x->texts.len;
		int rc = condition_text(q->header, slot->at, &x->texts, &slot->text);
		if (rc) {
			q->rc = rc;
			slot->text = BYTES("");
		}
		slot->in_texts = !rc && x->texts.len > before;
		slot->off = before;
		slot->read = true;
	}
	return slot->in_texts ? bytes_of(x->texts.at + slot->off, slot->text.len) : slot->text;
}

static struct bytes slot_lower(struct query *q, struct key_slot *slot, struct bytes text)
{
	struct indexing *x = q->x;
	if (!slot->lowered) {
		slot->lower = x->lowers.len;
		char *to = buf_room(&x->lowers, text.len);
		if (!to) {
			q->rc = SL_E_NO_MEMORY;
			return BYTES("");
		}
		literal_lower(to, text);
		x->lowers.len += text.len;
		slot->lowered = true;
	}
	return bytes_of(x->lowers.at + slot->lower, text.len);
}

/* ---- one condition ---- */

/* Is what is remembered the outcome under these limits, too? */
static bool settles(const struct memo *m, uint64_t epoch, struct regex_limits limits)
{
	if (m->epoch != epoch)
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

static bool is_equal(struct query *q, const struct condition *c, struct bytes text)
{
	struct memo *m = &q->x->memo[c->id];
	if (m->epoch != q->x->epoch) {
		m->epoch = q->x->epoch;
		m->what = bytes_eq(text, c->text) ? REGEX_YES : REGEX_NO;
	}
	return m->what == REGEX_YES;
}

/* ---- one selector ---- */

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

static enum verdict ask(void *user, unsigned condition)
{
	struct evaluation *e = user;
	struct query *q = e->q;
	const struct condition *c = &e->selector->condition[condition];
	struct key_slot *slot = &q->x->key[c->key_id];
	if (slot->epoch != q->x->epoch || slot->at == JSON_NONE)
		return VERDICT_FALSE;
	if (c->kind == CONDITION_REGEX && !e->patterns)
		return VERDICT_UNKNOWN;
	struct bytes text = slot_text(q, slot);
	if (c->kind == CONDITION_EXACT)
		return is_equal(q, c, text) ? VERDICT_TRUE : VERDICT_FALSE;
	if (text.len > q->scratch->limits.regex_value_max)
		return fail(e, c, REGEX_NO, text.len);
	enum regex_result found = search(q, c, text, e->limits);
	if (found == REGEX_YES || found == REGEX_NO)
		return found == REGEX_YES ? VERDICT_TRUE : VERDICT_FALSE;
	return fail(e, c, found, 0);
}

static void tell(struct evaluation *e, enum verdict verdict)
{
	struct sl_error err = {0};
	struct query *q = e->q;
	if (verdict == VERDICT_UNKNOWN && e->len)
		match_fail_long(e->failed, e->len, q->scratch->limits.regex_value_max, &err);
	else if (verdict == VERDICT_UNKNOWN)
		match_fail_search(e->failed, e->why, e->limits.steps, &err);
	q->found(q->user, e->selector->owner, verdict, &err);
}

/* As selector_match(): equality first, patterns only if that leaves the matter open. */
static void look_at(struct query *q, uint32_t i)
{
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
	if (v != VERDICT_FALSE && !q->rc)
		tell(&e, v);
}

/* ---- anchors ---- */

/* Not found with the least steps that any selector has: not found for all of them. */
static bool is_no(struct query *q, const struct condition *c)
{
	struct regex_limits least = {
		.steps = q->scratch->limits.steps_max / SELECTOR_CONDITIONS_MAX,
		.cpu_us = LEAST_US,
	};
	struct bytes text = slot_text(q, &q->x->key[c->key_id]);
	return text.len <= q->scratch->limits.regex_value_max &&
	       search(q, c, text, least) == REGEX_NO;
}

static void touch(struct query *q, uint32_t anchor)
{
	const struct segment_anchor *a = &q->segment->anchor[anchor];
	struct memo *m = &q->x->memo[a->condition->id];
	if (m->turn == q->x->turn)
		return;
	m->turn = q->x->turn;
	if (a->entries > FEW && a->condition->kind == CONDITION_REGEX && is_no(q, a->condition))
		return;
	for (uint32_t i = 0; i < a->entries && !q->rc; i++)
		look_at(q, q->segment->posting[a->entry + i]);
}

static void touch_equal(struct query *q, uint32_t key, struct bytes text)
{
	const struct segment *s = q->segment;
	uint32_t at = (uint32_t)segment_exact_hash(&s->key[key], text) & s->exact_mask;
	for (; s->exact_table[at] != SEGMENT_NONE; at = (at + 1) & s->exact_mask) {
		const struct segment_anchor *a = &s->anchor[s->exact_table[at]];
		if (a->key == key && bytes_eq(a->condition->text, text)) {
			touch(q, s->exact_table[at]);
			return;
		}
	}
}

static void touch_range(struct query *q, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n && !q->rc; i++)
		touch(q, first + i);
}

/* ---- texts that patterns need ---- */

/* The bytes at `at` may be those under which some texts stand. */
static void compare_texts(struct query *q, uint32_t key, struct bytes value, size_t at,
			  uint32_t first)
{
	const struct segment *s = q->segment;
	for (uint32_t i = first; i != SEGMENT_NONE; i = s->literal[i].next) {
		const struct segment_literal *l = &s->literal[i];
		if (l->key != key || l->at > at || value.len - (at - l->at) < l->text.len ||
		    q->x->literal[i] == q->x->turn ||
		    memcmp((const char *)value.at + at - l->at, l->text.at, l->text.len) != 0)
			continue;
		q->x->literal[i] = q->x->turn;
		for (uint32_t k = 0; k < l->anchors; k++)
			touch(q, s->literal_anchor[l->anchor + k]);
	}
}

static void scan(struct query *q, uint32_t key, struct bytes value, int which)
{
	const struct segment *s = q->segment;
	const struct segment_windows *w = &s->window[which];
	const char *text = value.at;
	size_t len = segment_window_len(which);
	if (!w->head || value.len < len)
		return;
	for (size_t at = 0; at + len <= value.len && !q->rc; at++) {
		uint32_t hash = segment_window_hash(&s->key[key], text + at, which);
		uint32_t bit = hash >> (32 - w->bits - 3);
		if (w->filter[bit / 64] >> bit % 64 & 1)
			compare_texts(q, key, value, at, w->head[hash >> (32 - w->bits)]);
	}
}

/* ---- one key ---- */

static void look_up(struct query *q, uint32_t key)
{
	const struct segment_key *k = &q->segment->key[key];
	struct key_slot *slot = &q->x->key[k->id];
	struct bytes text = slot_text(q, slot);
	if (q->rc)
		return;
	if (k->exact && text.len <= k->exact_max)
		touch_equal(q, key, text);
	if (text.len > q->scratch->limits.regex_value_max) {
		/* Every pattern is unknown. */
		touch_range(q, k->pattern, k->patterns);
		return;
	}
	touch_range(q, k->pattern, k->plain);
	if (q->rc || !k->literals)
		return;
	text = slot_text(q, slot); /* other texts may have been read meanwhile */
	struct bytes lower = slot_lower(q, slot, text);
	for (int which = 0; which < WINDOWS && !q->rc; which++)
		scan(q, key, lower, which);
}

static void match_segment(struct query *q)
{
	struct indexing *x = q->x;
	x->turn++;
	find_keys(q);
	for (uint32_t i = 0; i < x->hits && !q->rc; i++)
		look_up(q, x->hit[i]);
	for (uint32_t i = 0; i < q->segment->n_always && !q->rc; i++)
		look_at(q, q->segment->always[i]);
}

/* ---- the whole ---- */

static int make_room(struct indexing *x, const struct selector_index *index)
{
	size_t keys = 0, literals = 0;
	for (uint32_t i = 0; i < index->n; i++) {
		const struct segment *s = index->part[i].segment;
		keys = s->keys > keys ? s->keys : keys;
		literals = s->literals > literals ? s->literals : literals;
	}
	int rc = indexing_room(&x->key, &x->keys, index->top.keys, sizeof(*x->key));
	if (!rc)
		rc = indexing_room(&x->memo, &x->memos, index->top.conditions, sizeof(*x->memo));
	if (!rc)
		rc = indexing_room(&x->seen, &x->selectors, index->top.selectors, sizeof(*x->seen));
	if (!rc)
		rc = indexing_room(&x->literal, &x->literals, literals, sizeof(*x->literal));
	if (!rc)
		rc = indexing_room(&x->hit, &x->hits_cap, keys, sizeof(*x->hit));
	return rc;
}

static void begin(struct buf *b)
{
	buf_reset(b);
	if (b->cap > KEPT)
		buf_fini(b);
}

int selector_index_match(const struct selector_index *index, struct selector_scratch *scratch,
			 const struct json *header, selector_found found, void *user)
{
	int rc = scratch->indexing ? 0 : indexing_create(&scratch->indexing);
	if (!rc)
		rc = make_room(scratch->indexing, index);
	if (rc)
		return rc;
	struct indexing *x = scratch->indexing;
	struct query q = {.index = index,
			  .scratch = scratch,
			  .x = x,
			  .header = header,
			  .found = found,
			  .user = user};
	x->epoch++;
	begin(&x->names);
	begin(&x->texts);
	begin(&x->lowers);
	begin(&x->path);
	q.rc = read_facts(&q);
	for (uint32_t i = 0; i < index->n && !q.rc; i++) {
		q.segment = index->part[i].segment;
		match_segment(&q);
	}
	return q.rc;
}
