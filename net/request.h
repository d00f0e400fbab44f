/* A small synchronous HTTP client for command-line programs.
 *
 * One `struct requester` keeps its connection open from request to request. Statuses
 * of any kind are answers, not failures: a call returns 0 as soon as the peer answered
 * in HTTP, and the caller looks at `status`. Redirects are not followed, cookies not
 * kept, proxy variables ignored. Unlike the executor it goes to any address: the person
 * at the terminal chose it. Nothing here blocks or catches signals; a program that wants
 * to end a stream at Ctrl-C sets `*stop` from its handler.
 *
 * Layer 1: may use core/base. Threads: one at a time per requester. */
#pragma once

#include <signal.h>

#include "core/base/buf.h"

struct requester;

struct requester_config {
	const char *ca_file;         /**< NULL: the system's. */
	const char *cert_file;       /**< Shown to peers that ask for one; NULL: none. */
	const char *key_file;        /**< NULL: it stands in cert_file. */
	const char *user_agent;      /**< NULL: none is sent. */
	uint32_t connect_timeout_ms; /**< 0: 5 000. */
};

/** A header to look for in the answer. */
struct reply_header {
	const char *name; /**< Any letter case, without the colon. */
	char value[256];  /**< Filled in: "" when absent, cut when longer; the last one wins. */
};

struct reply;

/** A piece of a successful (2xx) answer's body as it arrives; `reply` holds the status and
 * headers already. 0 goes on, anything else ends the transfer with SL_E_CANCELED. */
typedef int (*reply_piece_fn)(void *user, const struct reply *reply, struct bytes piece);

struct request {
	const char *method;         /**< "GET", "POST", "PUT", "PATCH", "DELETE", ... */
	const char *url;            /**< http:// or https:// */
	const char *const *headers; /**< "Name: value", NULL-terminated; may be NULL. */
	struct bytes body;          /**< Sent with Content-Length when not empty, and for POST,
				     * PUT and PATCH. */
	uint32_t timeout_ms;        /**< For the whole exchange; 0: none. */
	uint32_t idle_timeout_s;    /**< Longest silence; 0: any. For streams. */
	size_t reply_max;           /**< Bytes of a collected body; 0: 64 MiB. */
	reply_piece_fn piece_fn;    /**< NULL: the whole body is collected in reply.body. */
	void *user;                 /**< For piece_fn. */
	const volatile sig_atomic_t *stop; /**< Non-zero ends the exchange with SL_E_CANCELED; may
					    * be NULL. Looked at once a second at the latest, and at
					    * once when a signal interrupts the wait. */
};

struct reply {
	unsigned status;
	struct reply_header *headers; /**< The caller's: the headers it wants to know. */
	size_t header_count;
	struct buf body; /**< Collected body; with piece_fn only that of a status other than 2xx. */
};

SL_BEGIN_DECLS

SL_MUST_USE int requester_create(const struct requester_config *config, struct requester **ret,
				 struct sl_error *err);
struct requester *requester_free(struct requester *r);

/** Exchange one request for one answer. Set reply->headers and header_count before (or zero
 * all of it); reply_fini() afterwards, whatever the outcome. 0 when an answer arrived whole.
 * SL_E_UNAVAILABLE: no connection, or it broke; SL_E_TIMEOUT; SL_E_TOO_BIG: over reply_max;
 * SL_E_PEER: not HTTP, or a certificate that is not trusted; SL_E_INVALID: a URL, method or
 * header that cannot be sent; SL_E_CANCELED; SL_E_NO_MEMORY. */
SL_MUST_USE int requester_send(struct requester *r, const struct request *request,
			       struct reply *reply, struct sl_error *err);

void reply_fini(struct reply *reply);

/** Append `text` to `to` percent-encoded, for one part of a path or one value of a query. */
void request_url_escape(struct buf *to, struct bytes text);

SL_DEFINE_SCOPED(struct requester, requester_free)

SL_END_DECLS
