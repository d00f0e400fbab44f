/* load PORT JOBS FLIGHT UNTIL [KIND [PER-S]]: submits jobs to a gateway, at most FLIGHT at a
 * time and, with PER-S, so many a second, each until it is
 *
 *   accepted   answered, so on disk
 *   ended      succeeded, failed or stopped, and that is on disk: the gateway's event stream
 *              says so, on one more connection
 *
 * One thread, raw sockets, epoll. Prints "seconds cpu-seconds p50-us". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "documents.h"

enum { JOBS_MAX = 1000000, PATIENCE_S = 40, STREAM = -1 };

struct client {
	int fd;
	bool busy; /* its request is not answered */
	struct stream stream;
};

struct run {
	int epoll_fd, events_fd;
	bool until_ended;
	struct message request;
	struct stream events;
	size_t jobs, flight, started, ended;
	int64_t pause_ns, next_ns; /* between two of them; when the next one may begin */
	struct client *client;
	int64_t *began, *took; /* by job, as jobs are begun; one of FLIGHT 1 ends before the next */
};

static void submit(struct run *r, struct client *c)
{
	if (r->started == r->jobs || r->started - r->ended == r->flight)
		return;
	if (r->pause_ns && now_ns() < r->next_ns)
		return;
	r->next_ns += r->pause_ns;
	r->began[r->started++] = now_ns();
	c->busy = true;
	send_all(c->fd, r->request.at, r->request.len);
}

static void submit_all(struct run *r)
{
	for (size_t i = 0; i < r->flight && r->started - r->ended < r->flight; i++)
		if (!r->client[i].busy)
			submit(r, &r->client[i]);
}

static void end_job(struct run *r)
{
	if (r->ended == r->started)
		die("a job ended that was not ours");
	r->took[r->ended] = now_ns() - r->began[r->ended];
	r->ended++;
}

static void answered(struct run *r, struct client *c)
{
	int got = take(&c->stream, c->fd);
	if (got < 0 || (got && strncmp(c->stream.at + 9, "200", 3) != 0)) {
		fprintf(stderr, "load: the gateway refused a job: %.400s\n",
			got < 0 ? "closed" : c->stream.at);
		exit(1);
	}
	if (!got)
		return;
	c->stream.have = 0;
	c->busy = false;
	if (!r->until_ended)
		end_job(r);
	submit(r, c);
}

/* ---- the event stream ---- */

/* Count the events in what has arrived; what may be the beginning of one stays. */
static size_t events_in(struct stream *s)
{
	static const char mark[] = "event: job";
	size_t n = 0, keep = sizeof(mark) - 2;
	const char *at = s->at, *end = s->at + s->have;
	for (const char *hit; (hit = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)); n++)
		at = hit + sizeof(mark) - 1;
	if ((size_t)(end - at) < keep)
		keep = (size_t)(end - at);
	memmove(s->at, end - keep, keep);
	s->have = keep;
	return n;
}

static void heard(struct run *r)
{
	struct stream *s = &r->events;
	ssize_t n = recv(r->events_fd, s->at + s->have, sizeof(s->at) - s->have, MSG_DONTWAIT);
	if (n == 0)
		die("the event stream ended");
	if (n < 0)
		return;
	s->have += (size_t)n;
	for (size_t i = events_in(s); i; i--)
		end_job(r);
	submit_all(r);
}

/* Returns once the gateway has begun to answer: what ends from now on is told. */
static void listen_to(struct run *r, int port, const char *kind)
{
	char ask[512];
	int len = snprintf(ask, sizeof(ask),
			   "GET /v1/events?state=succeeded,failed,stopped&kind=%s HTTP/1.1\r\n"
			   "Host: 127.0.0.1\r\ntoken: admin\r\n\r\n",
			   job_kind_of(kind));
	r->events_fd = connect_to(port);
	send_all(r->events_fd, ask, (size_t)len);
	if (recv(r->events_fd, r->events.at, sizeof(r->events.at), 0) < 12 ||
	    strncmp(r->events.at + 9, "200", 3) != 0)
		die("no event stream");
	watch(r->epoll_fd, r->events_fd, (uint64_t)STREAM);
}

/* ---- the whole ---- */

/* Until the next job may begin, if any may. */
static int64_t patience_ns(const struct run *r)
{
	if (!r->pause_ns || r->started == r->jobs || r->started - r->ended == r->flight)
		return (int64_t)PATIENCE_S * 1000000000;
	int64_t left = r->next_ns - now_ns();
	return left < 0 ? 0 : left;
}

static void run(struct run *r)
{
	struct epoll_event events[256];
	r->next_ns = now_ns();
	for (submit_all(r); r->ended < r->jobs; submit_all(r)) {
		int64_t patience = patience_ns(r);
		int n = wait_events(r->epoll_fd, events, 256, patience);
		if (!n && patience >= (int64_t)PATIENCE_S * 1000000000) {
			fprintf(stderr, "load: %zu of %zu jobs have ended, and nothing for %d s\n",
				r->ended, r->jobs, PATIENCE_S);
			exit(1);
		}
		for (int i = 0; i < n; i++)
			if (events[i].data.u64 == (uint64_t)STREAM)
				heard(r);
			else
				answered(r, &r->client[events[i].data.u64]);
	}
}

static void open_run(struct run *r, int port, const char *kind)
{
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->client = calloc(r->flight, sizeof(*r->client));
	r->began = calloc(r->jobs, sizeof(*r->began));
	r->took = calloc(r->jobs, sizeof(*r->took));
	if (!r->client || !r->began || !r->took)
		die("calloc");
	if (r->until_ended)
		listen_to(r, port, kind);
	for (size_t i = 0; i < r->flight; i++) {
		r->client[i].fd = connect_to(port);
		watch(r->epoll_fd, r->client[i].fd, i);
	}
}

int main(int argc, char **argv)
{
	static struct run r;
	if (argc >= 5) {
		r.jobs = strtoul(argv[2], NULL, 10);
		r.flight = strtoul(argv[3], NULL, 10);
		r.until_ended = strcmp(argv[4], "ended") == 0;
	}
	if (!r.jobs || r.jobs > JOBS_MAX || !r.flight || r.flight > CONNECTIONS_MAX ||
	    (!r.until_ended && strcmp(argv[4], "accepted") != 0)) {
		fprintf(stderr, "usage: load PORT JOBS FLIGHT accepted|ended [KIND [PER-S]]\n");
		return 64;
	}
	const char *kind = argc > 5 ? argv[5] : "Bench";
	double per_s = argc > 6 ? strtod(argv[6], NULL) : 0;
	r.pause_ns = per_s > 0 ? (int64_t)(1e9 / per_s) : 0;
	r.request = submission_of("/v1/job", kind);
	open_run(&r, atoi(argv[1]), kind);
	int64_t began = now_ns();
	double cpu = cpu_s();
	run(&r);
	printf("%.6f %.6f %.3f\n", (double)(now_ns() - began) / 1e9, cpu_s() - cpu,
	       (double)median_of(r.took, r.jobs) / 1e3);
	return 0;
}
