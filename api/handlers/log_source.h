/* The logs of a job as a stream: once, or followed until the job is final.
 *
 * A follower sleeps until the engine says that a log has grown, or the job has moved. It
 * reads one log after another, and each only from where it stopped, so that a job's
 * output costs each of its readers one reading.
 *
 * Layer 3. Made on the connection's thread and used there. */
#pragma once

#include "api/api.h"
#include "api/handlers/log_reader.h"

enum { LOG_PLACES_MAX = 2000 }; /**< Logs that one reader may follow. */

struct log_query {
	struct bytes role;  /**< Empty: all; borrowed for log_source_create(). */
	int64_t replica;    /**< -1: all */
	int64_t tail;       /**< -1: whole */
	const char *stream; /**< NULL: both; a literal */
	bool follow, json;
};

struct log_source;

SL_BEGIN_DECLS

/** Of the job, which the caller may see. */
SL_MUST_USE int log_source_create(struct api *api, struct uuid job, const struct log_query *query,
				  struct log_source **ret, struct sl_error *err);
struct log_source *log_source_free(struct log_source *s);

extern const struct stream_ops log_stream_ops; /**< Its user is the source, which it owns. */

/** Before it runs: the stream that it is to be woken through. */
void log_source_bind(struct log_source *s, struct stream *stream);

SL_DEFINE_SCOPED(struct log_source, log_source_free)

SL_END_DECLS
