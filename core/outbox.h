/* The outbox: which LifeHook plugins are to be told of which state changes, and how far
 * that has got. All of it is in the store; nothing here sends anything.
 *
 * A subscriber is one LifeHook plugin from its registration to its deletion: it has a
 * number that is never given again, so what was meant for a deleted one reaches nobody
 * who comes under the same key later. Its deliveries are numbered as the feed is.
 *
 * Of the deliveries of one job to one subscriber only the first that is pending is
 * queued, at the time when it may be sent; when it is delivered or dead the next one is.
 *
 *   pending --(delivered)--> gone from here
 *      |  ^
 *      v  | redelivered
 *     dead --(kept for a while)--> gone from here
 *
 * Keys:  HOOKS 'k'+plugin key -> number · 'n'+number -> record · 'g'+number: deleted, its
 *              deliveries are still to be erased · 'c' -> newest number
 *        OUTBOX 'd'+sub+be64(number) -> pending · 'x'+sub+be64(number) -> dead
 *              'q'+sub+be64(due ms)+be64(number): queued · 'j'+job+sub+be64(number) -> dead?
 *              'e'+be64(dead since ms)+sub+be64(number)      where sub is be64
 *
 * Layer 2. Threads: reads in any read transaction; writes on the writer's thread. */
#pragma once

#include "core/ledger/feed.h"

/** Why a delivery is dead. */
enum dead_why {
	DEAD_NOT,
	DEAD_EXCEPTION, /**< The subscriber said EX. */
	DEAD_GONE,      /**< It said 410. */
	DEAD_EXPIRED,   /**< Nobody took it in time. */
	DEAD_OVERFLOW,  /**< Too many were pending. */
	DEAD_WHYS,
};

enum { OUTBOX_WORDS_MAX = 1024 };

struct delivery {
	uint64_t subscriber, number;
	int64_t queued_ms; /**< When its clock began: the event, or a redelivery. */
	int64_t due_ms;    /**< Not to be sent before. */
	int64_t tried_ms;  /**< The last attempt, or 0. */
	int64_t dead_ms;
	enum dead_why dead;
	uint32_t attempts;
	uint32_t status;         /**< Of the last answer, or 0. */
	struct bytes words;      /**< What it said, or what went wrong. */
	struct feed_entry entry; /**< What it tells; its number is the delivery's. */
};

struct subscriber {
	uint64_t number;
	struct bytes key; /**< The plugin's. */
	uint64_t pending, pending_bytes, dead, dead_bytes;
	int64_t gone_ms; /**< It answered 410, or 0. */
	uint32_t turns;  /**< How often its feature was turned on. */
};

struct outbox_limits {
	uint64_t pending_max, bytes_max; /**< Of one subscriber; of its dead ones likewise. */
	int64_t retry_for_ms, keep_dead_ms;
};

SL_BEGIN_DECLS

/* ---- subscribers ---- */

/** Take one up, or find it again: what is meant for it from now on is kept. */
SL_MUST_USE int outbox_subscribe(struct store_txn *txn, struct bytes key);
/** Its deliveries are dropped: from now on nobody sees them, outbox_sweep() erases them. */
SL_MUST_USE int outbox_unsubscribe(struct store_txn *txn, struct bytes key);
/** It answered 410 to a call that was made when its feature had been turned on `turns`
 * times: if it was turned on since then that means nothing. */
SL_MUST_USE int outbox_gone(struct store_txn *txn, uint64_t subscriber, uint32_t turns,
			    int64_t now_ms);
/** Its feature was turned on. */
SL_MUST_USE int outbox_turned_on(struct store_txn *txn, struct bytes key);
/** SL_E_NOT_FOUND. `ret->key` is borrowed. */
SL_MUST_USE int outbox_find(struct store_txn *txn, struct bytes key, struct subscriber *ret);
SL_MUST_USE int outbox_get(struct store_txn *txn, uint64_t subscriber, struct subscriber *ret);
/** The first with a number greater than `after`: SL_E_NOT_FOUND behind the last. */
SL_MUST_USE int outbox_next(struct store_txn *txn, uint64_t after, struct subscriber *ret);

/* ---- deliveries ---- */

