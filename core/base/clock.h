/* Time as a port: the system's clocks, or one that a test turns by hand.
 *
 * Wall time is Unix milliseconds UTC, for people and for what is stored; monotonic
 * time is for time-outs. Any thread. */
#pragma once

#include "core/base/base.h"

struct clock {
	int64_t (*wall_ms)(const struct clock *clock);
	int64_t (*mono_us)(const struct clock *clock);
};

enum {
	TIME_TEXT_SIZE = 32,
	CLOCK_BACK_LEAST_MS = 1000, /**< A clock that is turned back by less is not minded. */
};

/** Who looks whether the time of day was turned back. */
struct clock_watch {
	int64_t ahead_ms; /* of the monotonic one, when last looked */
};

SL_BEGIN_DECLS

extern const struct clock clock_system;

static inline int64_t clock_wall_ms(const struct clock *c) { return c->wall_ms(c); }
static inline int64_t clock_mono_us(const struct clock *c) { return c->mono_us(c); }
static inline int64_t clock_mono_ms(const struct clock *c) { return c->mono_us(c) / 1000; }

void clock_watch_begin(struct clock_watch *watch, const struct clock *clock);
/** By how much it was turned back since it was looked at last, or 0. */
int64_t clock_watch_look(struct clock_watch *watch, const struct clock *clock);

/** RFC 3339 in UTC with milliseconds: "2026-11-21T20:00:00.000Z". Returns `out`. */
const char *time_format(int64_t wall_ms, char out[TIME_TEXT_SIZE]);

/** Read RFC 3339 ("Z" or an offset; fraction optional, cut to milliseconds). 0 or SL_E_INVALID. */
int time_parse(struct bytes text, int64_t *ret_wall_ms);

SL_END_DECLS
