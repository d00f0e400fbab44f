/* The one table of routes: what is served, who may call it, what it does, and what
 * openapi.json says of it.
 *
 * A pattern is matched against the segments of the raw target: "{name}" takes one
 * segment, a last "{name...}" takes the rest (one or more, as they stand, undecoded).
 * Tables are static const; nothing here allocates. Any thread. */
#pragma once

#include "api/fields.h"
#include "api/request.h"
#include "api/target.h"

struct api;

enum route_flags {
	ROUTE_OPEN = 1,       /**< No token is asked for. */
	ROUTE_ALWAYS = 2,     /**< Also served before the gateway is ready and while it stops. */
	ROUTE_JSON = 4,       /**< The body is JSON: indexed before the handler runs. */
	ROUTE_EMPTY = 8,      /**< With ROUTE_JSON: no body at all is fine too. */
	ROUTE_LOCAL = 16,     /**< No token is asked of callers on this machine. */
	ROUTE_BARE = 32,      /**< What it answers is the payload, without an envelope, */
	ROUTE_STATE = 64,     /**< and comes with 503 too. */
	ROUTE_PARTS = 128,    /**< What it produces comes in parts where asked for: 206. */
	ROUTE_MAY_LACK = 256, /**< The payload may be left out. */
};

struct route_query {
	const char *name, *type, *help; /**< type: an OpenAPI type, "string" or "integer". */
};

struct route {
	const char *method, *pattern;
	uint32_t needs; /**< Any of these privileges; 0 with ROUTE_OPEN. */
	unsigned flags;
	int (*handle)(struct api *api, struct request *req, struct reply *reply);
	size_t body_max; /**< 0: the configured limit. */
	/* For openapi.json: */
	const char *summary;
	const struct field *fields; /**< Of the body; or what it is as a whole: */
	const struct schema *body;
	const struct route_query *query; /**< Ended by a NULL name; NULL: none. */
	const struct shape *payload;     /**< PAYLOAD(...); NULL: none. */
	const char *produces;            /**< Media types if it is no envelope; or beside it,
					  * with `payload`. */
};

/** The routes of one group of handlers; lists of groups end with NULL. */
struct route_group {
	const struct route *route;
	size_t routes;
};

enum { ROUTE_ALLOW_SIZE = 64 };

SL_BEGIN_DECLS

/** Find the route and its raw parameters. SL_E_NOT_FOUND: no such path; SL_E_METHOD:
 * the path takes other methods, which `ret_allow` lists. HEAD finds the route of GET. */
SL_MUST_USE int route_find(const struct route_group *const *groups, struct bytes method,
			   const struct target *target, const struct route **ret,
			   struct bytes ret_param[REQUEST_PARAMS_MAX],
			   char ret_allow[ROUTE_ALLOW_SIZE]);

/** Is its last parameter the rest of the path? */
bool route_takes_rest(const struct route *route);

SL_END_DECLS
