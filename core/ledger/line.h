/* Jobs in the store that wait for one plugin, in the order in which they began to: so many
 * as there may be cost no memory, and outlive the process.
 *
 *   LINE_PLACE    parked: they wait for a place among the plugin's maxInFlight calls
 *   LINE_ANSWER   suspended: the plugin cannot be asked just now
 *
 * A job stands in the line that job_line_of() says; it joins and leaves with the writes of
 * its record. INDEX which+plugin+0+be64(since ms)+id, which is 'q' or 'w'.
 *
 * Layer 2. Threads: reads in any transaction; ledger_line_up() is for core/ledger/ledger.c. */
#pragma once

#include "core/job.h"
#include "store/store.h"

enum line_kind { LINE_PLACE = 'q', LINE_ANSWER = 'w' };

/** Where a job stands. */
struct line_at {
	int64_t since_ms;
	struct uuid id;
};

SL_BEGIN_DECLS

/** The first `max` of a line that stand behind `after` (NULL: of all). Fewer: that is its
 * end. */
SL_MUST_USE int ledger_line(struct store_txn *txn, enum line_kind kind, struct bytes plugin,
			    const struct line_at *after, struct line_at *ret, size_t max,
			    size_t *ret_n);

/** `plugin` is borrowed for the length of the call; false ends. */
typedef bool (*ledger_line_fn)(void *user, struct bytes plugin);
/** Each plugin that somebody waits for, whatever the length of its line. */
SL_MUST_USE int ledger_lines(struct store_txn *txn, enum line_kind kind, ledger_line_fn each,
			     void *user);

void ledger_line_up(struct store_txn *txn, struct job *job);

SL_END_DECLS
