/* The feed: every state change of every job, in the order in which they became durable.
 *
 * The ledger appends an entry in the transaction of the change itself, so a change
 * without an entry, or an entry without its change, cannot be. Entries carry numbers
 * that only grow, over restarts too. The event stream of the API reads them, and LifeHook
 * deliveries are made from them before their transaction is committed (core/hooks).
 *
 * Key: FEED be64(number). Kept for FEED_KEEP_MS and at most FEED_MAX of them: each new
 * entry lets go of a few that are over it; the newest always stays, it knows the number.
 *
 * Layer 2. Threads: reads in any read transaction; writes on the writer's thread. What is
 * read is borrowed until the next write or the end of the transaction. */
#pragma once

#include "core/job.h"
#include "store/store.h"

enum { FEED_KEEP_MS = 24 * 3600 * 1000, FEED_MAX = 1000000 };

struct feed_entry {
	uint64_t number; /**< From 1. */
	struct uuid job;
	enum job_state state, previous;
	uint32_t sequence; /**< Of the job's changes, from 1; with 1 `previous` says nothing. */
	int64_t time_ms;
	struct bytes user, name, kind, reason, reason_code;
};

SL_BEGIN_DECLS

/** `job` has just moved to its state from `previous` (any, when it has just begun). */
void feed_append(struct store_txn *txn, const struct job *job, enum job_state previous);

/** The number of the newest entry; 0 when there never was one. */
SL_MUST_USE int feed_newest(struct store_txn *txn, uint64_t *ret);
/** The number of the oldest that is kept; 0 when there is none. */
SL_MUST_USE int feed_oldest(struct store_txn *txn, uint64_t *ret);

/** Called for each entry; returns false to end. */
typedef bool (*feed_entry_fn)(void *user, const struct feed_entry *entry);
/** Those whose number is greater than `after`, in order. SL_E_GONE: some of them are no
 * longer kept (feed_oldest() says where the feed begins); nobody was called then. */
SL_MUST_USE int feed_read(struct store_txn *txn, uint64_t after, feed_entry_fn each, void *user);

/** Append what a LifeHook and a reader of the stream is sent: a JSON object. */
void feed_body(const struct feed_entry *entry, struct buf *to);

/* The stored form, also of what is kept of an entry elsewhere. */
void feed_encode(const struct feed_entry *entry, struct buf *to);
/** All but the number; strings are borrowed from `record`. SL_E_CORRUPT. */
SL_MUST_USE int feed_decode(struct bytes record, struct feed_entry *ret);

SL_END_DECLS
