/* The HTTP server, on civetweb (server.c is the only file that includes it).
 *
 * A thread serves a connection for as long as it is open, so there is one for each
 * connection that is allowed, and some more that only say "503, come back". A request
 * is whole, and its framing beyond doubt, before anything of ours runs; an answer is one
 * write. Only IPv4: Debian's build of the library has no IPv6. Why: doc/adr/0007.
 *
 * Threads: create, drain and free by one; the front's functions by connections' threads,
 * many at once, with less than 80 KiB of stack left. */
#pragma once

#include "api/request.h"
#include "api/tls.h"

struct server;

/** What is behind the server. */
struct server_front {
	/** The head is in, the body is not. False: refused, `reply` says how. Either way
	 * `*ret_body_max` is what the body may have. */
	bool (*admit)(void *user, struct request *req, struct reply *reply, size_t *ret_body_max);
	/** The request is whole: answer it. */
	void (*serve)(void *user, struct request *req, struct reply *reply);
	/** Of a stream: may this caller still have what it asked for? May be NULL. */
	bool (*may_go_on)(void *user, const struct request *req);
	void (*tick)(void *user); /**< Every second; may be NULL. */
	/** An answer is ready, `us` after its request was there as a whole; `req` is NULL when
	 * its head could not be read. May be NULL. */
	void (*answered)(void *user, const struct request *req, unsigned status, uint64_t us);
};

struct server_config {
	const char *listen;       /**< "127.0.0.1:8080", or several with commas; port 0: any. */
	const char *const *hosts; /**< Further names a Host may say; NULL-terminated, or NULL. */
	unsigned connections_max; /**< 1 024 by default. */
	int64_t request_ms;       /**< A request must arrive whole within this: 10 s. */
	int64_t idle_ms;          /**< Idle connections are closed after this: 60 s. */
	bool always_200;
	struct tls *tls; /**< Every address speaks TLS; NULL: none does. Borrowed. */
	int64_t hsts_s;  /**< With TLS: tell browsers to keep to it for so long; 0: do not. */
	const struct clock *clock;
};

struct server_stats {
	unsigned connections, serving;
};

SL_BEGIN_DECLS

/** Listen and serve. SL_E_INVALID: `listen` is malformed or IPv6. SL_E_UNAVAILABLE: it
 * cannot listen there; `err` says why. The config's texts are not needed afterwards. */
SL_MUST_USE int server_create(const struct server_config *config, const struct server_front *front,
			      void *user, struct server **ret, struct sl_error *err);
/** The port of the first address. */
unsigned server_port(const struct server *server);
/** Does every address that is listened on belong to this machine alone (127/8)? Of a
 * `listen` text, before anything is opened. */
bool server_listen_is_local(const char *listen);

/** End idle connections and wait, at most `grace_ms`, for requests in progress. The front
 * refuses new ones meanwhile. Afterwards nothing is answered any more. */
void server_drain(struct server *server, int64_t grace_ms);
/** Stop at once, end all threads, free. NULL is fine; returns NULL. */
struct server *server_free(struct server *server);

/** Other names that a Host may say, and another manner of statuses, for requests that
 * arrive from now on. SL_E_INVALID: too many or malformed names; all is as it was. Any
 * thread. */
SL_MUST_USE int server_reconfigure(struct server *server, const char *const *hosts, bool always_200,
				   struct sl_error *err);

void server_stats(struct server *server, struct server_stats *ret);

SL_DEFINE_SCOPED(struct server, server_free)

SL_END_DECLS
