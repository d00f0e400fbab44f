/* The other side of the LifeHook benchmark, two programs in one:
 *
 *   hooks subscriber PORT-FILE    answers OK to every POST at once; POST /hold lets the
 *                                     others wait until POST /go; POST /stats answers
 *                                     "count seconds p50-us p99-us" since the last /stats:
 *                                     seconds from the first or the last /go to the newest
 *                                     delivery, lag from the change's `time` to its arrival
 *   hooks posts PORT COUNT FLIGHT  raw keep-alive POSTs of the size of a delivery;
 *                                     prints seconds
 *
 * One thread, raw sockets, epoll. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 16384, CONNECTIONS_MAX = 4096, LAGS_MAX = 1 << 20 };

struct stream {
	char at[MESSAGE_MAX];
	size_t have;
	bool owes; /* an answer, when it goes on */
};

struct peer {
	int epoll_fd, listener;
	struct stream *stream[CONNECTIONS_MAX];
	bool hold;
	int64_t from_us, last_us;
	uint32_t *lag;
	size_t n;
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_us(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void watch(int epoll_fd, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll_ctl");
}

/* The length of the whole message, or 0 while some of it is missing. */
static size_t message_len(const struct stream *s)
{
	const char *end = memmem(s->at, s->have, "\r\n\r\n", 4);
	if (!end)
		return 0;
	size_t head = (size_t)(end - s->at) + 4, body = 0;
	const char *length = memmem(s->at, head, "Content-Length: ", 16);
	if (length)
		body = strtoul(length + 16, NULL, 10);
	return s->have >= head + body ? head + body : 0;
}

static void answer(int fd, const char *body)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(body), body);
	if (write(fd, text, (size_t)n) != n)
		die("write");
}

/* ---- the subscriber ---- */

