/* What a call to a plugin says in its headers: who, about what, signed. Inside core/calls/caller;
 * caller_sign() is declared in core/calls/caller.h. Layer 2, pure but for the time it is given. */
#pragma once

#include "core/calls/caller.h"
#include "core/calls/signer.h"

enum { CALLER_HEADERS_MAX = 16, CALLER_HEADER_BYTES_MAX = 16 * 1024 };

struct caller_head {
	const struct ask *ask; /**< Its webhook_id and traceparent as copied. */
	uint32_t attempt, timeout_ms;
	int64_t now_ms;        /**< Wall time. */
	struct signer *signer; /**< Or NULL. */
};

SL_BEGIN_DECLS

/** Write the headers into `text`, which is emptied first, and point `line` at them
 * (NULL-terminated). */
SL_MUST_USE int caller_head_make(const struct caller_head *head, struct buf *text,
				 const char *line[CALLER_HEADERS_MAX]);

SL_END_DECLS
