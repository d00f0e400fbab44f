/* The other side of the gateway's benchmark, three programs in one:
 *
 *   peer plugin PORT-FILE            a plugin of all five stages, answers of 4 KB
 *   peer bare PORT JOBS FLIGHT FILE  the yardstick: the least any gateway could do for a
 *                                    job: five POSTs to that plugin, nothing parsed, and
 *                                    two flushes, which jobs of one turn share
 *   peer load PORT JOBS FLIGHT       submits jobs to a gateway, FLIGHT at a time
 *
 * bare and load print "seconds cpu-seconds p50-us". One thread, raw sockets, epoll. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAD = 3300, MESSAGE_MAX = 16384, CONNECTIONS_MAX = 1024, STAGES = 5, JOBS_MAX = 1000000 };

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void watch(int epoll_fd, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll_ctl");
}

/* ---- messages ---- */

struct stream {
	char at[MESSAGE_MAX];
	size_t have;
};

static size_t whole_length(const char *at, size_t have)
{
	const char *end = memmem(at, have, "\r\n\r\n", 4);
	const char *length = memmem(at, have, "Content-Length: ", 16);
	return end && length ? (size_t)(end + 4 - at) + strtoul(length + 16, NULL, 10) : 0;
}

/* 1: a whole message lies in the stream; 0: not yet; -1: closed. */
static int take(struct stream *s, int fd)
{
	ssize_t n = recv(fd, s->at + s->have, sizeof(s->at) - 1 - s->have, MSG_DONTWAIT);
	if (n == 0)
		return -1;
	if (n < 0)
		return 0;
	s->have += (size_t)n;
	s->at[s->have] = '\0';
	size_t need = whole_length(s->at, s->have);
	return need && s->have >= need;
}

static void send_all(int fd, const char *at, size_t len)
{
	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			die("send");
		at += n;
		len -= (size_t)n;
	}
}

/* ---- documents: every default is there, so that additions are the only difference ---- */

static void taskset(char *to, size_t size, const char *label, const char *priority)
{
	snprintf(
		to, size,
		"{\"apiVersion\":\"sluice/"
		"v1\",\"kind\":\"TaskSet\",\"metadata\":{\"name\":\"bench\","
		"\"annotations\":{\"pad\":\"%0*d\"},\"labels\":{%s}},\"spec\":{\"engine\":\"null\","
		"\"retryPolicy\":{\"retry\":false,\"delay\":0,\"maxRetryCount\":0},\"roles\":[{"
		"\"name\":"
		"\"main\",\"replicas\":1,\"completionPolicy\":{\"maxFailed\":1,\"minSucceeded\":1},"
		"\"retryPolicy\":{\"retry\":false,\"delay\":0,\"maxRetryCount\":0},\"eventPolicy\":"
		"[{"
		"\"event\":\"RoleFailed\",\"action\":\"TaskSetFailed\"},{\"event\":"
		"\"RoleSucceeded\","
		"\"action\":\"NoAction\"}],\"template\":{\"spec\":{%s\"containers\":[{\"name\":"
		"\"main\","
		"\"command\":[\"true\"]}]}}}]}}",
		PAD, 0, label, priority);
}

static const char *const stage_path[STAGES] = {"/translate", "/factor", "/gate", "/decorate",
					       "/bind"};

static void answer_of(int stage, char *to, size_t size)
{
	char body[MESSAGE_MAX / 2];
	switch (stage) {
	case 1:
		snprintf(body, sizeof(body),
			 "{\"topic\":\"priority\",\"advice\":\"10\",\"reason\":\"%0*d\"}", PAD, 0);
		break;
	case 2:
		snprintf(body, sizeof(body), "{\"decision\":\"pass\",\"reason\":\"%0*d\"}", 900, 0);
		break;
	default:
		taskset(body, sizeof(body), stage >= 3 ? "\"team\":\"blue\"" : "",
			stage == 4 ? "\"priority\":10," : "");
		break;
	}
	snprintf(to, size,
		 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
		 "%zu\r\n\r\n%s",
		 strlen(body), body);
}