static int64_t time_of(const char *text, size_t len)
{
	struct tm tm = {0};
	int ms = 0;
	const char *at = memmem(text, len, "\"time\": \"", 9);
	if (!at || sscanf(at + 9, "%d-%d-%dT%d:%d:%d.%dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			  &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return ((int64_t)timegm(&tm) * 1000 + ms) * 1000;
}

static void note(struct peer *p, const char *text, size_t len)
{
	int64_t lag = now_us(CLOCK_REALTIME) - time_of(text, len);
	p->last_us = now_us(CLOCK_MONOTONIC);
	if (!p->from_us)
		p->from_us = p->last_us;
	if (p->n < LAGS_MAX)
		p->lag[p->n++] = lag < 0 ? 0 : lag > UINT32_MAX ? UINT32_MAX : (uint32_t)lag;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void tell(struct peer *p, int fd)
{
	char text[200];
	qsort(p->lag, p->n, sizeof(p->lag[0]), by_size);
	snprintf(text, sizeof(text), "%zu %.6f %u %u", p->n,
		 (double)(p->last_us - p->from_us) / 1e6, p->n ? p->lag[p->n / 2] : 0,
		 p->n ? p->lag[p->n * 99 / 100] : 0);
	answer(fd, text);
	p->n = 0;
	p->from_us = p->last_us = 0;
}

static void go_on(struct peer *p)
{
	p->hold = false;
	p->from_us = now_us(CLOCK_MONOTONIC);
	for (int fd = 0; fd < CONNECTIONS_MAX; fd++)
		if (p->stream[fd] && p->stream[fd]->owes) {
			p->stream[fd]->owes = false;
			answer(fd, "OK");
		}
}

static void serve(struct peer *p, int fd, size_t len)
{
	struct stream *s = p->stream[fd];
	if (strncmp(s->at, "POST /stats", 11) == 0) {
		tell(p, fd);
	} else if (strncmp(s->at, "POST /hold", 10) == 0) {
		p->hold = true;
		answer(fd, "held");
	} else if (strncmp(s->at, "POST /go", 8) == 0) {
		go_on(p);
		answer(fd, "goes on");
	} else {
		note(p, s->at, len);
		s->owes = p->hold;
		if (!p->hold)
			answer(fd, "OK");
	}
}

static void receive(struct peer *p, int fd)
{
	struct stream *s = p->stream[fd];
	ssize_t n = read(fd, s->at + s->have, sizeof(s->at) - s->have);
	if (n <= 0) {
		close(fd);
		free(s);
		p->stream[fd] = NULL;
		return;
	}
	s->have += (size_t)n;
	for (size_t len; (len = message_len(s));) {
		serve(p, fd, len);
		memmove(s->at, s->at + len, s->have - len);
		s->have -= len;
	}
}

static void welcome(struct peer *p)
{
	int one = 1, fd = accept(p->listener, NULL, NULL);
	if (fd < 0 || fd >= CONNECTIONS_MAX)
		die("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	p->stream[fd] = calloc(1, sizeof(*p->stream[fd]));
	if (!p->stream[fd])
		die("calloc");
	watch(p->epoll_fd, fd);
}

static void subscriber(const char *port_file)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	struct peer *p = calloc(1, sizeof(*p));
	if (!p || !(p->lag = calloc(LAGS_MAX, sizeof(p->lag[0]))))
		die("calloc");
	p->epoll_fd = epoll_create1(0);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(p->listener, (struct sockaddr *)&at, size) || listen(p->listener, 1024) ||
	    getsockname(p->listener, (struct sockaddr *)&at, &size))
		die("listen");
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%d\n", ntohs(at.sin_port)) < 0 || fclose(file))
		die(port_file);
	watch(p->epoll_fd, p->listener);
	for (;;) {
		struct epoll_event e[256];
		int n = epoll_wait(p->epoll_fd, e, 256, -1);
		for (int i = 0; i < n; i++) {
			if (e[i].data.fd == p->listener)
				welcome(p);
			else
				receive(p, e[i].data.fd);
		}
	}
}

/* ---- raw POSTs ---- */

static int dial(const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void posts(const char *port, long count, long flight)
{
	static const char body[] =
		"{\"id\": \"01a2013b-e764-7000-86ca-b68456e4ae6a\", \"current_state\": "
		"\"running\", "
		"\"previous_state\": \"waiting\", \"sequence\": 3, \"time\": "
		"\"2026-11-22T03:10:32.844Z\", \"userID\": \"ann\", \"jobName\": \"hello\", "
		"\"jobKind\": \"TaskSet\", \"reason\": \"first container started\", "
		"\"reasonCode\": \"running\"}";
	char text[2048], in[4096];
	int size = snprintf(text, sizeof(text),
			    "POST /raw HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
			    "application/json\r\nX-Pad: %0300d\r\nContent-Length: %zu\r\n\r\n%s",
			    0, sizeof(body) - 1, body);
	int epoll_fd = epoll_create1(0);
	long sent = 0, done = 0;
	int64_t from = now_us(CLOCK_MONOTONIC);
	for (; sent < flight && sent < count; sent++) {
		int fd = dial(port);
		watch(epoll_fd, fd);
		if (write(fd, text, (size_t)size) != size)
			die("write");
	}
	while (done < count) {
		struct epoll_event e[256];
		int n = epoll_wait(epoll_fd, e, 256, -1);
		for (int i = 0; i < n; i++) {
			if (read(e[i].data.fd, in, sizeof(in)) <= 0)
				die("read");
			done++;
			if (sent++ < count && write(e[i].data.fd, text, (size_t)size) != size)
				die("write");
		}
	}
	printf("%.6f\n", (double)(now_us(CLOCK_MONOTONIC) - from) / 1e6);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "subscriber") == 0)
		subscriber(argv[2]);
	if (argc == 5 && strcmp(argv[1], "posts") == 0) {
		posts(argv[2], atol(argv[3]), atol(argv[4]));
		return 0;
	}
	fprintf(stderr, "usage: hooks subscriber PORT-FILE | posts PORT COUNT FLIGHT\n");
	return 64;
}
