/* A file as an answer: the whole of it or one range, read piece by piece as its reader takes
 * it. What the file has when it is opened is what is sent; one that shrinks meanwhile breaks
 * the answer off.
 *
 * Layer 3. The connection's thread. */
#pragma once

#include "api/api.h"

struct byte_range {
	int64_t from, length;
	bool part; /**< Not the whole: 206. */
};

SL_BEGIN_DECLS

/** What `Range` asks of a file of `size` bytes: "bytes=5-", "bytes=5-9", "bytes=-5". What is
 * no such range, or several, asks for the whole. SL_E_INVALID: nothing of it is there. */
SL_MUST_USE int range_read(struct bytes header, int64_t size, struct byte_range *ret);

/** Answer with the regular file `fd`, which is taken in any case; `name` is its last part. */
SL_MUST_USE int artifact_send(struct api *api, struct request *req, int fd, const char *name,
			      struct reply *reply);

/** Append `text` as it goes into a path: percent-encoded. */
void artifact_escape(struct buf *to, struct bytes text);

SL_END_DECLS
