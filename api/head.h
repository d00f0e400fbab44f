/* The head of a request: is its framing beyond doubt, and is it for us?
 *
 * The HTTP library is lenient where two readers could disagree on where a request
 * ends; what is doubtful is refused here and its connection closed. Pure functions. */
#pragma once

#include "api/request.h"

enum { HEAD_MAX = 16 * 1024, HEAD_HOSTS_MAX = 128 };

struct head {
	int64_t length; /**< Content-Length; -1 with chunks; 0: no body. */
	bool chunked;
	bool expects; /**< Waits for "100 Continue". */
	bool keep;    /**< The client would go on with this connection. */
};

/** Names and addresses that a Host may say; compared without port and letter case. */
struct host_list {
	const char *name[HEAD_HOSTS_MAX]; /**< Borrowed. */
	size_t names;
};

SL_BEGIN_DECLS

/** Were all header lines read? The library stops without a word at a line that begins with
 * no name (a continuation line is one), and so would hide what follows; it also takes a
 * space before the colon, and lines without CR. SL_E_INVALID, SL_E_HEADERS_TOO_BIG: refuse
 * and close. Looks behind the names and values, which must stand where the library left
 * them, each ended by a NUL. */
SL_MUST_USE int head_whole(const struct request *req, struct sl_error *err);
/** Read what frames the request. SL_E_INVALID: refuse and close. `http_1_0`: its version. */
SL_MUST_USE int head_framing(const struct request *req, bool http_1_0, struct head *ret,
			     struct sl_error *err);
/** SL_E_HEADERS_TOO_BIG when there are too many or too large ones. */
SL_MUST_USE int head_size(const struct request *req, struct sl_error *err);
/** SL_E_MISDIRECTED for a Host that is none of ours. /healthz and /readyz take any. */
SL_MUST_USE int head_host(const struct request *req, const struct host_list *ours,
			  struct sl_error *err);

SL_END_DECLS
