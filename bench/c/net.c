/* What a call costs: the executor against a client of raw sockets, both with 64 calls of
 * 4 KB in flight over kept connections to the same trivial server (a process of its own).
 * Rounds alternate; the median of CPU time per call is reported, and the ratio. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/executor.h"

enum { IN_FLIGHT = 64, BODY = 4096, ROUNDS = 5, CALLS = 20000, HEAD_MAX = 1024 };
enum { MESSAGE_MAX = BODY + HEAD_MAX };

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * INT64_C(1000000) + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

static void watch(int epoll_fd, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll_ctl");
}

/* How long a message with a Content-Length is, once its headers are there; else 0. */
static size_t whole_length(const char *at, size_t have)
{
	const char *end = memmem(at, have, "\r\n\r\n", 4);
	const char *length = memmem(at, have, "Content-Length: ", 16);
	return end && length ? (size_t)(end + 4 - at) + strtoul(length + 16, NULL, 10) : 0;
}

struct stream {
	char at[MESSAGE_MAX];
	size_t have;
};

/* Read what is there; true when a whole message has arrived (and was forgotten). */
static bool take_message(struct stream *s, int fd)
{
	ssize_t n = recv(fd, s->at + s->have, sizeof(s->at) - 1 - s->have, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	s->have += (size_t)n;
	s->at[s->have] = '\0';
	size_t need = whole_length(s->at, s->have);
	if (need == 0 || s->have < need)
		return false;
	s->have = 0;
	return true;
}

static _Noreturn void serve(int listen_fd)
{
	static struct stream streams[1024];
	static char answer[MESSAGE_MAX];
	struct epoll_event events[IN_FLIGHT];
	int epoll_fd = epoll_create1(0), on = 1;
	size_t len = (size_t)sprintf(answer,
				     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				     "Content-Length: %d\r\n\r\n%*s",
				     BODY, BODY, "");
	watch(epoll_fd, listen_fd);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, IN_FLIGHT, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listen_fd) {
				fd = accept(listen_fd, NULL, NULL);
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				streams[fd].have = 0;
				watch(epoll_fd, fd);
			} else if (events[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
				close(fd);
			} else if (take_message(&streams[fd], fd)) {
				if (send(fd, answer, len, MSG_NOSIGNAL) != (ssize_t)len)
					close(fd);
			} else if (recv(fd, &on, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
				close(fd);
			}
		}
	}
}

struct raw {
	int epoll_fd, fd[IN_FLIGHT];
	struct stream stream[IN_FLIGHT];
	char request[MESSAGE_MAX];
	size_t len;
};

static void raw_connect(struct raw *r, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;
	r->epoll_fd = epoll_create1(0);
	for (int i = 0; i < IN_FLIGHT; i++) {
		r->fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(r->fd[i], (struct sockaddr *)&to, sizeof(to)) != 0)
			die("connect");
		setsockopt(r->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->fd[i], &e);
	}
	r->len = (size_t)sprintf(r->request,
				 "POST /check HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
				 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%*s",
				 port, BODY, BODY, "");
}

static void raw_send(struct raw *r, uint32_t i)
{
	if (send(r->fd[i], r->request, r->len, MSG_NOSIGNAL) != (ssize_t)r->len)
		die("send");
}

static double raw_round(struct raw *r)
{
	struct epoll_event events[IN_FLIGHT];
	int64_t begin = cpu_us();
	unsigned sent = IN_FLIGHT, done = 0;
	for (uint32_t i = 0; i < IN_FLIGHT; i++)
		raw_send(r, i);
	while (done < CALLS) {
		int n = epoll_wait(r->epoll_fd, events, IN_FLIGHT, -1);
		for (int i = 0; i < n; i++) {
			uint32_t at = events[i].data.u32;
			if (!take_message(&r->stream[at], r->fd[at]))
				continue;
			done++;
			if (sent < CALLS) {
				raw_send(r, at);
				sent++;
			}
		}
	}
	return (double)(cpu_us() - begin) / CALLS;
}

struct load {
	struct executor *x;
	struct call call;
	unsigned sent, done;
};

