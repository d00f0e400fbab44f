/* Asking an index about one job: which selectors stand under the values of its header. */
#include "selector/index/query.h"
#include "selector/pattern/lower.h"

enum {
	KEPT = 64 * 1024,
	FEW = 4, /* selectors under a pattern that are looked at without trying it */
};

/* ---- anchors ---- */

static void touch(struct query *q, uint32_t anchor)
{
	const struct segment_anchor *a = &q->segment->anchor[anchor];
	struct memo *m = &q->x->memo[a->condition->id];
	if (m->turn == q->x->turn)
		return;
	m->turn = q->x->turn;
	if (a->entries > FEW && a->condition->kind == CONDITION_REGEX &&
	    judge_is_no(q, a->condition))
		return;
	for (uint32_t i = 0; i < a->entries && !q->rc; i++)
		judge_selector(q, q->segment->posting[a->entry + i]);
}

static uint64_t exact_hash(struct key_slot *slot, const struct segment_key *key, struct bytes text)
{
	if (!slot->hashed) {
		slot->hash = segment_exact_hash(key, text);
		slot->hashed = true;
	}
	return slot->hash;
}

static void touch_equal(struct query *q, uint32_t key, struct key_slot *slot, struct bytes text)
{
	const struct segment *s = q->segment;
	uint64_t hash = exact_hash(slot, &s->key[key], text);
	uint32_t at = (uint32_t)hash & s->exact_mask, tag = (uint32_t)(hash >> 32);
	for (; s->exact_table[at].anchor != SEGMENT_NONE; at = (at + 1) & s->exact_mask) {
		if (s->exact_table[at].tag != tag)
			continue;
		const struct segment_anchor *a = &s->anchor[s->exact_table[at].anchor];
		if (a->key == key && same_text(a->condition->text, text)) {
			touch(q, s->exact_table[at].anchor);
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

static inline void scan(struct query *q, uint32_t key, struct bytes value, int which)
{
	const struct segment_key *k = &q->segment->key[key];
	const struct segment_windows *w = &q->segment->window[which];
	const uint64_t *filter = w->filter;
	const char *text = value.at;
	size_t len = segment_window_len(which);
	unsigned shift = 32 - w->bits;
	for (size_t at = 0; at + len <= value.len; at++) {
		uint32_t hash = segment_window_hash(k->hash, text + at, which);
		uint32_t bit = hash >> (shift - 3);
		if (filter[bit / 64] >> bit % 64 & 1)
			compare_texts(q, key, value, at, w->head[hash >> shift]);
	}
}

/* The value in small letters; most are. */
static struct bytes slot_lower(struct query *q, struct key_slot *slot, struct bytes text)
{
	struct buf *to = &q->x->lowers;
	if (!slot->lowered) {
		slot->lowered = true;
		slot->capitals = lower_has_capitals(text);
		slot->lower = to->len;
		char *room = slot->capitals ? buf_room(to, text.len) : NULL;
		if (room) {
			lower_text(room, text);
			to->len += text.len;
		} else if (slot->capitals) {
			q->rc = SL_E_NO_MEMORY;
			slot->capitals = false;
		}
	}
	return slot->capitals ? bytes_of(to->at + slot->lower, text.len) : text;
}

static void touch_texts(struct query *q, uint32_t key, struct key_slot *slot, struct bytes text)
{
	unsigned windows = q->segment->key[key].windows;
	struct bytes lower = slot_lower(q, slot, text);
	if (windows & 1u << WINDOW_4)
		scan(q, key, lower, WINDOW_4);
	if (windows & 1u << WINDOW_2)
		scan(q, key, lower, WINDOW_2);
	if (windows & 1u << WINDOW_1)
		scan(q, key, lower, WINDOW_1);
}

/* ---- one key ---- */

static void look_up(struct query *q, uint32_t key)
{
	const struct segment_key *k = &q->segment->key[key];
	struct key_slot *slot = &q->x->key[k->id];
	struct bytes text = slot_text(q, slot);
	if (q->rc)
		return;
	if (text.len < k->exact_below)
		touch_equal(q, key, slot, text);
	if (text.len > q->scratch->limits.regex_value_max) {
		/* Every pattern is unknown. */
		touch_range(q, k->pattern, k->patterns);
		return;
	}
	touch_range(q, k->pattern, k->plain);
	if (!q->rc && k->windows) /* other texts may have been read meanwhile */
		touch_texts(q, key, slot, slot_text(q, slot));
}

static void match_segment(struct query *q)
{
	struct indexing *x = q->x;
	x->turn++;
	header_find_keys(q);
	for (uint32_t i = 0; i < x->hits && !q->rc; i++)
		look_up(q, x->hit[i]);
	for (uint32_t i = 0; i < q->segment->n_always && !q->rc; i++)
		judge_selector(q, q->segment->always[i]);
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
	q.rc = header_read(&q);
	for (uint32_t i = 0; i < index->n && !q.rc; i++) {
		q.segment = index->part[i].segment;
		match_segment(&q);
	}
	return q.rc;
}
