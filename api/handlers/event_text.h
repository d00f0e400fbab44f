/* An event as a reader of GET /v1/events is sent it, and the id that it brings back with it when
 * it comes again (Server-Sent Events).
 *
 * Layer 3, pure. */
#pragma once

#include "core/ledger/feed.h"

SL_BEGIN_DECLS

/** Append it: its number as the id, one line of data, an empty line. */
void event_text(const struct feed_entry *entry, struct buf *to);

/** Last-Event-ID: the number of an event of this stream, or 0 where it began. SL_E_INVALID. */
SL_MUST_USE int event_read_id(struct bytes id, int64_t *ret, struct sl_error *err);

SL_END_DECLS
