/* Building a segment (selector/index/segment.h): what is counted and sorted on the way. */
#include "selector/condition.h"
#include "selector/index/building.h"
#include "selector/index/need.h"
#include "selector/index/segment.h"

#include <stdlib.h>

enum {
	ARENA_MAX = 1 << 30,
	COST_EXACT = 2,
	COST_TEXT = 3,   /* of a pattern with a text of four bytes and more */
	COST_PLAIN = 64, /* of one without */
};

/* A condition that selectors of the segment use. */
struct used {
	const struct condition *c;
	uint32_t count; /* how many use it */
	uint32_t key;
	uint32_t anchored; /* how many stand under it */
	uint32_t anchor;
};

struct pair {
	uint32_t used, selector;
};

struct builder {
	struct segment *s;
	struct used *used;
	uint32_t n_used;
	uint32_t *table; /* by a condition's number */
	uint32_t mask;
	struct pair *pair;
	uint32_t pairs;
};

static void builder_fini(struct builder *b)
{
	free(b->used);
	free(b->table);
	free(b->pair);
	segment_free(b->s);
}

uint32_t building_mask(size_t n)
{
	uint32_t size = 8;
	while (size < 2 * n)
		size *= 2;
	return size - 1;
}

uint32_t *building_table(uint32_t mask)
{
	size_t size = ((size_t)mask + 1) * sizeof(uint32_t);
	uint32_t *t = malloc(size);
	if (t)
		memset(t, 0xff, size);
	return t;
}

uint32_t *building_own_table(struct segment *s, uint32_t mask)
{
	size_t size = ((size_t)mask + 1) * sizeof(uint32_t);
	uint32_t *t = arena_alloc(s->arena, size);
	return t ? memset(t, 0xff, size) : NULL;
}

/* ---- the selectors, and which conditions they use ---- */

static int take_selectors(struct builder *b, struct selector *const *selector, uint32_t n)
{
	b->s->selector = SEGMENT_NEW(b->s, n, struct selector *);
	b->s->number = SEGMENT_NEW(b->s, n, uint32_t);
	if (!b->s->selector || !b->s->number)
		return SL_E_NO_MEMORY;
	for (; b->s->n < n; b->s->n++) {
		b->s->selector[b->s->n] = selector_share(selector[b->s->n]);
		b->s->number[b->s->n] = selector[b->s->n]->number;
	}
	return 0;
}

static struct used *find_used(struct builder *b, const struct condition *c)
{
	for (uint32_t at = (uint32_t)hash_mix(c->id) & b->mask;; at = (at + 1) & b->mask) {
		if (b->table[at] == SEGMENT_NONE) {
			b->table[at] = b->n_used;
			b->used[b->n_used].c = c;
			return &b->used[b->n_used++];
		}
		if (b->used[b->table[at]].c->id == c->id)
			return &b->used[b->table[at]];
	}
}

static int count_used(struct builder *b)
{
	size_t total = 0;
	for (uint32_t i = 0; i < b->s->n; i++)
		total += b->s->selector[i]->n;
	b->mask = building_mask(total);
	b->table = building_table(b->mask);
	b->used = calloc(total + 1, sizeof(*b->used));
	b->pair = malloc((total + 1) * sizeof(*b->pair));
	if (!b->table || !b->used || !b->pair)
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0; i < b->s->n; i++)
		for (unsigned k = 0; k < b->s->selector[i]->n; k++)
			if (b->s->selector[i]->condition[k].used)
				find_used(b, &b->s->selector[i]->condition[k])->count++;
	return 0;
}

/* ---- keys ---- */

/* A path of more parts than a document can have levels is only tried as a name. */
static size_t dots_of(struct bytes key)
{
	size_t n = 0;
	const char *at = key.at;
	for (size_t i = 0; i < key.len; i++)
		n += at[i] == '.';
	return n < JSON_DEPTH_MAX ? n : 0;
}

static uint32_t add_key(struct builder *b, struct bytes name)
{
	struct segment *s = b->s;
	uint64_t hash = hash_bytes(name, 0);
	uint32_t at = (uint32_t)hash & s->key_mask, found = segment_find_key(s, name, hash);
	if (found != SEGMENT_NONE)
		return found;
	while (s->key_table[at] != SEGMENT_NONE)
		at = (at + 1) & s->key_mask;
	s->key[s->keys] = (struct segment_key){
		.name = name, .hash = hash, .id = SEGMENT_NONE, .parent = SEGMENT_NONE};
	s->name_lengths |= segment_name_bit(name.len);
	return s->key_table[at] = s->keys++;
}

