#include "selector/index/segment.h"

#include "core/base/hash.h"

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

uint32_t segment_find_key(const struct segment *s, struct bytes name, uint64_t hash)
{
	for (uint32_t at = (uint32_t)hash & s->key_mask;; at = (at + 1) & s->key_mask) {
		uint32_t i = s->key_table[at];
		if (i == SEGMENT_NONE || (s->key[i].hash == hash && bytes_eq(s->key[i].name, name)))
			return i;
	}
}

uint64_t segment_exact_hash(const struct segment_key *key, struct bytes text)
{
	return hash_bytes(text, key->hash);
}
