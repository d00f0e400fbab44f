/* The slots of the local engine, and who waits for them.
 *
 * What starts at one moment is a party: one replica, or a gang. Parties wait in one line.
 * The place of each is fixed when it comes, by the earliest of
 *
 *     its job's submission - worth(priority) * ageing
 *
 * so that every `ageing` of waiting makes up for one point of priority. Up to 1 000 (or
 * -1 000) a priority is worth itself; from there every doubling is worth another 1 000.
 * With equal priorities the order is that of submission (then role, index). Nobody can be
 * overtaken for ever: the greatest head start there is, 2^31 against -2^31, is worth
 * 44 069 times `ageing`, a month with the usual minute.
 *
 * The first in line takes its slots when all of them are free; those behind it wait until
 * then, so that a gang is not starved by small ones. Slots are taken whole or not at all:
 * no party holds some while it waits for others, so none can wait for each other.
 *
 * Owned by the engine, parties by the queue while they wait, attempts by their table.
 * Threads: the engine's; queue_place() from any. Units: slots, milliseconds. */
#pragma once

#include "core/base/heap.h"
#include "core/base/list.h"
#include "core/engine_port.h"

#include <pthread.h>

struct attempt;

struct party {
	struct heap_node node; /**< In its job's heap. */
	struct queue_job *job;
	int64_t rank_ms; /**< Less is earlier. */
	uint32_t role, index;
	uint32_t needs;      /**< Slots of all members. */
	struct list members; /**< struct attempt, by `member`. */
};

struct queue {
	pthread_mutex_t lock; /**< Held for a few steps, for queue_place(). */
	uint32_t slots;
	int64_t ageing_ms;
	int64_t free; /**< Below 0 when more runs than there are slots. */
	struct heap jobs;
	struct queue_job **bucket;
	size_t parties;
};

SL_BEGIN_DECLS

SL_MUST_USE int queue_init(struct queue *q, uint32_t slots, int64_t ageing_ms);
void queue_fini(struct queue *q);

/** A party without members yet; `first` names its place among its job's. */
struct party *party_create(const struct replica_name *first);
struct party *party_free(struct party *p);
/** A member that will take `cost` slots. Before queue_add(). */
void party_join(struct party *p, struct attempt *a, uint32_t cost);

/** Put it in line. SL_E_NO_MEMORY: it stays the caller's. */
SL_MUST_USE int queue_add(struct queue *q, struct party *p, int32_t priority);
/** The first in line if its slots are free: out of the line, the slots held by its
 * members, the party the caller's. Else NULL. */
struct party *queue_next(struct queue *q);
/** It waits no more; the rest of its party needs less. */
void queue_leave(struct queue *q, struct attempt *a);

/** Slots of one that did not wait in line: it was found running, or must not wait. */
void queue_hold(struct queue *q, uint32_t slots);
void queue_release(struct queue *q, uint32_t slots);

/** Where this job is in line. False: nothing of it waits. */
bool queue_place(struct queue *q, const struct uuid *job, struct engine_place *ret);

/** What a priority is worth, in points of the formula above. */
double queue_worth(int32_t priority);

SL_END_DECLS