static void on_done(void *user, call_id id, const struct answer *answer);

static void load_send(struct load *l)
{
	call_id id;
	if (l->x->ops->start(l->x, &l->call, on_done, l, &id) != 0)
		die("start");
	l->sent++;
}

static void on_done(void *user, call_id id, const struct answer *answer)
{
	struct load *l = user;
	(void)id;
	if (answer->rc != 0 || answer->body.len != BODY) {
		fprintf(stderr, "call failed: %s\n", answer->why);
		exit(1);
	}
	l->done++;
	if (l->sent < CALLS)
		load_send(l);
}

static double executor_round(struct load *l)
{
	int64_t begin = cpu_us();
	l->sent = l->done = 0;
	for (int i = 0; i < IN_FLIGHT; i++)
		load_send(l);
	while (l->done < CALLS)
		if (l->x->ops->turn(l->x, 60000) != 0)
			die("turn");
	return (double)(cpu_us() - begin) / CALLS;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *at)
{
	qsort(at, ROUNDS, sizeof(*at), by_size);
	return at[ROUNDS / 2];
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&in, len) != 0 || listen(fd, 256) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		die("listen");
	*port = ntohs(in.sin_port);
	return fd;
}

/* What a plugin is really sent, in length. */
static const char *const headers[] = {
	"Content-Type: application/json",
	"webhook-id: msg_0190163d8694739a9f2c1c1c1c1c1c1c",
	"webhook-timestamp: 1732233600",
	"webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
	"Sluice-Protocol: 1",
	"Sluice-Job-Id: 0190163d-8694-739a-9f2c-1c1c1c1c1c1c",
	"Sluice-Plugin-Key: AccessGate.quota.platform",
	"Sluice-Stage: AccessGate",
	"Sluice-Attempt: 1",
	"Sluice-Deadline-Ms: 10000",
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	NULL,
};
static const char *const one_header[] = {"Content-Type: application/json", NULL};

static void load_init(struct load *l, const char *url, const char *const *send)
{
	static const char body[BODY];
	const struct http_config config = {0};
	if (http_executor_create(&config, &l->x, NULL) != 0)
		die("create");
	l->call = (struct call){.url = url,
				.headers = send,
				.body = bytes_of(body, BODY),
				.timeout_ms = 60000,
				.answer_max = 1 << 20};
}

static void measure(int port, const char *only)
{
	char url[64];
	double raw_us[ROUNDS], few_us[ROUNDS], all_us[ROUNDS], few[ROUNDS], all[ROUNDS];
	struct raw *r = calloc(1, sizeof(*r));
	struct load l = {0}, full = {0};
	if (!r)
		die("calloc");
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/check", port);
	load_init(&l, url, one_header);
	load_init(&full, url, headers);
	raw_connect(r, port);
	for (int i = 0; i < ROUNDS; i++) {
		raw_us[i] = !only || *only == 'r' ? raw_round(r) : 1;
		few_us[i] = !only || *only == 'e' ? executor_round(&l) : 1;
		all_us[i] = !only || *only == 'h' ? executor_round(&full) : 1;
		few[i] = few_us[i] / raw_us[i];
		all[i] = all_us[i] / raw_us[i];
	}
	printf("CPU per call, %d in flight, %d bytes each way, median of %d rounds of %d\n"
	       "raw sockets                      %6.1f us\n"
	       "executor, 1 header               %6.1f us  %5.2f of raw\n"
	       "executor, a plugin's %2zu headers   %6.1f us  %5.2f of raw\n",
	       IN_FLIGHT, BODY, ROUNDS, CALLS, median(raw_us), median(few_us), median(few),
	       countof(headers) - 1, median(all_us), median(all));
	executor_free(l.x);
	executor_free(full.x);
	free(r);
}

/* net [raw|executor|headers]: one of them alone, for perf. */
int main(int argc, char **argv)
{
	int port, listen_fd = listen_somewhere(&port);
	pid_t server = fork();
	if (server < 0)
		die("fork");
	if (server == 0)
		serve(listen_fd);
	close(listen_fd);
	measure(port, argc > 1 ? argv[1] : NULL);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return 0;
}
