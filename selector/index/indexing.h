/* What a thread remembers while it asks an index (selector/index/index.h) about one job: the
 * values of keys, the outcomes of conditions, the selectors it has looked at.
 *
 * Nothing is cleared between jobs: an entry counts if it bears the job's `epoch`, or, for
 * what belongs to one segment, its `turn`. The arrays grow with the numbers of the pool. Not
 * for other folders. */
#pragma once

#include "selector/internal.h"

enum slot_state {
	SLOT_UNREAD,
	SLOT_PLAIN,  /* `text` stands in the header */
	SLOT_COPIED, /* it is in `texts` at `off`; `text` has its length */
};

struct key_slot {
	uint64_t epoch, turn;
	struct bytes text;
	json_at at;    /* JSON_NONE: not there, or null */
	uint8_t state; /* enum slot_state */
	bool hashed, lowered;
	bool capitals; /* in small letters it is in `lowers` at `lower`, else as it stands */
	uint64_t hash; /* of key and text */
	size_t off, lower;
};

struct memo {
	uint64_t epoch;
	uint64_t turn;  /* of the last segment that has looked under this anchor */
	uint32_t steps; /* that the search took */
	uint32_t steps_max, cpu_us;
	uint8_t what; /* enum regex_result */
};

struct fact { /* a member of the header that some selector may look at */
	struct bytes name;
	size_t off; /* of a decoded name in `names`; SIZE_MAX: not decoded */
	uint64_t hash;
	json_at at;
	uint32_t key; /* of the segment that is looked into */
};

struct indexing {
	uint64_t epoch, turn;
	struct key_slot *key; /* by a key's number */
	struct memo *memo;    /* by a condition's number */
	uint64_t *seen;       /* by a selector's number */
	uint64_t *literal;    /* by a segment's literals: `turn` */
	uint32_t *hit;        /* keys of the segment */
	struct fact *fact;
	size_t keys, memos, selectors, literals, hits_cap, facts_cap;
	uint32_t hits, facts;
	struct buf names, texts, lowers;
};

SL_BEGIN_DECLS

SL_MUST_USE int indexing_create(struct indexing **ret);
struct indexing *indexing_free(struct indexing *x);
/** Make `*at`, an array of `*n` elements of `size` bytes, hold `wanted`. What it held is
 * forgotten, new elements are zero. */
SL_MUST_USE int indexing_room(void *at, size_t *n, size_t wanted, size_t size);

SL_END_DECLS
