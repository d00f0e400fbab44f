#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RING_MIB = 4, MIB = 1024 * 1024 };

void die(const char *what)
{
	perror(what);
	exit(1);
}

int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

int64_t median_of(int64_t *at, size_t n)
{
	qsort(at, n, sizeof(*at), by_size);
	return n ? at[n / 2] : 0;
}

/* ---- sockets ---- */

void watch(int epoll_fd, int fd, uint64_t data)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = data};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll_ctl");
}

int wait_events(int epoll_fd, void *events, int max, int64_t most_ns)
{
	struct timespec most = {most_ns / 1000000000, most_ns % 1000000000};
	int n = epoll_pwait2(epoll_fd, events, max, most_ns < 0 ? NULL : &most, NULL);
	if (n < 0 && errno != EINTR)
		die("epoll_pwait2");
	return n < 0 ? 0 : n;
}

static void no_delay(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int connect_to(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	no_delay(fd);
	return fd;
}

int listen_at(const char *port_file)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		die("listen");
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%d\n", ntohs(at.sin_port)) < 0 || fclose(file) != 0)
		die(port_file);
	return fd;
}

int welcome(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || fd >= CONNECTIONS_MAX)
		die("accept");
	no_delay(fd);
	return fd;
}

/* ---- messages ---- */

static size_t whole_length(const char *at, size_t have)
{
	const char *end = memmem(at, have, "\r\n\r\n", 4);
	const char *length = memmem(at, have, "Content-Length: ", 16);
	return end && length ? (size_t)(end + 4 - at) + strtoul(length + 16, NULL, 10) : 0;
}

int take(struct stream *s, int fd)
{
	ssize_t n = recv(fd, s->at + s->have, sizeof(s->at) - 1 - s->have, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return -1;
	if (n < 0)
		return 0;
	s->have += (size_t)n;
	s->at[s->have] = '\0';
	size_t need = whole_length(s->at, s->have);
	return need && s->have >= need;
}

void send_all(int fd, const char *at, size_t len)
{
	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			die("send");
		at += n;
		len -= (size_t)n;
	}
}

/* ---- records on disk ---- */

void ring_open(struct ring *r, const char *path)
{
	char *zeros = calloc(1, MIB);
	r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (!zeros || r->fd < 0)
		die(path);
	for (int i = 0; i < RING_MIB; i++)
		if (pwrite(r->fd, zeros, MIB, (off_t)i * MIB) != MIB)
			die(path);
	if (fsync(r->fd) != 0)
		die(path);
	free(zeros);
	r->at = 0;
}

void ring_put(struct ring *r, const char *record, size_t len)
{
	if (r->at + (int64_t)len > (int64_t)RING_MIB * MIB)
		r->at = 0;
	if (pwrite(r->fd, record, len, r->at) != (ssize_t)len)
		die("write");
	r->at += (int64_t)len;
}

void ring_flush(struct ring *r)
{
	if (fdatasync(r->fd) != 0)
		die("fdatasync");
}
