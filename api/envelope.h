/* The bytes of an answer: status line, headers, and the envelope
 * {"code","msg","payload"}; the only place that writes them. */
#pragma once

#include "api/request.h"

struct envelope {
	bool always_200; /**< Every /v1 answer has status 200. */
	bool keep;       /**< The connection goes on. */
	bool headless;   /**< HTTP/1.0 has no chunks: a stream ends with its connection. */
	bool no_body;    /**< HEAD. */
	int64_t hsts_s;  /**< Strict-Transport-Security; 0: none. */
};

SL_BEGIN_DECLS

/** The status of an answer, whatever always_200 makes of it. */
unsigned envelope_status(const struct reply *reply);

/** Append the whole answer (of a stream only the head), so that it is one write. An
 * answer that cannot be built becomes a small INTERNAL_ERROR; what still fails (no
 * memory) is told by a negative code. Returns the HTTP status. */
SL_MUST_USE int envelope_write(struct reply *reply, struct bytes path, const struct envelope *how,
			       struct buf *to);

SL_END_DECLS
