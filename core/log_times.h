/* When a log's bytes came: what an engine writes beside a log file, for GET /v1/job/logs.
 *
 * Records of 16 bytes, big-endian: an offset in the log, and the wall time (Unix
 * milliseconds) at which the byte there was read from its replica; both grow. What stands
 * behind a record's offset came then or later, and before the next record's time. A log
 * without this file has no times. */
#pragma once

#include "core/wire.h"

enum { LOG_TIME_SIZE = 16 };

/** A record with a later time (behind the year 9999), or with none, is damaged. */
#define LOG_TIME_MAX_MS INT64_C(253402300799999)

struct log_time {
	int64_t offset, wall_ms;
};

static inline void log_time_put(uint8_t to[LOG_TIME_SIZE], struct log_time t)
{
	wire_be64(to, (uint64_t)t.offset);
	wire_be64(to + 8, (uint64_t)t.wall_ms);
}

static inline struct log_time log_time_get(const uint8_t from[LOG_TIME_SIZE])
{
	return (struct log_time){(int64_t)wire_from_be(from, 8),
				 (int64_t)wire_from_be(from + 8, 8)};
}