/* ---- plugin ---- */

static int listen_on_loopback(int *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 1024) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		die("listen");
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void serve_one(int fd, struct stream *s, char answer[STAGES][MESSAGE_MAX])
{
	for (int stage = 0; stage < STAGES; stage++)
		if (strncmp(s->at + 5, stage_path[stage], strlen(stage_path[stage])) == 0)
			send_all(fd, answer[stage], strlen(answer[stage]));
	s->have = 0;
}

static int plugin(const char *port_file)
{
	static struct stream stream[CONNECTIONS_MAX];
	static char answer[STAGES][MESSAGE_MAX];
	struct epoll_event events[64];
	int port, on = 1, listener = listen_on_loopback(&port), epoll_fd = epoll_create1(0);
	FILE *file = fopen(port_file, "w");
	if (!file || fprintf(file, "%d\n", port) < 0 || fclose(file) != 0)
		die(port_file);
	for (int stage = 0; stage < STAGES; stage++)
		answer_of(stage, answer[stage], sizeof(answer[stage]));
	watch(epoll_fd, listener);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 64, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) {
				fd = accept(listener, NULL, NULL);
				if (fd < 0 || fd >= CONNECTIONS_MAX)
					die("accept");
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				stream[fd].have = 0;
				watch(epoll_fd, fd);
				continue;
			}
			int got = take(&stream[fd], fd);
			if (got < 0)
				close(fd);
			else if (got)
				serve_one(fd, &stream[fd], answer);
		}
	}
}

/* ---- clients ---- */

struct client {
	int fd, stage; /* bare: the stage that is being asked; STAGES: waits for its last flush */
	int64_t began_us;
	bool flushing; /* bare: waits for the first flush */
	struct stream stream;
};

struct run {
	int port, epoll_fd, log;
	size_t jobs, flight, started, ended;
	struct client *client;
	int64_t *took;
	char request[STAGES][MESSAGE_MAX];
};

