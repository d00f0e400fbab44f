/* A table for finding those of some selectors that a job can match, built once.
 *
 * Each selector stands under its anchors: a set of conditions of which one must hold
 * (selector/index/need.h). An anchor that compares is found by the hash of key and text; one that
 * is a pattern by a text that the pattern needs (selector/pattern/literal.h), of which four bytes
 * that few others have are looked up at each place of the value. Patterns without such a
 * text are tried whenever their key is there. Selectors without anchors are always looked
 * at.
 *
 * Immutable once built and counted; it holds a reference to each selector, and borrows all
 * texts from them. Not for other folders. */
#pragma once

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "selector/internal.h"
#include "selector/same.h"

#define SEGMENT_NONE UINT32_MAX

struct segment_key { /* what is asked for each member of a header lies together */
	struct bytes name;
	uint64_t hash;
	uint64_t inner_lengths; /* bit per length of the names of the keys below it */
	uint32_t id;            /* the pool's number, or SEGMENT_NONE: it only leads to others */
	uint32_t parent;        /* it is below this one, or SEGMENT_NONE */
	uint32_t exact_below;   /* texts that its anchors compare with are shorter; 0: none */
	uint32_t pattern, patterns; /* its anchors that are patterns, */
	uint32_t plain;             /* of which the first are without a text */
	uint32_t element, elements; /* numbers in arrays that keys below it ask for */
	uint32_t windows;           /* bit per kind of the texts that its patterns need */
};

struct segment_element {
	uint32_t parent, index, key;
};

struct segment_anchor {
	const struct condition *condition;
	uint32_t key;            /* its segment_key */
	uint32_t entry, entries; /* range of `posting` */
};

/* A text that patterns need, under four, two or one of its bytes. */
struct segment_literal {
	struct bytes text; /* small letters */
	uint32_t key;
	uint32_t at;              /* where in the text the bytes stand */
	uint32_t anchor, anchors; /* range of `literal_anchor` */
	uint32_t next;            /* with the same bytes' hash, or SEGMENT_NONE */
};

enum { WINDOW_4, WINDOW_2, WINDOW_1, WINDOWS };

struct segment_exact {
	uint32_t tag; /* of the hash, so that few others are compared */
	uint32_t anchor;
};

struct segment_windows {
	uint32_t *head; /* 1 << bits of them; NULL: there are no such texts */
	unsigned bits;
	uint64_t *filter; /* 1 << (bits + 3) bits */
};

struct segment {
	atomic_size_t refs;
	struct arena *arena; /* all of what follows */
	struct selector **selector;
	uint32_t *number; /* theirs */
	uint32_t n;
	struct segment_key *key;
	uint32_t keys;
	uint32_t *key_table; /* by hash; SEGMENT_NONE: empty */
	uint32_t key_mask;
	uint32_t *inner_table; /* keys below others, by these and their names; `inner_mask` */
	uint32_t inner_mask;
	uint64_t name_lengths; /* bit per length of a name, the last for all longer */
	struct segment_element *element;
	uint32_t elements;
	struct segment_anchor *anchor; /* by key, comparing ones first, then by having a text */
	uint32_t anchors;
	struct segment_exact *exact_table;
	uint32_t exact_mask;
	struct segment_literal *literal;
	uint32_t literals;
	uint32_t *literal_anchor;
	struct segment_windows window[WINDOWS];
	uint32_t *posting; /* numbers of `selector`, of each anchor */
	uint32_t *always;
	uint32_t n_always;
};

SL_BEGIN_DECLS

/** Over `n` selectors that have joined one pool. */
SL_MUST_USE int segment_build(struct selector *const *selector, uint32_t n, struct segment **ret);
struct segment *segment_share(struct segment *s);
struct segment *segment_free(struct segment *s); /**< Drops a reference; returns NULL. */
size_t segment_size(const struct segment *s);

/** The key of this name, or SEGMENT_NONE. */
static inline uint32_t segment_find_key(const struct segment *s, struct bytes name, uint64_t hash)
{
	for (uint32_t at = (uint32_t)hash & s->key_mask;; at = (at + 1) & s->key_mask) {
		uint32_t i = s->key_table[at];
		if (i == SEGMENT_NONE ||
		    (s->key[i].hash == hash && same_text(s->key[i].name, name)))
			return i;
	}
}

/** The key below `parent` whose last part is `part`, or SEGMENT_NONE. */
uint32_t segment_find_inner(const struct segment *s, uint32_t parent, struct bytes part);
/** Where a search for it begins in `inner_table`. */
static inline uint32_t segment_inner_hash(const struct segment_key *parent, struct bytes part)
{
	return (uint32_t)hash_bytes(part, parent->hash);
}

/** The hash under which an anchor that compares is found. */
static inline uint64_t segment_exact_hash(const struct segment_key *key, struct bytes text)
{
	return hash_bytes(text, key->hash);
}

static inline uint64_t segment_name_bit(size_t len) { return UINT64_C(1) << (len < 63 ? len : 63); }

static inline size_t segment_window_len(int which) { return (size_t)4 >> which; }

/** The hash of the bytes at `at`, of a key of this hash. */
static inline uint32_t segment_window_hash(uint64_t key, const char *at, int which)
{
	uint32_t w = (uint8_t)*at;
	if (which == WINDOW_4) {
		memcpy(&w, at, 4);
	} else if (which == WINDOW_2) {
		uint16_t two;
		memcpy(&two, at, 2);
		w = two;
	}
	uint64_t h = (w ^ (key & 0xffffffff)) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)((h ^ key) >> 32);
}

SL_DEFINE_SCOPED(struct segment, segment_free)

SL_END_DECLS
