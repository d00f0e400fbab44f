#include "selector/index/segment.h"

#include <stdlib.h>

struct segment *segment_share(struct segment *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

struct segment *segment_free(struct segment *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return NULL;
	for (uint32_t i = 0; i < s->n; i++)
		selector_free(s->selector[i]);
	arena_free(s->arena);
	free(s);
	return NULL;
}

size_t segment_size(const struct segment *s) { return sizeof(*s) + arena_used(s->arena); }

static struct bytes last_part(const struct segment *s, uint32_t key)
{
	const struct segment_key *k = &s->key[key];
	size_t before = s->key[k->parent].name.len + 1;
	return bytes_of((const char *)k->name.at + before, k->name.len - before);
}

uint32_t segment_find_inner(const struct segment *s, uint32_t parent, struct bytes part)
{
	uint32_t at = segment_inner_hash(&s->key[parent], part) & s->inner_mask;
	for (;; at = (at + 1) & s->inner_mask) {
		uint32_t i = s->inner_table[at];
		if (i == SEGMENT_NONE ||
		    (s->key[i].parent == parent && same_text(last_part(s, i), part)))
			return i;
	}
}
