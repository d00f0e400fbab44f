/* Which keys that selectors look at have a value in a job's header? */
#include "core/base/hash.h"
#include "selector/index/query.h"

#include <stdlib.h>

/* ---- members ---- */

static json_at after(const struct json *header, json_at member)
{
	return header->node[member + 1].end;
}

/* The characters of a string that holds no escape. */
static struct bytes inside(const struct json *header, const struct json_node *string)
{
	return bytes_of((const char *)header->text.at + string->off + 1, string->len - 2);
}

/* A member's name; *ret_off is where a decoded one stands in `names`, else SIZE_MAX. */
static int read_name(struct query *q, json_at member, struct bytes *ret, size_t *ret_off)
{
	const struct json_node *node = &q->header->node[member];
	*ret_off = SIZE_MAX;
	if (!node->escaped) {
		*ret = inside(q->header, node);
		return 0;
	}
	*ret_off = q->x->names.len;
	return json_string(q->header, member, &q->x->names, ret);
}

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

static int add_fact(struct query *q, json_at member)
{
	struct indexing *x = q->x;
	struct bytes name;
	size_t off;
	int rc = read_name(q, member, &name, &off);
	if (rc || !(q->index->name_lengths & segment_name_bit(name.len)))
		return rc;
	if (x->facts == x->facts_cap)
		rc = more_facts(x);
	if (rc)
		return rc;
	struct fact *f = &x->fact[x->facts++];
	f->name = name;
	f->off = off;
	f->hash = hash_bytes(name, 0);
	f->at = member + 1;
	return 0;
}

int header_read(struct query *q)
{
	const struct json *h = q->header;
	q->x->facts = 0;
	if (json_type(h, 0) != JSON_OBJECT)
		return 0;
	int rc = 0;
	for (json_at m = 1; !rc && m < h->node[0].end; m = after(h, m))
		rc = add_fact(q, m);
	return rc;
}

/* ---- values ---- */

static void slot_begin(struct query *q, struct key_slot *slot, json_at at)
{
	const struct json_node *node = &q->header->node[at];
	slot->epoch = q->x->epoch;
	slot->at = node->type == JSON_NULL ? JSON_NONE : at;
	slot->hashed = slot->lowered = false;
	slot->state = SLOT_UNREAD;
	if (node->type == JSON_STRING && !node->escaped) {
		slot->text = inside(q->header, node);
		slot->state = SLOT_PLAIN;
	}
}

struct bytes header_text(struct query *q, struct key_slot *slot)
{
	struct indexing *x = q->x;
	if (slot->state == SLOT_UNREAD) {
		slot->off = x->texts.len;
		int rc = condition_text(q->header, slot->at, &x->texts, &slot->text);
		if (rc) {
			q->rc = rc;
			slot->text = BYTES("");
		}
		bool copied = !rc && x->texts.len > slot->off;
		slot->state = copied ? SLOT_COPIED : SLOT_PLAIN;
	}
	return slot->state == SLOT_COPIED ? bytes_of(x->texts.at + slot->off, slot->text.len)
					  : slot->text;
}

/* ---- keys of the segment ---- */

static inline void hit(struct query *q, uint32_t key, json_at at)
{
	struct indexing *x = q->x;
	const struct segment_key *k = &q->segment->key[key];
	if (k->id == SEGMENT_NONE)
		return;
	struct key_slot *slot = &x->key[k->id];
	if (slot->turn == x->turn) /* the whole name went first */
		return;
	slot->turn = x->turn;
	if (slot->epoch != x->epoch)
		slot_begin(q, slot, at);
	if (slot->at != JSON_NONE && (k->exact_below || k->patterns))
		x->hit[x->hits++] = key;
}

static void enter(struct query *q, uint32_t parent, json_at at);

static void enter_member(struct query *q, uint32_t parent, json_at member)
{
	const struct segment *s = q->segment;
	struct bytes name;
	size_t off;
	q->rc = read_name(q, member, &name, &off);
	if (q->rc || !(s->key[parent].inner_lengths & segment_name_bit(name.len)))
		return;
	uint32_t key = segment_find_inner(s, parent, name);
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
	if (!q->segment->key[parent].inner_lengths)
		return;
	if (json_type(h, at) == JSON_ARRAY)
		enter_array(q, parent, at);
	else if (json_type(h, at) == JSON_OBJECT)
		for (json_at m = at + 1; !q->rc && m < h->node[at].end; m = after(h, m))
			enter_member(q, parent, m);
}

static bool has_dot(struct bytes name) { return name.len && memchr(name.at, '.', name.len); }

/* A whole key goes before a path. */
void header_find_keys(struct query *q)
{
	const struct segment *s = q->segment;
	struct indexing *x = q->x;
	bool inner = false;
	x->hits = 0;
	for (uint32_t i = 0; i < x->facts; i++) {
		struct fact *f = &x->fact[i];
		f->key = segment_find_key(s, fact_name(x, f), f->hash);
		if (f->key == SEGMENT_NONE)
			continue;
		hit(q, f->key, f->at);
		inner |= s->key[f->key].inner_lengths != 0;
	}
	for (uint32_t i = 0; inner && !q->rc && i < x->facts; i++) {
		const struct fact *f = &x->fact[i];
		if (f->key != SEGMENT_NONE && s->key[f->key].inner_lengths &&
		    !has_dot(fact_name(x, f)))
			enter(q, f->key, f->at);
	}
}
