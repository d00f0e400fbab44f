/* bare PORT JOBS FLIGHT FILE [MANNER [wide]]: the yardstick, the least any gateway could do
 * for a job: the POSTs of its plugins one after another, nothing parsed, and two flushes,
 * which jobs of one turn share. One thread, raw kept connections, epoll; what is flushed
 * overwrites blocks that FILE has already, for a file that grows costs more.
 *
 * Prints "seconds cpu-seconds p50-us". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "documents.h"

enum { JOBS_MAX = 1000000, RECORD = 4096 };

struct client {
	int fd;
	size_t call;   /* the call that is being made; all of them: waits for the last flush */
	bool flushing; /* waits for a flush */
	int64_t began_ns;
	struct stream stream;
};

struct run {
	int epoll_fd;
	struct ring ring;
	struct calls calls;
	size_t jobs, flight, started, ended;
	struct client *client;
	int64_t *took;
};

static void begin(struct run *r, struct client *c)
{
	if (r->started == r->jobs)
		return;
	r->started++;
	c->began_ns = now_ns();
	c->call = 0;
	c->flushing = true;
}

static void go_on(struct run *r, struct client *c)
{
	c->flushing = false;
	if (c->call < r->calls.n) {
		send_all(c->fd, r->calls.at[c->call].at, r->calls.at[c->call].len);
		return;
	}
	r->took[r->ended++] = now_ns() - c->began_ns;
	begin(r, c);
}

/* One flush for all that wait for one; then those go on. */
static void flush(struct run *r)
{
	static const char record[RECORD];
	bool waited[CONNECTIONS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < r->flight; i++) {
		waited[i] = r->client[i].flushing;
		if (waited[i])
			ring_put(&r->ring, record, RECORD);
		n += waited[i];
	}
	if (n)
		ring_flush(&r->ring);
	for (size_t i = 0; i < r->flight; i++)
		if (waited[i])
			go_on(r, &r->client[i]);
}

static void answered(struct run *r, struct client *c)
{
	int got = take(&c->stream, c->fd);
	if (got < 0)
		die("the plugin closed");
	if (!got)
		return;
	c->stream.have = 0;
	if (++c->call == r->calls.n)
		c->flushing = true;
	else
		go_on(r, c);
}

static void run(struct run *r)
{
	struct epoll_event events[256];
	for (size_t i = 0; i < r->flight; i++)
		begin(r, &r->client[i]);
	for (flush(r); r->ended < r->jobs; flush(r)) {
		bool due = false;
		for (size_t i = 0; i < r->flight; i++)
			due |= r->client[i].flushing;
		int n = wait_events(r->epoll_fd, events, 256, due ? 0 : -1);
		for (int i = 0; i < n; i++)
			answered(r, &r->client[events[i].data.u64]);
	}
}

int main(int argc, char **argv)
{
	static struct run r;
	if (argc >= 5) {
		r.jobs = strtoul(argv[2], NULL, 10);
		r.flight = strtoul(argv[3], NULL, 10);
	}
	if (!r.jobs || r.jobs > JOBS_MAX || !r.flight || r.flight > CONNECTIONS_MAX) {
		fprintf(stderr, "usage: bare PORT JOBS FLIGHT FILE [MANNER [wide]]\n");
		return 64;
	}
	calls_of(&r.calls, argc > 5 ? argv[5] : "now", argc > 6);
	ring_open(&r.ring, argv[4]);
	r.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r.client = calloc(r.flight, sizeof(*r.client));
	r.took = calloc(r.jobs, sizeof(*r.took));
	if (!r.client || !r.took)
		die("calloc");
	for (size_t i = 0; i < r.flight; i++) {
		r.client[i].fd = connect_to(atoi(argv[1]));
		watch(r.epoll_fd, r.client[i].fd, i);
	}
	int64_t began = now_ns();
	double cpu = cpu_s();
	run(&r);
	printf("%.6f %.6f %.3f\n", (double)(now_ns() - began) / 1e9, cpu_s() - cpu,
	       (double)median_of(r.took, r.jobs) / 1e3);
	return 0;
}
