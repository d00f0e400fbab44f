/* What the bench's programs share: messages with a Content-Length over raw sockets, epoll,
 * clocks, and a file that is overwritten and flushed.
 *
 * Small and fast, not robust: both ends are ours. Whatever fails ends the program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_MAX = 65536, CONNECTIONS_MAX = 8192 };

/** What has arrived on one connection. */
struct stream {
	char at[MESSAGE_MAX];
	size_t have;
};

/** A file of records that are written over and over: blocks that are there already, so that
 * a flush writes the records and nothing else. */
struct ring {
	int fd;
	int64_t at;
};

__attribute__((noreturn)) void die(const char *what); /**< With the reason of errno. */
int64_t now_ns(void);
double cpu_s(void); /**< Of this process. */
/** Sorts; 0 of none. */
int64_t median_of(int64_t *at, size_t n);

void watch(int epoll_fd, int fd, uint64_t data);
/** Events, waiting at most that long (negative: for ever). */
int wait_events(int epoll_fd, void *events, int max, int64_t most_ns);

int connect_to(int port);
/** Listens on the loopback and writes the port into the file. */
int listen_at(const char *port_file);
/** The fd of a new connection, without delays. */
int welcome(int listener);

/** 1: a whole message lies in the stream (`have` 0 forgets it); 0: not yet; -1: closed. */
int take(struct stream *s, int fd);
void send_all(int fd, const char *at, size_t len);

void ring_open(struct ring *r, const char *path);
void ring_put(struct ring *r, const char *record, size_t len);
void ring_flush(struct ring *r);