static int connect_to(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void request_to(char *to, size_t size, const char *path, const char *body)
{
	snprintf(to, size,
		 "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\ntoken: admin\r\n"
		 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		 path, strlen(body), body);
}

static void open_run(struct run *r, int argc, char **argv)
{
	if (argc < 5)
		die("usage: peer plugin PORT-FILE | bare PORT JOBS FLIGHT FILE | load PORT JOBS "
		    "FLIGHT");
	r->port = atoi(argv[2]);
	r->jobs = strtoul(argv[3], NULL, 10);
	r->flight = strtoul(argv[4], NULL, 10);
	if (!r->jobs || r->jobs > JOBS_MAX || !r->flight || r->flight > CONNECTIONS_MAX)
		die("JOBS or FLIGHT");
	r->epoll_fd = epoll_create1(0);
	r->client = calloc(r->flight, sizeof(*r->client));
	r->took = calloc(r->jobs, sizeof(*r->took));
	if (!r->client || !r->took)
		die("calloc");
	for (size_t i = 0; i < r->flight; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
		r->client[i].fd = connect_to(r->port);
		epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->client[i].fd, &e);
	}
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void report(struct run *r, int64_t began_us, double cpu_before)
{
	qsort(r->took, r->ended, sizeof(*r->took), by_time);
	printf("%.6f %.6f %lld\n", (double)(now_us() - began_us) / 1e6, cpu_s() - cpu_before,
	       (long long)r->took[r->ended / 2]);
}

static void end_job(struct run *r, struct client *c)
{
	r->took[r->ended++] = now_us() - c->began_us;
}

/* ---- bare ---- */

static void ask(struct run *r, struct client *c)
{
	send_all(c->fd, r->request[c->stage], strlen(r->request[c->stage]));
}

static void begin_bare(struct run *r, struct client *c)
{
	if (r->started == r->jobs)
		return;
	r->started++;
	c->began_us = now_us();
	c->stage = 0;
	c->flushing = true;
}

/* One flush for all that wait for one; then those go on. */
static void flush(struct run *r)
{
	bool any = false;
	for (size_t i = 0; i < r->flight; i++)
		if (r->client[i].flushing) {
			any = true;
			if (write(r->log, r->request[0], 4096) < 0)
				die("write");
		}
	if (!any)
		return;
	if (fdatasync(r->log) != 0)
		die("fdatasync");
	for (size_t i = 0; i < r->flight; i++) {
		struct client *c = &r->client[i];
		if (!c->flushing)
			continue;
		c->flushing = false;
		if (c->stage < STAGES) {
			ask(r, c);
		} else {
			end_job(r, c);
			begin_bare(r, c);
		}
	}
}

static int bare(int argc, char **argv)
{
	static struct run r;
	char body[MESSAGE_MAX / 2];
	struct epoll_event events[64];
	if (argc < 6)
		die("bare PORT JOBS FLIGHT FILE");
	open_run(&r, argc, argv);
	taskset(body, sizeof(body), "", "");
	for (int i = 0; i < STAGES; i++)
		request_to(r.request[i], sizeof(r.request[i]), stage_path[i], body);
	r.log = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (r.log < 0)
		die(argv[5]);
	int64_t began_us = now_us();
	double cpu = cpu_s();
	for (size_t i = 0; i < r.flight; i++)
		begin_bare(&r, &r.client[i]);
	for (flush(&r); r.ended < r.jobs; flush(&r)) {
		int n = epoll_wait(r.epoll_fd, events, 64, 100);
		for (int i = 0; i < n; i++) {
			struct client *c = &r.client[events[i].data.u64];
			if (take(&c->stream, c->fd) != 1)
				continue;
			c->stream.have = 0;
			if (++c->stage < STAGES)
				ask(&r, c);
			else
				c->flushing = true;
		}
	}
	report(&r, began_us, cpu);
	return 0;
}

/* ---- load ---- */

static void submit(struct run *r, struct client *c)
{
	if (r->started == r->jobs)
		return;
	r->started++;
	c->began_us = now_us();
	send_all(c->fd, r->request[0], strlen(r->request[0]));
}

static int load(int argc, char **argv)
{
	static struct run r;
	static char body[MESSAGE_MAX / 2];
	struct epoll_event events[64];
	const char *path = argc > 5 ? argv[5] : "/v1/job?wait=60";
	open_run(&r, argc, argv);
	snprintf(body, sizeof(body),
		 "{\"userID\":\"bench\",\"jobName\":\"bench\",\"jobKind\":\"Bench\",\"job\":{"
		 "\"kind\":"
		 "\"Bench\",\"pad\":\"%0*d\"}}",
		 PAD, 0);
	request_to(r.request[0], sizeof(r.request[0]), path, body);
	int64_t began_us = now_us();
	double cpu = cpu_s();
	for (size_t i = 0; i < r.flight; i++)
		submit(&r, &r.client[i]);
	while (r.ended < r.jobs) {
		int n = epoll_wait(r.epoll_fd, events, 64, 100);
		for (int i = 0; i < n; i++) {
			struct client *c = &r.client[events[i].data.u64];
			int got = take(&c->stream, c->fd);
			if (got < 0 || (got && strncmp(c->stream.at + 9, "200", 3) != 0))
				die("the gateway refused a job");
			if (!got)
				continue;
			c->stream.have = 0;
			end_job(&r, c);
			submit(&r, c);
		}
	}
	report(&r, began_us, cpu);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "plugin") == 0)
		return plugin(argv[2]);
	if (argc >= 6 && strcmp(argv[1], "bare") == 0)
		return bare(argc, argv);
	if (argc >= 5 && strcmp(argv[1], "load") == 0)
		return load(argc, argv);
	fprintf(stderr, "usage: peer plugin PORT-FILE | bare PORT JOBS FLIGHT FILE | "
			"load PORT JOBS FLIGHT [PATH]\n");
	return 64;
}
