/* The audit log: who changed what, from where, and what it was before and after.
 *
 * An entry is written in the transaction of the change itself, so a change without an
 * entry, or an entry without its change, cannot be. What changes nothing leaves none.
 * Entries carry numbers that only grow and times that never go back. No secret may be
 * handed in: whoever makes `before` and `after` leaves them out.
 *
 * Key: AUDIT be64(number). Kept for AUDIT_KEEP_DAYS days, at most AUDIT_MAX of them and
 * AUDIT_BYTES_MAX; each new entry lets go of some that are over it, oldest first.
 *
 * Layer 2. Threads: reads in any read transaction; audit_append() in a writing one;
 * audit_write() on any thread that may sleep. What is read is borrowed until the end of the
 * transaction. */
#pragma once

#include "core/base/buf.h"
#include "store/writer.h"

enum {
	AUDIT_KEEP_DAYS = 400,
	AUDIT_MAX = 1000000,
	AUDIT_BYTES_MAX = 256 << 20,
	AUDIT_PART_MAX = 64 << 10, /**< Of `before` and of `after`: a greater one is left out. */
};

/** Who does it. */
struct audit_by {
	struct bytes token;   /**< Its id; of what no token does, a word for it. */
	struct bytes address; /**< Where the request came from, or a word for it. */
};

/** One entry to be. Borrowed for the length of the call; texts are UTF-8. */
struct audit_entry {
	struct audit_by by;
	int64_t time_ms;
	const char *action;  /**< "feature.delete": what it is about, what is done. */
	struct bytes target; /**< Which one: a name, a key, an id. */
	struct bytes reason; /**< As somebody gave it, or empty. */
	struct bytes before; /**< A JSON text, or empty. */
	struct bytes after;  /**< Likewise. */
};

struct audit_shown {
	uint64_t number; /**< From 1. */
	int64_t time_ms;
	struct bytes text; /**< A JSON object with id, time, token, address, action, ... */
};

SL_BEGIN_DECLS

/** Put it into the transaction; what fails sticks to that. `entry` NULL does nothing: the
 * change is nobody's. */
void audit_append(struct store_txn *txn, const struct audit_entry *entry);
/** In a transaction of its own; sleeps until it is on disk. */
SL_MUST_USE int audit_write(struct writer *writer, const struct audit_entry *entry);

/** A stored entry taken apart; borrowed from `val`. SL_E_CORRUPT. */
SL_MUST_USE int audit_decode(struct bytes key, struct bytes val, struct audit_shown *ret);

/** Which to read. */
struct audit_range {
	int64_t since_ms, until_ms; /**< From this time, before that one. */
	uint64_t beyond;            /**< Behind this number in the order asked for; 0: none. */
	bool newest_first;
};

/** Called for each; returns false to end. */
typedef bool (*audit_fn)(void *user, const struct audit_shown *entry);
SL_MUST_USE int audit_read(struct store_txn *txn, const struct audit_range *range, audit_fn each,
			   void *user);

SL_END_DECLS
