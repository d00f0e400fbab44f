/* Erasing jobs that are final: by request, or because they are old or too many.
 *
 * One transaction takes the record out of the book, with its index and counters: from then
 * on the job is gone for everybody. The same transaction leaves a mark, with the engine's
 * name; what is large (documents, events, replicas, and the engine's files) goes later, in
 * small steps, and the mark last. So a crash at any point leaves either the whole job or a
 * mark from which the rest is carried out.
 *
 * Keys: INDEX 'f'+be64(end of the job)+id for each final job · INDEX 'e'+id -> engine, the
 * mark · META "erased": the newest id that was erased, so that ids go on behind it.
 *
 * Layer 2. Threads: as core/ledger/ledger.h. */
#pragma once

#include "core/ledger/ledger.h"

struct ledger_mark {
	struct uuid id;
	char engine[JOB_NAME_MAX + 1]; /**< "" where no engine had it. */
};

/** What is kept of final jobs. */
struct retention {
	int64_t before_ms; /**< Those that ended before this moment go. */
	uint64_t count;    /**< And the oldest ones over this number. */
};

SL_BEGIN_DECLS

/** For core/ledger/ledger.c: an entry by the job's end. */
void ledger_put_ended(struct store_txn *txn, const struct job *job, bool there);

/** Take a final job out of the book. SL_E_CONFLICT: it is not final. */
SL_MUST_USE int ledger_erase(struct store_txn *txn, const struct job *job);
/** Likewise with at most `most` of those that are not to be kept; `*ret_n`: how many it
 * were. */
SL_MUST_USE int ledger_erase_old(struct store_txn *txn, const struct retention *keep, size_t most,
				 size_t *ret_n);

/** The first mark behind `after` (nil: of all). SL_E_NOT_FOUND: there is none. */
SL_MUST_USE int ledger_next_mark(struct store_txn *txn, struct uuid after, struct ledger_mark *ret);
/** Remove at most `*left` entries of what is left of a marked job, and count `*left` down;
 * everything is gone when it does not end at 0. */
SL_MUST_USE int ledger_erase_rest(struct store_txn *txn, struct uuid id, size_t *left);
void ledger_drop_mark(struct store_txn *txn, struct uuid id);

/** The newest id that was erased, or nil. */
SL_MUST_USE int ledger_newest_erased(struct store_txn *txn, struct uuid *ret);

SL_END_DECLS