/** One more for this subscriber; when that is too much its oldest pending ones die. The
 * strings of `entry` must not be borrowed from the transaction. */
SL_MUST_USE int outbox_add(struct store_txn *txn, uint64_t subscriber,
			   const struct feed_entry *entry, const struct outbox_limits *limits);

/** `ret` is borrowed. */
SL_MUST_USE int outbox_read(struct store_txn *txn, uint64_t subscriber, uint64_t number,
			    struct delivery *ret);

/** Called for each queued delivery; returns false to end. */
typedef bool (*outbox_queued_fn)(void *user, int64_t due_ms, uint64_t number);
/** In the order in which they are due. */
SL_MUST_USE int outbox_queued(struct store_txn *txn, uint64_t subscriber, outbox_queued_fn each,
			      void *user);

/** The first pending one of this job behind `number`, queued or not. SL_E_NOT_FOUND. */
SL_MUST_USE int outbox_following(struct store_txn *txn, struct uuid job, uint64_t subscriber,
				 uint64_t number, uint64_t *ret);

/* What became of one: all of these are fine with one that is no longer there. */
SL_MUST_USE int outbox_delivered(struct store_txn *txn, uint64_t subscriber, uint64_t number);
/** An attempt failed: its members due_ms, tried_ms, attempts, status and words are kept. */
SL_MUST_USE int outbox_again(struct store_txn *txn, const struct delivery *now);
/** Likewise, and it is dead, as `now->dead` says. */
SL_MUST_USE int outbox_die(struct store_txn *txn, const struct delivery *now,
			   const struct outbox_limits *limits);
/** A dead one is pending once more. SL_E_NOT_FOUND: there is no such dead one. */
SL_MUST_USE int outbox_redeliver(struct store_txn *txn, uint64_t subscriber, uint64_t number,
				 int64_t now_ms);
/** The dead of one subscriber whose event was at or after `since_ms`, at most `most` of
 * them. `*from` is the number to begin at, and afterwards where to go on; 0: that was all. */
SL_MUST_USE int outbox_redeliver_since(struct store_txn *txn, uint64_t subscriber, int64_t since_ms,
				       int64_t now_ms, size_t most, uint64_t *from, size_t *ret_n);

struct outbox_place { /* a delivery, for paging: zero is in front of all */
	uint64_t subscriber, number;
};

/* ---- what time does ---- */

/** The clock was turned back: pending ones that wait since what is the future now wait from
 * now on, as long as they were to; those that were never tried wait for nothing. At most
 * `most` are looked at, those behind `*at`, which becomes how far that got. */
SL_MUST_USE int outbox_turn_back(struct store_txn *txn, int64_t now_ms, size_t most,
				 struct outbox_place *at, bool *ret_more);
/** Looks likewise without writing, and ends in front of the first that wants it. */
SL_MUST_USE int outbox_wants_turn_back(struct store_txn *txn, int64_t now_ms, size_t most,
				       struct outbox_place *at, bool *ret_wants, bool *ret_more);

/** At most `most` deliveries: pending ones whose time is over die, dead ones and those of
 * deleted subscribers are erased. `*ret_more`: there is more to do at once. */
SL_MUST_USE int outbox_sweep(struct store_txn *txn, int64_t now_ms, size_t most,
			     const struct outbox_limits *limits, bool *ret_more);
/** Would outbox_sweep() find anything? For looking without writing. */
bool outbox_wants_sweep(struct store_txn *txn, int64_t now_ms, const struct outbox_limits *limits);

/* ---- lists ---- */

struct outbox_filter {
	bool pending, retrying, dead; /**< None: all. */
	uint64_t subscriber;          /**< 0: any. */
	struct uuid job;              /**< Nil: any. */
};

typedef bool (*outbox_delivery_fn)(void *user, const struct delivery *d);
/** Those that match, by subscriber and number, behind `*at`, which becomes where it ended:
 * `each` returned false, all were seen (`*ret_end`), or too many that did not match. */
SL_MUST_USE int outbox_walk(struct store_txn *txn, const struct outbox_filter *f,
			    struct outbox_place *at, outbox_delivery_fn each, void *user,
			    bool *ret_end);

const char *dead_why_name(enum dead_why why); /**< "exception", ... */

SL_END_DECLS
