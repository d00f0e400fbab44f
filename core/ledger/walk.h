/* Walks over the jobs that match a filter, in the order of submission or against it.
 *
 * States, users, kinds and the name have an index each. A walk reads the one key after the
 * other that stands in all of those that the filter names (several values of one are merged),
 * leaping over what only some of them hold: so it costs what is found, and at most the
 * shortest of these lists, however many jobs there are. Reason codes, the plugin and exact
 * times have no index: there the records must be read, and one that does not match is a miss.
 * A walk can be given an end to its misses and be taken up where it ended, in another
 * transaction: that way nobody's question holds one for long.
 *
 * Layer 2. Threads: in any read transaction. Jobs are borrowed as core/ledger/ledger.h says. */
#pragma once

#include "core/ledger/ledger.h"

/** One walk. What is not set is zero; it may go on with the same one after it has ended. */
struct job_walk {
	const struct job_filter *filter;
	bool newest_first;
	struct uuid after; /**< Behind this job (nil: from the beginning). Afterwards: the last one
				that was looked at. */
	uint64_t skip;     /**< So many matches are passed over. Counted down. */
	uint64_t most;     /**< It ends behind so many others. Counted down. */
	size_t misses;     /**< And after so many records that did not match. Counted down. */
	bool more;         /**< Afterwards: not all were looked at. */
};

SL_BEGIN_DECLS

/** Call `each` (NULL: only count down) for every match but skipped ones; it returns false to
 * end. SL_E_NO_MEMORY, SL_E_CORRUPT: a record cannot be read. */
SL_MUST_USE int job_walk(struct store_txn *txn, struct job_walk *w, ledger_job_fn each, void *user);

SL_END_DECLS
