/* Keys of many things, and which of them are the same: members that several plugins add,
 * elements of keyed lists. Few are compared each with each, many are sorted; no choice of
 * keys makes it slower than n log n. One thread. */
#pragma once

#include "core/increment/increment.h"

#define KEYSET_NONE UINT32_MAX

struct keyset_slot {
	uint32_t off, len; /**< The key, in `text`. */
	uint32_t first;    /**< The first slot with this key. */
	uint32_t next;     /**< The next one with it, or KEYSET_NONE. */
};

struct keyset {
	struct buf text;
	struct keyset_slot *slot;
	uint32_t n, cap;
	int rc; /**< The first failure of an addition. */
};

SL_BEGIN_DECLS

void keyset_init(struct keyset *s);
void keyset_fini(struct keyset *s);
static inline void keyset_finip(struct keyset *s) { keyset_fini(s); }

static inline struct bytes keyset_key(const struct keyset *s, uint32_t i)
{
	return bytes_of(s->text.at ? s->text.at + s->slot[i].off : NULL, s->slot[i].len);
}

/** Add the characters of a member's key. */
void keyset_add_member(struct keyset *s, const struct json *j, json_at key);
/** Add the key of an element; false if it has none. */
bool keyset_add_element(struct keyset *s, enum list_key by, const struct json *j, json_at element);
/** Fill in `first` and `next`, once all are added. SL_E_NO_MEMORY. */
SL_MUST_USE int keyset_link(struct keyset *s);

/** All elements of a list, linked. `*ret_bad` is the first element that has no key or the
 * key of one before it, or JSON_NONE; `*ret_twice` says which. */
SL_MUST_USE int keyset_of_list(struct keyset *s, enum list_key by, const struct json *j,
			       json_at list, json_at *ret_bad, bool *ret_twice);

SL_END_DECLS
