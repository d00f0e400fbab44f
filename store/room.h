/* Arithmetic of a store that is nearly full: what a transaction adds, and whether it may.
 *
 * A store that is full to the last page could not even delete, as LMDB writes changed
 * pages anew. So the map is a little larger than what may be kept; a transaction that
 * does not make the store grow may use that reserve. What is in use is known by counting
 * free pages, which costs; it is done only when what was written since could have filled
 * the store. Private to store/lmdb, which guards `struct room` with its lock. Units:
 * bytes. */
#pragma once

#include "core/base/err.h"

/** Of a store. */
struct room {
	uint64_t size_max, reserve, page_size;
	uint64_t counted; /**< In use when last counted. */
	uint64_t since;   /**< Written since then: an upper bound of the growth. */
	uint64_t txn;     /**< The newest transaction counted. */
	uint64_t lists;   /**< What counting had to read. */
};

/** Of a writing transaction. */
struct growth {
	uint64_t used;    /**< When it began; an upper bound unless tight. */
	uint64_t written; /**< Put, without taking off what was replaced. */
	int64_t net;      /**< Put less replaced and deleted; kept only when tight. */
	bool tight;       /**< The store is nearly full, so `net` matters. */
};

SL_BEGIN_DECLS

void room_init(struct room *room, size_t size_max);

/** Whether it is worth counting before a writing transaction. */
bool room_may_be_tight(const struct room *room);
/** Whether so much happened up to transaction `txn` that it is worth counting for a reader. */
bool room_is_old(const struct room *room, uint64_t txn);

void growth_begin(struct growth *g, const struct room *room);
/** What a pair takes, about: small ones lie together in pages, large ones have their own. */
uint64_t growth_weight(const struct room *room, size_t key_len, size_t val_len);
/** Whether a transaction may not be committed, as it makes the store grow past its size. */
bool growth_is_over(const struct growth *g, const struct room *room);

/** Free bytes of the disk that `fd` is on; UINT64_MAX when unknown. */
uint64_t disk_free(int fd);

SL_END_DECLS
