/* Inside the executor: what its files share. Not for other folders.
 *
 *   http.c   the ports: start, cancel, turn, wake; who goes next, who is done
 *   call.c   a call's own memory and its id
 *   lane.c   one reusable libcurl handle with its constant options, and its callbacks
 *   poll.c   libcurl's sockets and timer on an epoll of ours
 *   place.c  calls by the place they go to, and fair turns between places
 *   url.c    URLs that libcurl has parsed, kept for the next call to the same plugin
 *   why.c    libcurl's outcome as a code and words (also for request.c)
 *
 * A call is WAITING at its place until there is room, then in a LANE, then done. One that
 * failed before libcurl had it is on `failed` until the next turn.
 *
 * Threads: the loop's only, but for `woken` and `wake_fd`. */
#pragma once

#include <curl/curl.h>

#include "core/base/buf.h"
#include "net/addr.h"
#include "net/executor.h"
#include "net/place.h"
#include "net/poll.h"
#include "net/target.h"
#include "net/why.h"

enum {
	HTTP_HEADERS_MAX = 64 * 1024,     /**< Bytes of an answer's headers, interim ones too. */
	HTTP_CALLS_MAX = 1 << 20,         /**< Waiting and in flight. */
	HTTP_LANES_IDLE_MAX = 256,        /**< Kept for reuse. */
	HTTP_CALLS_IDLE_MAX = 256,        /**< Kept for reuse. */
	HTTP_ANSWER_KEPT_MAX = 32 * 1024, /**< A larger buffer is given back. */
	HTTP_BLOCK_MAX = 64 * 1024,       /**< A call's URL and headers. */
	HTTP_URLS = 512,                  /**< Parsed ones that are kept. */
};

struct http_call;

/** Parsing one costs libcurl more than all the rest that it does with it. */
struct url {
	unsigned refs; /**< Of the table and of calls. */
	uint64_t hash;
	CURLU *parsed;
	size_t len;
	char text[]; /**< NUL-terminated. */
};

struct urls {
	struct url *slot[HTTP_URLS]; /**< By hash; a newcomer takes the slot. */
};

/** A libcurl handle and what was last set on it. */
struct lane {
	struct list link; /**< In http.lanes while idle. */
	struct http *x;
	struct http_call *call; /**< NULL while idle. */
	CURL *easy;
	bool has_socket;
	uint32_t timeout_ms;
	struct sockaddr_storage peer; /**< Where the last connection of this call went. */
	char error[CURL_ERROR_SIZE];
};

struct http_call {
	struct list link; /**< place.waiting, http.failed, http.calls_idle or none. */
	struct place *place;
	struct lane *lane;
	call_id id;
	call_done_fn done;
	void *user;
	char *block; /**< Owned: texts and header nodes below. */
	size_t block_size;
	struct url *url;
	const char *socket;
	struct curl_slist *headers;
	struct bytes body;
	uint32_t timeout_ms;
	size_t answer_max;
	bool tls;
	int64_t started_us; /**< Of start(), then of the launch. */
	struct buf answer;
	size_t header_bytes;
	bool headed; /**< The empty line behind the headers was seen. */
	int64_t retry_after_ms;
	int rc; /**< Set by a callback that stops the transfer, with `why`. */
	char why[WHY_SIZE];
};

/** The upper half of an id must match the generation: an old id finds nothing. */
struct http_slot {
	struct http_call *call;
	uint32_t generation, next_free;
};

struct http {
	struct executor base;
	CURLM *multi;
	struct poll poll;
	struct places places;
	struct urls urls;
	struct http_config config; /**< Its pointers are our copies. */
	struct addr_rules rules;
	struct list lanes, calls_idle, failed;
	unsigned lanes_idle_count, calls_idle_count;
	bool turning;
	struct http_slot *slots; /**< By the lower half of an id, less one. */
	size_t slot_count;
	uint32_t free_slot; /**< First free one, plus one; 0: none. */
	uint64_t delivered;
	int64_t patience_us; /**< Earliest end of a waiting call's patience. */
};

SL_BEGIN_DECLS

/* lane.c */
struct lane *lane_create(struct http *x);
struct lane *lane_free(struct lane *lane);
SL_MUST_USE int lane_launch(struct lane *lane, struct http_call *call);
void lane_land(struct lane *lane); /**< Out of libcurl; the lane is free for another call. */
/** Fill rc, status, body, why. Before lane_land(). */
void lane_outcome(struct lane *lane, CURLcode code, struct answer *answer);

/* call.c */
SL_MUST_USE int call_create(struct http *x, const struct call *in, const struct target *target,
			    struct http_call **ret);
void call_retire(struct http *x, struct http_call *call); /**< Its id means nothing any more. */
void call_recycle(struct http *x, struct http_call *call);
struct http_call *call_find(const struct http *x, call_id id);
void calls_fini(struct http *x);

/* url.c */
SL_MUST_USE int urls_take(struct urls *all, struct bytes text, struct url **ret);
void urls_put(struct url *url);
void urls_fini(struct urls *all);

SL_END_DECLS
