/* Job ids: UUIDs of version 7 (RFC 9562, section 5.7), strictly increasing.
 *
 * The first 48 bits are Unix milliseconds, then 12 bits and 62 bits of which the 12
 * count up within a millisecond and the rest is random. A clock that steps back, or a
 * millisecond that is used up, borrows from the time to come instead of going back.
 * The generator belongs to one thread (the store's writer). */
#pragma once

#include "core/base/err.h"

struct uuid {
	uint8_t at[16];
};

enum { UUID_TEXT_SIZE = 37 };

struct id_source {
	uint64_t last; /**< Milliseconds << 12 | counter of the newest id. */
};

SL_BEGIN_DECLS

/** Go on behind `newest` (all zero for none): ids stay increasing over restarts. */
void id_source_init(struct id_source *ids, struct uuid newest);
struct uuid id_next(struct id_source *ids, int64_t wall_ms);

const char *uuid_format(struct uuid id, char out[UUID_TEXT_SIZE]); /**< Returns `out`. */
int uuid_parse(struct bytes text, struct uuid *ret); /**< 0 or SL_E_INVALID; any letter case. */
int64_t uuid_time_ms(struct uuid id);

static inline bool uuid_eq(struct uuid a, struct uuid b) { return memcmp(a.at, b.at, 16) == 0; }
static inline bool uuid_is_nil(struct uuid a)
{
	static const struct uuid nil = {{0}};
	return uuid_eq(a, nil);
}

SL_END_DECLS
