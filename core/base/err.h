/* Errors: one table for the whole program.
 *
 * A function that can fail returns 0 or a negative SL_E_ code and does not log. Where
 * a person must understand the failure it also takes, last, a `struct sl_error *err`
 * (NULL is allowed), which holds the words and is written only on failure. The API's
 * `code`, the HTTP status, the plain text and "may be tried again" all come from this
 * table, so that API, log and doc/api.md cannot drift apart. */
#pragma once

#include "core/base/base.h"

#define SL_ERR_MAP(X)                                                                              \
	X(LACK, "LACK_OF_PARAM", 400, false, "a required field is missing or empty")               \
	X(INVALID, "WRONG_PARAM", 400, false, "a field has a wrong type, value or form")           \
	X(MISDIRECTED, "WRONG_PARAM", 421, false, "the Host is not one of ours")                   \
	X(PLUGIN_TYPE, "UNSUPPORTED_PLUGIN_TYPE", 400, false, "unknown pluginType")                \
	X(UNKNOWN_CALLER, "PERMISSION_DENIED", 401, false, "no token, or one that is not known")   \
	X(DENIED, "PERMISSION_DENIED", 403, false, "the token lacks the privilege")                \
	X(NOT_FOUND, "OPERATION_TARGET_NOT_FOUND", 404, false, "no such thing, or not yours")      \
	X(GONE, "OPERATION_TARGET_NOT_FOUND", 410, false, "no longer kept")                        \
	X(CONFLICT, "UNSUPPORTED_OPERATION", 409, false, "not possible in the present state")      \
	X(METHOD, "UNSUPPORTED_OPERATION", 405, false, "this path does not take that method")      \
	X(TOO_BIG, "PAYLOAD_TOO_LARGE", 413, false, "over a size limit")                           \
	X(HEADERS_TOO_BIG, "PAYLOAD_TOO_LARGE", 431, false, "the request headers are too large")   \
	X(BUSY, "TOO_MANY_REQUESTS", 429, true, "a rate, queue or memory limit was reached")       \
	X(UNAVAILABLE, "SERVICE_UNAVAILABLE", 503, true, "starting, stopping or out of room")      \
	X(FULL, "SERVICE_UNAVAILABLE", 503, true, "the store or its disk is full")                 \
	X(NO_MEMORY, "SERVICE_UNAVAILABLE", 503, true, "out of memory")                            \
	X(IO, "INTERNAL_ERROR", 500, true, "a system or storage call failed")                      \
	X(CORRUPT, "INTERNAL_ERROR", 500, false, "stored data is damaged, foreign or newer")       \
	X(PEER, "INTERNAL_ERROR", 502, false, "the other side broke the protocol")                 \
	X(TIMEOUT, "INTERNAL_ERROR", 504, true, "a deadline passed")                               \
	X(CANCELED, "SERVICE_UNAVAILABLE", 503, true, "broken off: the caller left, or we stop")   \
	X(LIMIT, "INTERNAL_ERROR", 500, false, "an evaluation limit was hit")                      \
	X(INTERNAL, "INTERNAL_ERROR", 500, false, "a fault of the gateway")

enum sl_err {
	SL_ERR_MIN = -1000,
#define X(name, code, http, retry, text) SL_E_##name,
	SL_ERR_MAP(X)
#undef X
		SL_ERR_END, /**< One past the last code. */
	SL_OK = 0,
};

struct sl_error {
	int code;       /**< SL_E_..., or 0 while nothing failed. */
	char text[512]; /**< Outermost context first: "plugins[2].callAddress: ...". */
};

SL_BEGIN_DECLS

/** Describe a failure and return its code, so that `return sl_fail(err, ...)` is one line. */
int sl_fail(struct sl_error *err, enum sl_err code, const char *fmt, ...) SL_PRINTF(3, 4);

/** Put context in front of err->text; returns `code` unchanged. */
int sl_wrap(struct sl_error *err, int code, const char *fmt, ...) SL_PRINTF(3, 4);

const char *sl_err_name(int code); /**< "TIMEOUT": stable, for logs. */
const char *sl_err_code(
	int code); /**< "WRONG_PARAM": the API's code; 0 gives OPERATION_SUCCEEDED. */
const char *sl_err_text(int code);
unsigned sl_err_http(int code); /**< 0 gives 200. */
bool sl_err_retryable(int code);

SL_END_DECLS
