/* A request as handlers see it, and the answer they fill.
 *
 * A request is whole before a handler runs: its body lies in memory. Everything in it
 * is borrowed until the handler returns; `arena` is for what a handler decodes. The
 * thread is the connection's (100 KiB of stack). */
#pragma once

#include "api/stream.h"
#include "core/access/token.h"
#include "core/audit.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/json/build.h"
#include "core/json/index.h"

struct route;

struct header {
	struct bytes name, value;
};

enum {
	REQUEST_HEADERS_MAX = 64,
	REQUEST_PARAMS_MAX = 4,
	REQUEST_ARENA_MAX = 4 << 20,
	REPLY_MAX = 64 << 20,
};

struct request {
	struct bytes method;
	struct bytes path, query; /**< The raw target, cut at its '?'. */
	const struct header *header;
	size_t headers;
	struct bytes body;
	struct bytes remote; /**< The caller's address, for logs and limits. */
	bool loopback;       /**< From this machine, and through no proxy. */
	/* Filled in front of the handler: */
	struct bytes param[REQUEST_PARAMS_MAX]; /**< Of the path, decoded, in order. */
	const struct route *route;
	const struct token *caller; /**< NULL on open routes. */
	struct json json;           /**< The body's index where the route takes JSON. */
	struct arena *arena;
	bool (*hung_up)(void *peer); /**< Has the caller gone? A system call; NULL: not known. */
	void *peer;
};

struct reply {
	int rc;                      /**< 0 or SL_E_. */
	struct sl_error err;         /**< The words for rc. */
	unsigned status;             /**< 0: the one of rc. */
	const char *msg;             /**< Words of a success; NULL for none. */
	struct json_object *payload; /**< Owned; NULL: none. */
	struct buf head;             /**< Further header lines, "Name: value\r\n" each. */
	/** Not an envelope: these bytes, as this type. */
	const char *type;
	struct buf raw;
	struct stream *stream; /**< With `type`, instead of `raw`: api/stream.h. Owned. */
	int64_t stream_length; /**< Bytes of the stream where they are known; -1: sent in chunks. */
	bool close;            /**< End the connection behind this answer. */
};

SL_BEGIN_DECLS

/** The value of a header (any letter case), or empty bytes with at == NULL. */
struct bytes request_header(const struct request *req, const char *name);
/** How often a header stands there. */
size_t request_header_count(const struct request *req, const char *name);

/** A parameter of the query, decoded into the arena. 0, SL_E_NOT_FOUND when absent,
 * SL_E_INVALID (with words) when broken or given twice. */
SL_MUST_USE int request_query(struct request *req, const char *name, struct bytes *ret,
			      struct sl_error *err);
/** As a number within min..max; `*ret` stays as it is when the parameter is absent. */
SL_MUST_USE int request_query_int(struct request *req, const char *name, int64_t min, int64_t max,
				  int64_t *ret, struct sl_error *err);
/** "true" or "false"; likewise. */
SL_MUST_USE int request_query_bool(struct request *req, const char *name, bool *ret,
				   struct sl_error *err);
/** Every parameter must be one of `names` (a comma list); SL_E_INVALID names another. */
SL_MUST_USE int request_query_only(struct request *req, const char *names, struct sl_error *err);

/** Who asks, for the audit log; borrowed from the request. */
struct audit_by request_by(const struct request *req);

void request_fini(struct request *req);

void reply_init(struct reply *reply);
void reply_fini(struct reply *reply);
/** Refuse: `return reply_fail(reply, SL_E_NOT_FOUND, "no such token")`. */
int reply_fail(struct reply *reply, enum sl_err code, const char *fmt, ...) SL_PRINTF(3, 4);
/** Add a header line. */
void reply_header(struct reply *reply, const char *name, const char *fmt, ...) SL_PRINTF(3, 4);

SL_END_DECLS
