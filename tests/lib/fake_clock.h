/* Clocks that a test turns by hand. One thread. */
#pragma once

#include "core/base/clock.h"

struct fake_clock {
	struct clock base; /* first */
	int64_t now_wall_ms, now_mono_us;
};

static inline int64_t fake_clock_wall(const struct clock *c)
{
	return container_of(c, struct fake_clock, base)->now_wall_ms;
}

static inline int64_t fake_clock_mono(const struct clock *c)
{
	return container_of(c, struct fake_clock, base)->now_mono_us;
}

static inline void fake_clock_init(struct fake_clock *c, int64_t wall_ms)
{
	*c = (struct fake_clock){{fake_clock_wall, fake_clock_mono}, wall_ms, 1000000};
}

static inline void fake_clock_pass(struct fake_clock *c, int64_t ms)
{
	c->now_wall_ms += ms;
	c->now_mono_us += ms * 1000;
}
