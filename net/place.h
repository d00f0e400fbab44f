/* Calls by the place they go to, and fair turns between places.
 *
 * A place holds at most half of the connections that are free (place_has_room()); its
 * further calls wait in order, and places with waiting calls take turns.
 *
 * Layer 1, inside net/. Threads: the loop's. Calls belong to http.c. */
#pragma once

#include "core/base/list.h"

enum { PLACE_BUCKETS = 1024 };

struct http_call;

/** Scheme, host and port, or a socket: what calls are counted by. Lives while it has calls. */
struct place {
	struct list link;    /**< In its bucket. */
	struct list queue;   /**< In places.queues while calls wait. */
	struct list waiting; /**< http_call.link, oldest first. */
	unsigned active, calls;
	uint64_t hash;
	size_t name_len;
	char name[]; /**< NUL-terminated. */
};

struct places {
	struct list bucket[PLACE_BUCKETS];
	struct list queues; /**< place.queue: those with waiting calls, next first. */
	unsigned active, active_max, active_place_max;
};

SL_BEGIN_DECLS

void places_init(struct places *all, unsigned active_max, unsigned active_place_max);
struct place *place_take(struct places *all, struct bytes name); /**< NULL: no memory. */
void place_drop(struct place *place);
bool place_has_room(const struct places *all, const struct place *place);
void place_wait(struct places *all, struct place *place, struct http_call *call);
void place_leave(struct place *place, struct http_call *call); /**< Out of the queue. */
struct http_call *places_next(struct places *all);             /**< One that may go now, or NULL. */

SL_END_DECLS