/* `key`, which is new, stands below `parent`, where its name goes on with `part`. */
static void add_inner(struct segment *s, uint32_t parent, struct bytes part, uint32_t key)
{
	uint32_t at = segment_inner_hash(&s->key[parent], part) & s->inner_mask, index;
	while (s->inner_table[at] != SEGMENT_NONE)
		at = (at + 1) & s->inner_mask;
	s->inner_table[at] = key;
	s->key[key].parent = parent;
	s->key[parent].inner_lengths |= segment_name_bit(part.len);
	if (condition_index(part, &index))
		s->element[s->elements++] = (struct segment_element){parent, index, key};
}

/* `name` and the keys on the way to it. */
static uint32_t add_path(struct builder *b, struct bytes name)
{
	struct segment *s = b->s;
	const char *from = name.at, *end = from + name.len, *part = from;
	uint32_t parent = SEGMENT_NONE;
	if (!dots_of(name))
		return add_key(b, name);
	for (;;) {
		const char *dot = memchr(part, '.', (size_t)(end - part));
		const char *stop = dot ? dot : end;
		uint32_t before = s->keys;
		uint32_t k = add_key(b, bytes_of(from, (size_t)(stop - from)));
		if (parent != SEGMENT_NONE && k == before)
			add_inner(s, parent, bytes_of(part, (size_t)(stop - part)), k);
		if (!dot)
			return k;
		parent = k;
		part = dot + 1;
	}
}

static int by_element(const void *a, const void *b)
{
	const struct segment_element *x = a, *y = b;
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* "a.0" may have been met as a way ("a.0.b") or as an end, but is made once. */
static void sort_elements(struct segment *s)
{
	qsort(s->element, s->elements, sizeof(*s->element), by_element);
	for (uint32_t i = 0; i < s->elements; i++) {
		struct segment_key *parent = &s->key[s->element[i].parent];
		if (!parent->elements++)
			parent->element = i;
	}
}

static int make_keys(struct builder *b)
{
	struct segment *s = b->s;
	size_t most = 0;
	for (uint32_t i = 0; i < b->n_used; i++)
		most += 1 + dots_of(b->used[i].c->key);
	s->key_mask = building_mask(most);
	s->key = SEGMENT_NEW(b->s, most, struct segment_key);
	s->key_table = building_own_table(b->s, s->key_mask);
	s->inner_mask = building_mask(most - b->n_used);
	s->inner_table = building_own_table(b->s, s->inner_mask);
	s->element = SEGMENT_NEW(b->s, most - b->n_used, struct segment_element);
	if (!s->key || !s->key_table || !s->inner_table || !s->element)
		return SL_E_NO_MEMORY;
	for (uint32_t i = 0; i < b->n_used; i++) {
		uint32_t k = add_path(b, b->used[i].c->key);
		b->used[i].key = k;
		s->key[k].id = b->used[i].c->key_id;
	}
	sort_elements(s);
	return 0;
}

/* ---- anchors ---- */

static uint64_t cost_of(const struct used *u)
{
	const struct literals *l =
		u->c->kind == CONDITION_REGEX ? regex_literals(u->c->regex) : NULL;
	size_t least = 4;
	if (u->c->kind == CONDITION_EXACT)
		return (uint64_t)u->count * COST_EXACT;
	if (!l)
		return (uint64_t)u->count * COST_PLAIN;
	for (uint32_t i = 0; i < l->n; i++)
		if (l->at[i].len < least)
			least = l->at[i].len;
	return ((uint64_t)u->count * COST_TEXT << (4 - least)) + l->n;
}

static void anchor_selectors(struct builder *b)
{
	struct segment *s = b->s;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct selector *selector = s->selector[i];
		struct used *used[SELECTOR_CONDITIONS_MAX] = {0};
		uint64_t cost[SELECTOR_CONDITIONS_MAX] = {0};
		for (unsigned k = 0; k < selector->n; k++)
			if (selector->condition[k].used) {
				used[k] = find_used(b, &selector->condition[k]);
				cost[k] = cost_of(used[k]);
			}
		struct need need = need_find(&selector->program, cost);
		if (need.cost == NEED_NONE)
			s->always[s->n_always++] = i;
		for (uint64_t set = need.set; set; set &= set - 1) {
			struct used *u = used[__builtin_ctzll(set)];
			u->anchored++;
			b->pair[b->pairs++] = (struct pair){(uint32_t)(u - b->used), i};
		}
	}
}

/* An anchor's place among those of its key. */
enum { CLASS_EXACT, CLASS_PLAIN, CLASS_TEXT, CLASSES };

static int class_of(const struct used *u)
{
	if (u->c->kind == CONDITION_EXACT)
		return CLASS_EXACT;
	return regex_literals(u->c->regex) ? CLASS_TEXT : CLASS_PLAIN;
}

