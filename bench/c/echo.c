/* echo PORT-FILE FILE: the yardstick of durable acceptance: one thread, epoll; writes each
 * request to FILE, flushes once per turn of its loop, then answers. FILE is overwritten in
 * place: that is the least a flush can cost. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "wire.h"

enum { EVENTS = 256 };

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 101\r\n\r\n"
	"{\"code\":\"OPERATION_SUCCEEDED\",\"msg\":\"\",\"payload\":"
	"{\"jobID\":\"01a2013b-e764-7000-86ca-b68456e4ae6a\"}}     ";

struct echo {
	int epoll_fd, listener;
	struct ring ring;
	struct stream *stream[CONNECTIONS_MAX];
};

static void join(struct echo *e)
{
	int fd = welcome(e->listener);
	if (!e->stream[fd])
		e->stream[fd] = malloc(sizeof(*e->stream[fd]));
	if (!e->stream[fd])
		die("malloc");
	e->stream[fd]->have = 0;
	watch(e->epoll_fd, fd, (uint64_t)fd);
}

/* True: a whole request lies in the ring. */
static bool store(struct echo *e, int fd)
{
	struct stream *s = e->stream[fd];
	int got = take(s, fd);
	if (got < 0)
		close(fd);
	if (got <= 0)
		return false;
	ring_put(&e->ring, s->at, s->have);
	s->have = 0;
	return true;
}

static void turn(struct echo *e)
{
	struct epoll_event events[EVENTS];
	int owed[EVENTS], n = wait_events(e->epoll_fd, events, EVENTS, -1), answers = 0;
	for (int i = 0; i < n; i++) {
		int fd = (int)events[i].data.u64;
		if (fd == e->listener)
			join(e);
		else if (store(e, fd))
			owed[answers++] = fd;
	}
	if (answers)
		ring_flush(&e->ring);
	for (int i = 0; i < answers; i++)
		send_all(owed[i], answer, sizeof(answer) - 1);
}

int main(int argc, char **argv)
{
	static struct echo e;
	if (argc != 3) {
		fprintf(stderr, "usage: echo PORT-FILE FILE\n");
		return 64;
	}
	ring_open(&e.ring, argv[2]);
	e.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e.listener = listen_at(argv[1]);
	watch(e.epoll_fd, e.listener, (uint64_t)e.listener);
	for (;;)
		turn(&e);
}
