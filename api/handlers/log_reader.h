/* Reading one log of a replica from where one stopped last, as text or as lines of JSON.
 *
 * A log file is opened for each reading and only remembered by its offset, so that many
 * who follow many logs hold no descriptors. Lines are handed on whole; one longer than
 * LOG_LINE_MAX goes out in parts, of which all but the last say "partial": true. Bytes
 * that are no UTF-8 become U+FFFD in JSON; text stays as it is, byte for byte.
 *
 * Layer 3. One thread. */
#pragma once

#include "api/stream.h"
#include "core/base/buf.h"
#include "core/engine_port.h"

enum { LOG_LINE_MAX = 16 * 1024 };

enum log_end {
	LOG_GOES_ON, /**< Keep what is no whole line yet for the next time. */
	LOG_ENDS,    /**< Hand on everything. */
};

/** Which log, and how far it was read. Zero it but for its name. */
struct log_place {
	uint32_t role, index; /**< The role as a position. */
	uint8_t stream;       /**< 0 stdout, 1 stderr */
	bool begun;           /**< `at` is where to go on. */
	int64_t at;
	uint32_t time_next; /**< The first record of the times that was not read. */
	int64_t wall_ms;    /**< The time of what stands at `at`, or 0. */
};

struct log_reader {
	struct engine *engine;
	struct uuid job;
	bool json;   /**< As lines of JSON. */
	bool raw;    /**< Text: hand on what is there, be it whole lines or not. */
	bool broken; /**< Text: the last byte handed on, of `last`, was no newline. */
	struct log_place last;
	struct stream *to;
	struct buf out;
};

SL_BEGIN_DECLS

void log_reader_init(struct log_reader *r);
void log_reader_fini(struct log_reader *r);

/** Hand on what is new since `at` (with `tail` >= 0 the first time: only the last so many
 * lines). SL_E_CANCELED: the reader has gone. A log that is not there is empty. */
SL_MUST_USE int log_read(struct log_reader *r, struct log_place *at, struct bytes role_name,
			 int64_t tail, enum log_end end);

extern const char *const log_stream_name[2];

SL_END_DECLS
