/* Calls to the gateway's API, and telling a person what came of them. One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"
#include "core/json/index.h"
#include "net/request.h"

struct api_call {
	const char *method;
	const char *path; /**< "/v1/job/list?state=running", escaped: api_path(), api_query(). */
	struct bytes body;
	const char *idempotency_key; /**< NULL: none. */
	const char *accept;          /**< NULL: application/json. */
	/** Takes a 2xx body as it arrives. NULL: an envelope is expected. One that turns out to
	 * be application/json (an error told with status 200) it must put into reply->body. */
	reply_piece_fn piece_fn;
	void *user;
};

enum { API_HEAD_RETRY_AFTER, API_HEAD_NEXT_CURSOR, API_HEAD_TYPE, API_HEAD_LENGTH, API_HEADS };

/** An answer in the API's envelope. Zero it before, api_answer_fini() after. */
struct api_answer {
	struct reply reply;
	struct reply_header head[API_HEADS];
	struct json json;
	json_at payload;     /**< JSON_NONE: there is none. */
	struct sl_error err; /**< After a failure: what was wrong, with the API's code. */
	bool again;          /**< After a failure: may work in a while. */
};

SL_BEGIN_DECLS

/** Append `prefix` and `part`, percent-encoded. */
void api_path(struct buf *to, const char *prefix, const char *part);
/** Append "?name=value" or "&name=value"; nothing for a NULL value. */
void api_query(struct buf *to, const char *name, const char *value);

/** CTL_DONE when the gateway said that it worked. Tells nothing: answer->err has the words. */
int api_send(struct ctl *ctl, const struct api_call *call, struct api_answer *answer);
/** Tell why api_send() failed and what to do next; returns `code`. */
int api_tell(struct ctl *ctl, const struct api_answer *answer, int code);
/** api_send(), and api_tell() if it failed. */
int api_ask(struct ctl *ctl, const struct api_call *call, struct api_answer *answer);

void api_answer_fini(struct api_answer *answer);

SL_END_DECLS
