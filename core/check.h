/* Does what is stored agree with itself?
 *
 * Every entry of every table is decoded, and what is told twice is compared: the index and
 * the counters with the jobs, timers, lines and holds with what jobs say of themselves,
 * logs with states, patches with the digests of what plugins were sent, the feed with the
 * jobs, deliveries with their subscribers, ranks with features, tokens with their hashes.
 * Nothing is written and nothing mended; whatever is wrong is told where it lies.
 *
 * Its rules are written down here once more, apart from the code that writes. Whoever
 * gives a table another kind of entry adds it here: an unknown one is wrong.
 *
 * Layer 2. Threads: any; everything is read in one transaction, so on a store that nobody
 * uses, or in tests. Memory: 24 bytes for each entry of the feed, and what is registered. */
#pragma once

#include "core/base/buf.h"
#include "store/store.h"

/** Something that is wrong. */
struct check_fault {
	enum store_table table;
	struct bytes key; /**< Of the entry; empty: of the table as a whole. */
	const char *words;
};

struct check_config {
	/** NULL, or the key that opens the secrets of features. */
	const uint8_t *secret_key;
	void (*fault)(void *user, const struct check_fault *fault);
	/** So many of about so many entries are seen; often. May be NULL. */
	void (*progress)(void *user, uint64_t done, uint64_t all);
	/** A feature whose secrets cannot be opened with the key, or without one. May be NULL. */
	void (*sealed)(void *user, struct bytes feature);
	void *user;
};

struct check_sum {
	uint64_t entries, jobs, features, tokens, deliveries, faults;
};

SL_BEGIN_DECLS

/** 0 also when faults were told: `ret->faults`. A negative code: it could not be done. */
SL_MUST_USE int check_store(struct store_txn *txn, const struct check_config *config,
			    struct check_sum *ret);

/** "jobs 0192...: its timer is missing": a line for a person. */
void check_tell(const struct check_fault *fault, struct buf *to);

SL_END_DECLS
