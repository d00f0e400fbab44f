/* What the parts of the outbox share. Not for anybody else.
 *
 *   subscriber.c  who is told
 *   record.c      a delivery as it is stored, and its keys
 *   move.c        added, tried, delivered, dead, redelivered
 *   sweep.c       what time does
 *   turned_back.c what a clock that is turned back does
 *   list.c        lists for people */
#pragma once

#include "core/outbox.h"
#include "core/wire.h"

enum { OUTBOX_KEY_MAX = 33, OUTBOX_RECORD_MAX = 16 * 1024 };

struct outbox_key {
	uint8_t at[OUTBOX_KEY_MAX];
	size_t len;
};

static inline struct bytes outbox_key_bytes(const struct outbox_key *k)
{
	return bytes_of(k->at, k->len);
}

/** letter + be64 + be64 */
struct outbox_key outbox_key2(char letter, uint64_t a, uint64_t b);
/** letter + be64 + be64 + be64 */
struct outbox_key outbox_key3(char letter, uint64_t a, uint64_t b, uint64_t c);
/** 'j' + job + sub + number */
struct outbox_key outbox_job_key(struct uuid job, uint64_t subscriber, uint64_t number);
/** Is `key` in the same `prefix` bytes as `of`, and of its length? */
bool outbox_same(struct bytes key, const struct outbox_key *of, size_t prefix);
/** The i-th be64 behind the letter. */
static inline uint64_t outbox_part(struct bytes key, size_t i)
{
	return wire_from_be((const uint8_t *)key.at + 1 + 8 * i, 8);
}

/** Put it where it belongs: pending or, with `dead`, dead. Returns its size. */
size_t outbox_put(struct store_txn *txn, const struct delivery *d);
SL_MUST_USE int outbox_decode(struct bytes record, uint64_t subscriber, uint64_t number,
			      struct delivery *ret);
/** Into memory of `keep`, so that it outlives writes; `*ret_size` is its record's. */
SL_MUST_USE int outbox_load(struct store_txn *txn, char letter, uint64_t subscriber,
			    uint64_t number, struct buf *keep, struct delivery *ret,
			    size_t *ret_size);

/** The first record of `letter` ('d' or 'x') with a number from `from` on. */
SL_MUST_USE int outbox_first(struct store_txn *txn, char letter, uint64_t subscriber, uint64_t from,
			     uint64_t *ret);

/* subscriber.c: counts, written back with outbox_put_subscriber(). `keep` holds the key. */
SL_MUST_USE int outbox_load_subscriber(struct store_txn *txn, uint64_t number, struct buf *keep,
				       struct subscriber *ret);
void outbox_put_subscriber(struct store_txn *txn, const struct subscriber *s);
/** The first deleted one, or SL_E_NOT_FOUND. */
SL_MUST_USE int outbox_garbage(struct store_txn *txn, uint64_t *ret);
void outbox_forget(struct store_txn *txn, uint64_t number);

/* move.c */
/** Erase a dead one. */
SL_MUST_USE int outbox_erase_dead(struct store_txn *txn, struct subscriber *s, uint64_t number);
/** A pending one dies for `why`. */
SL_MUST_USE int outbox_kill(struct store_txn *txn, struct subscriber *s, uint64_t number,
			    enum dead_why why, int64_t now_ms, const struct outbox_limits *limits);
