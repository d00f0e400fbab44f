/* What a subscriber's answer means. Layer 2, pure. */
#pragma once

#include "core/calls/caller.h"

enum ack {
	ACK_AGAIN, /**< RE, and everything that is not understood. */
	ACK_OK,
	ACK_EXCEPTION, /**< EX: not sent again. */
	ACK_GONE,      /**< 410: nothing more is sent. */
};

/** `words` gets what the subscriber said with EX, or what was wrong: it is appended. */
enum ack ack_read(const struct ask_result *result, struct buf *words);

/** Has it said RE, or was it ACK_AGAIN for want of an answer that can be understood? */
bool ack_is_retry(const struct ask_result *result);