/* Where each class of each key begins. */
static uint32_t place_anchors(struct builder *b, uint32_t *first)
{
	struct segment *s = b->s;
	uint32_t n = 0;
	for (uint32_t i = 0; i < b->n_used; i++)
		if (b->used[i].anchored)
			first[b->used[i].key * CLASSES + (uint32_t)class_of(&b->used[i])]++;
	for (uint32_t k = 0; k < s->keys; k++) {
		uint32_t *count = first + (size_t)k * CLASSES;
		s->key[k].pattern = n + count[CLASS_EXACT];
		s->key[k].plain = count[CLASS_PLAIN];
		s->key[k].patterns = count[CLASS_PLAIN] + count[CLASS_TEXT];
		for (int class = 0; class < CLASSES; class ++) {
			uint32_t here = count[class];
			count[class] = n;
			n += here;
		}
	}
	return n;
}

static int make_anchors(struct builder *b)
{
	struct segment *s = b->s;
	uint32_t *first = calloc((size_t)s->keys * CLASSES + 1, sizeof(*first));
	if (!first)
		return SL_E_NO_MEMORY;
	s->anchors = place_anchors(b, first);
	s->anchor = SEGMENT_NEW(b->s, s->anchors, struct segment_anchor);
	s->posting = SEGMENT_NEW(b->s, b->pairs, uint32_t);
	for (uint32_t i = 0; s->anchor && i < b->n_used; i++) {
		struct used *u = &b->used[i];
		if (!u->anchored)
			continue;
		u->anchor = first[u->key * CLASSES + (uint32_t)class_of(u)]++;
		s->anchor[u->anchor] = (struct segment_anchor){
			.condition = u->c, .key = u->key, .entries = u->anchored};
	}
	free(first);
	return s->anchor && s->posting ? 0 : SL_E_NO_MEMORY;
}

static void make_postings(struct builder *b)
{
	struct segment *s = b->s;
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->anchors; i++) {
		s->anchor[i].entry = n;
		n += s->anchor[i].entries;
		s->anchor[i].entries = 0;
	}
	for (uint32_t i = 0; i < b->pairs; i++) {
		struct segment_anchor *a = &s->anchor[b->used[b->pair[i].used].anchor];
		s->posting[a->entry + a->entries++] = b->pair[i].selector;
	}
}

/* ---- anchors that compare ---- */

static int make_exact(struct builder *b)
{
	struct segment *s = b->s;
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->anchors; i++)
		n += s->anchor[i].condition->kind == CONDITION_EXACT;
	s->exact_mask = building_mask(n);
	s->exact_table = SEGMENT_NEW(b->s, (size_t)s->exact_mask + 1, struct segment_exact);
	if (!s->exact_table)
		return SL_E_NO_MEMORY;
	memset(s->exact_table, 0xff, ((size_t)s->exact_mask + 1) * sizeof(*s->exact_table));
	for (uint32_t i = 0; i < s->anchors; i++) {
		const struct condition *c = s->anchor[i].condition;
		struct segment_key *key = &s->key[s->anchor[i].key];
		if (c->kind != CONDITION_EXACT)
			continue;
		if (c->text.len >= key->exact_below)
			key->exact_below = (uint32_t)c->text.len + 1;
		uint64_t hash = segment_exact_hash(key, c->text);
		uint32_t at = (uint32_t)hash & s->exact_mask;
		while (s->exact_table[at].anchor != SEGMENT_NONE)
			at = (at + 1) & s->exact_mask;
		s->exact_table[at] = (struct segment_exact){(uint32_t)(hash >> 32), i};
	}
	return 0;
}

/* ---- the whole ---- */

static int build(struct builder *b, struct selector *const *selector, uint32_t n)
{
	int rc = arena_create(ARENA_MAX, &b->s->arena);
	if (!rc)
		rc = take_selectors(b, selector, n);
	if (!rc)
		rc = count_used(b);
	if (!rc)
		rc = make_keys(b);
	if (rc || !(b->s->always = SEGMENT_NEW(b->s, n, uint32_t)))
		return SL_E_NO_MEMORY;
	anchor_selectors(b);
	rc = make_anchors(b);
	if (rc)
		return rc;
	make_postings(b);
	rc = make_exact(b);
	return rc ? rc : building_texts(b->s);
}

int segment_build(struct selector *const *selector, uint32_t n, struct segment **ret)
{
	struct builder b = {.s = calloc(1, sizeof(*b.s))};
	if (!b.s)
		return SL_E_NO_MEMORY;
	atomic_init(&b.s->refs, 1);
	int rc = build(&b, selector, n);
	if (!rc)
		*ret = take_ptr(&b.s);
	builder_fini(&b);
	return rc;
}
