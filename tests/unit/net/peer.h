/* A scripted HTTP peer for tests: a thread that accepts, a thread for each connection.
 *
 * A script is a function that gets the connection and does what it likes with it; it is
 * closed when the function returns. What the tests count is counted under `lock`. */
#pragma once

#include <pthread.h>
#include <stdio.h>

#include "core/base/base.h"

enum { PEER_CONNECTIONS_MAX = 256, PEER_REQUEST_MAX = 64 * 1024 };

struct peer;
typedef void (*peer_script_fn)(struct peer *peer, int fd);

struct peer {
	int listen_fd, port;
	pthread_t acceptor, servant[PEER_CONNECTIONS_MAX];
	int fd[PEER_CONNECTIONS_MAX];
	peer_script_fn script;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	unsigned accepted, requests, inside, inside_most, ended;
	unsigned want;                   /* For scripts: see peer_meet(). */
	char last[PEER_REQUEST_MAX + 1]; /* The last request, whole. */
	char url[160];
};

void peer_start(struct peer *p, peer_script_fn script);
void peer_start_unix(struct peer *p, const char *path, peer_script_fn script);
void peer_stop(struct peer *p);

/** Read one request with its body; false when the client is gone. */
bool peer_read(struct peer *p, int fd);
void peer_send(int fd, const char *text);
void peer_send_bytes(int fd, const char *at, size_t len);
/** Wait until `want` scripts are between here and peer_part(), or the test is over. */
void peer_meet(struct peer *p);
void peer_part(struct peer *p);
/** Wait until the client closed this connection. */
void peer_await_close(int fd);
/** For the test: wait until so many connections have ended or requests have arrived. */
void peer_await_ended(struct peer *p, unsigned count);
void peer_await_requests(struct peer *p, unsigned count);

/* Scripts. */
void peer_ok(struct peer *p, int fd);   /* "ok" to every request, kept alive. */
void peer_hang(struct peer *p, int fd); /* Reads a request and never answers. */
