/* Port: carry one HTTP request to a plugin and bring back its answer, once.
 *
 * Retries, signatures and verdicts are the caller's (core/calls/caller). Implemented by
 * net/http.c (libcurl multi; net/ is the only folder that includes <curl/curl.h>) and
 * by tests/lib/fake_executor.c.
 *
 * Layer 1: may use core/base. Threads: the loop's thread only, but for wake(). */
#pragma once

#include "core/base/err.h"

struct executor {
	const struct executor_ops *ops; /* first: implementations embed struct executor */
};

/** Identifies a request until its answer; 0 is none. */
typedef uint64_t call_id;

struct call {
	const char *url;            /**< http://, https:// or unix:/socket/path:/url-path. */
	const char *const *headers; /**< NULL-terminated "Name: value"; copied by start(). */
	struct bytes body;          /**< Borrowed until `done`: shared by all calls of a stage. */
	uint32_t timeout_ms;
	size_t answer_max; /**< Bytes of the answer's body. */
};

struct answer {
	int rc;         /**< 0: an HTTP answer arrived whole. SL_E_TIMEOUT; SL_E_UNAVAILABLE: no
			 * connection, refused address, closed early, reset; SL_E_TOO_BIG: over
			 * answer_max, or 64 KiB of headers; SL_E_PEER: not HTTP; SL_E_BUSY: no
			 * connection was free for timeout_ms (not the plugin's fault);
			 * SL_E_INVALID: not a URL; SL_E_NO_MEMORY. */
	bool unreached; /**< With `rc`: no connection came about (or no TLS on it). */
	unsigned status;
	struct bytes body;      /**< Borrowed for the length of the callback. */
	int64_t retry_after_ms; /**< From Retry-After (seconds or a date), or -1. */
	const char *why;        /**< Words for a failure: "connection refused"; borrowed. */
	uint64_t took_us;
};

/** Called exactly once for each start() that returned 0 and was not canceled; never from
 * inside start() or cancel(). */
typedef void (*call_done_fn)(void *user, call_id id, const struct answer *answer);

struct executor_ops {
	/** 0, or SL_E_INVALID (address or headers), SL_E_TOO_BIG (headers), SL_E_BUSY,
	 * SL_E_NO_MEMORY. */
	int (*start)(struct executor *x, const struct call *call, call_done_fn done, void *user,
		     call_id *ret);
	/** Drop a request: `done` will not be called. An unknown id is fine. */
	void (*cancel)(struct executor *x, call_id id);
	/** Sleep at most `wait_ms` for traffic or wake(), then deliver answers. */
	int (*turn)(struct executor *x, uint32_t wait_ms);
	void (*wake)(struct executor *x); /**< Any thread; makes a sleeping turn() return. */
	struct executor *(*free)(struct executor *x); /**< Cancels what is left. */
};

/** The real one. A zero means the figure in brackets. One host gets at most half of the
 * connections that are free, so that hung ones leave room for the rest; further calls wait. */
struct http_config {
	unsigned connections_max;                       /**< All together (512). */
	unsigned connections_host_max;                  /**< Per host and port (256). */
	uint32_t connect_timeout_ms;                    /**< 5 000. */
	uint32_t connection_age_s;                      /**< 60. */
	const char *ca_file;                            /**< NULL: the system's. */
	const char *client_cert_file, *client_key_file; /**< PEM; NULL: none. */
	const char *user_agent;
	const char *const
		*allow_networks; /**< NULL-terminated "10.0.0.0/8"; NULL: any not refused always. */
	const char *const *unix_dirs; /**< NULL-terminated; sockets below these only. */
	bool require_tls;             /**< Refuse plain http off loopback. */
};

SL_BEGIN_DECLS

SL_MUST_USE int http_executor_create(const struct http_config *config, struct executor **ret,
				     struct sl_error *err);

/** Is this a call address that may be registered? Checks form, scheme, literal
 * addresses and unix directories (names are checked when connecting). SL_E_INVALID. */
SL_MUST_USE int http_check_address(const struct http_config *config, struct bytes url,
				   struct sl_error *err);

static inline struct executor *executor_free(struct executor *x)
{
	return x ? x->ops->free(x) : NULL;
}

SL_END_DECLS
