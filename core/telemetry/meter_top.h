/* The hundred that matter most, and all others in one: how a label with names that anybody
 * can add stays bounded. Layer 2, pure. */
#pragma once

#include "core/base/metric.h"

enum { METER_TOP = 100, METER_TOP_KEY = 256 };

struct top_row {
	char key[METER_TOP_KEY];
	uint64_t rank;
	uint64_t sum;  /**< Added up among the others. */
	uint64_t most; /**< The greatest counts among the others. */
};

struct meter_top {
	struct top_row row[METER_TOP], other;
	size_t n;
	bool others;
};

SL_BEGIN_DECLS

void top_add(struct meter_top *top, struct bytes key, uint64_t rank, uint64_t sum, uint64_t most);
/** A sample {plugin=KEY} for each: their `sum`, or their `most`. */
void top_write_sum(const struct meter_top *top, const char *name, struct buf *to);
void top_write_most(const struct meter_top *top, const char *name, struct buf *to);
/** `most` is microseconds, shown as seconds. */
void top_write_most_us(const struct meter_top *top, const char *name, struct buf *to);

SL_END_DECLS
