/* How many jobs there are, for /metrics: by state, and the unfinished ones by what holds
 * them. Reads counters, never jobs: the time it takes is bounded.
 *
 * The METER_JOBS_PLUGINS plugins that hold most jobs have series of their own, the rest is
 * `other`; gates may give reason codes of their own, so their number is bounded, too.
 * Layer 2. Any thread, inside a read transaction. */
#pragma once

#include "core/base/metric.h"
#include "core/ledger/ledger.h"

enum {
	METER_JOBS_PLUGINS = 100,
	METER_JOBS_SERIES = 2000,   /**< Of single plugins. */
	METER_JOBS_GROUPS = 100000, /**< Counters that are read; the rest is `other`. */
};

SL_BEGIN_DECLS

SL_MUST_USE int meter_write_jobs(struct store_txn *txn, struct buf *to);

SL_END_DECLS
