/* A circuit breaker: whether something that keeps failing is asked at all.
 *
 *   CLOSED --10 failures in a row, or 50 calls and over half of the last 50--> OPEN
 *   OPEN   --5 s later, the next call--> PROBING --it fails--> OPEN
 *                                                \--it succeeds--> CLOSED, all forgotten
 *
 * Pure: no clock, no lock, no allocation; the caller feeds it the (monotonic) time. What
 * comes of calls that were under way when it opened counts for nothing: the probe decides.
 * Layer 2. Threads: the owner's. */
#pragma once

#include "core/base/base.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

enum { BREAKER_ROW = 10, BREAKER_WINDOW = 50, BREAKER_OPEN_MS = 5000 };

struct breaker {
	enum breaker_state state;
	uint32_t row;      /**< Failures in a row. */
	uint32_t calls;    /**< That `last` knows of, at most BREAKER_WINDOW. */
	uint64_t last;     /**< A bit for each of them, the newest lowest; 1: failed. */
	int64_t until_ms;  /**< While OPEN: not asked before. */
	uint64_t openings; /**< How often it opened. */
};

SL_BEGIN_DECLS

const char *breaker_state_name(enum breaker_state state); /**< "closed", "open", "probing". */

/** May a call be made now? */
bool breaker_lets(const struct breaker *b, int64_t now_ms);
/** One is made (breaker_lets() said yes); true: it is the probe. */
bool breaker_begin(struct breaker *b, int64_t now_ms);
/** What came of it. */
void breaker_end(struct breaker *b, bool probe, bool failed, int64_t now_ms);
/** Nothing came of it: it was dropped, or failed by our own fault. */
void breaker_abandon(struct breaker *b, bool probe, int64_t now_ms);
/** Has it nothing to remember? */
bool breaker_is_blank(const struct breaker *b);

SL_END_DECLS
