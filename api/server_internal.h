/* What the parts of the server share. Not for anybody else; includes the HTTP library.
 *
 *   server.c           listening, the library's callbacks, its life
 *   server_exchange.c  one request from its head to its answer
 *   server_body.c      its body: taken, skipped, refused
 *
 * Layer 3. Threads: an exchange is its connection's thread's own. */
#pragma once

#include "api/conns.h"
#include "api/head.h"
#include "api/hosts.h"
#include "api/server.h"

#include <civetweb.h>
#include <stdatomic.h>

enum { DROP_MS = 2000 }; /* how long the rest of what is refused is read */

struct server {
	struct mg_context *http;
	struct conns *conns;
	const struct server_front *front;
	void *user;
	atomic_bool always_200;
	unsigned port[LISTEN_MAX];
	int ports;
	const struct clock *clock;
	struct hosts *hosts;
	struct tls *tls; /* or NULL */
	int64_t hsts_s;
};

/* One request on its way, on its thread. */
struct exchange {
	struct server *server;
	struct mg_connection *http;
	const struct mg_request_info *info;
	struct conn *conn;
	struct header header[REQUEST_HEADERS_MAX];
	struct request req;
	struct reply reply;
	struct head head;
	struct buf body;
	bool http_1_0, keep, refused;
	size_t body_max;
	int64_t whole_us; /* when it was, monotonic; 0: it never was */
};

/* server_exchange.c */
int exchange_serve(struct mg_connection *http); /* the library's begin_request */
void exchange_answer(struct exchange *x);
/** The answer will be a refusal, and the connection is closed behind it. */
void exchange_refuse(struct exchange *x, int rc, const char *text);

/* server_body.c */
/** True when the request is whole and still to be answered. */
bool body_take(struct exchange *x);
/** Read what is still coming, so that a sender in full flow gets to our answer. */
void body_drop(struct exchange *x);
