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
#include "selector/internal.h"

#define SEGMENT_NONE UINT32_MAX

struct segment_key {
	struct bytes name;
	uint64_t hash;
	uint32_t id;      /* the pool's number, or SEGMENT_NONE: it only leads to others */
	bool inner;       /* there are keys below it */
	bool literals;    /* some of its patterns need a text */
	size_t exact_max; /* the longest text that an anchor compares with; 0: no such anchor */
	bool exact;
	uint32_t pattern, patterns; /* its anchors that are patterns, */
	uint32_t plain;             /* of which the first are without a text */
	uint32_t element, elements; /* numbers in arrays that keys below it ask for */
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
	uint64_t name_lengths; /* bit per length of a name, the last for all longer */
	struct segment_element *element;
	uint32_t elements;
	struct segment_anchor *anchor; /* by key, comparing ones first, then by having a text */
	uint32_t anchors;
	uint32_t *exact_table;
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
uint32_t segment_find_key(const struct segment *s, struct bytes name, uint64_t hash);
/** The hash under which an anchor that compares is found. */
uint64_t segment_exact_hash(const struct segment_key *key, struct bytes text);

static inline uint64_t segment_name_bit(size_t len) { return UINT64_C(1) << (len < 63 ? len : 63); }

static inline size_t segment_window_len(int which) { return (size_t)4 >> which; }

static inline uint32_t segment_window_hash(const struct segment_key *key, const char *at, int which)
{
	uint32_t w = (uint8_t)*at;
	if (which == WINDOW_4) {
		memcpy(&w, at, 4);
	} else if (which == WINDOW_2) {
		uint16_t two;
		memcpy(&two, at, 2);
		w = two;
	}
	uint64_t h = (w ^ (key->hash & 0xffffffff)) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)((h ^ key->hash) >> 32);
}

SL_DEFINE_SCOPED(struct segment, segment_free)

SL_END_DECLS
