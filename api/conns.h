/* The open connections: how many there are, what each is at, and which must go.
 *
 * The HTTP library gives each connection a thread and waits for as long as bytes drip
 * in; nothing in it ends a sender that is merely slow, or makes room. So each
 * connection has a place here, and one thread looks through them every now and then:
 *   - a request that is not whole `request_ms` after its first byte was seen is cut,
 *   - idle connections are ended when fewer than `spare` places are free, oldest first,
 *     and all of them while the server stops.
 * Cutting is shutdown(2) on a duplicate of the socket that was found by its addresses:
 * the library then sees the end of the stream, answers and closes by itself.
 *
 * Threads: conn_*() by the connection's own; the rest by any. */
#pragma once

#include "core/base/clock.h"
#include "core/base/err.h"

#include <netinet/in.h>

struct conns;
struct conn;

struct conns_config {
	unsigned limit;   /**< Connections that are served. */
	unsigned surplus; /**< Further ones, which are told to come back. */
	int64_t request_ms, idle_ms;
	unsigned spare;
	const struct clock *clock;
	void (*tick)(void *user); /**< Every second, on the looking thread. */
	void *user;
};

enum { CONNS_LOOK_MS = 250 };

SL_BEGIN_DECLS

SL_MUST_USE int conns_create(const struct conns_config *config, struct conns **ret);
struct conns *conns_free(struct conns *conns);

/** A new connection; NULL when even the surplus places are taken. */
struct conn *conn_open(struct conns *conns);
void conn_close(struct conn *conn); /**< NULL is fine. */
/** Was it one too many when it came? */
bool conn_is_surplus(const struct conn *conn);

/** The head of a request is in; the body must follow within the request's time. */
void conn_arriving(struct conn *conn, const struct sockaddr_in *peer, in_port_t port);
/** Bytes that are not wanted are read: for at most `ms` from now. */
void conn_dropping(struct conn *conn, int64_t ms);
/** Did its time run out? Then the answer says so. */
bool conn_was_cut(const struct conn *conn);
/** A duplicate of its socket, the caller's to close; -1 if it cannot be found. */
int conn_socket(struct conn *conn);
void conn_serving(struct conn *conn); /**< The request is whole. */
void conn_idle(struct conn *conn);    /**< The answer is out. */

/** End the idle connections from now on. */
void conns_drain(struct conns *conns);
/** At the end: wake whatever waits on our sockets of this port (network order), those
 * that listen and those that have not said anything yet. */
void conns_shut_port(in_port_t port);
unsigned conns_open(struct conns *conns);
unsigned conns_serving(struct conns *conns);

SL_END_DECLS
