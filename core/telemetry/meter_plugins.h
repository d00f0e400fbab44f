/* How plugins stand, for /metrics: calls in flight and breakers of those that are called,
 * deliveries that wait or are dead of LifeHooks. At most METER_TOP of each by name.
 *
 * Layer 2. Any thread; hooks inside a read transaction. */
#pragma once

#include "core/calls/standing.h"
#include "core/outbox.h"

SL_BEGIN_DECLS

/** Of one or two books (stages, LifeHooks); either may be NULL. */
SL_MUST_USE int meter_write_standings(struct standings *stages, struct standings *hooks,
				      struct buf *to);
SL_MUST_USE int meter_write_hooks(struct store_txn *txn, int64_t now_ms, struct buf *to);

SL_END_DECLS
