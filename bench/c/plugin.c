/* plugin PORT-FILE: a plugin of all stages, with answers of 4 KB, that behaves as its path
 * says (documents.h). One thread, raw sockets, epoll: the least a plugin can cost.
 *
 * It also keeps time: POST /gaps answers the median of nanoseconds between an answer and the
 * next call, where that is not a job's first, since the last /gaps. With one job at a time
 * that is what its caller needs from one call to the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "documents.h"

enum { GAPS_MAX = 1 << 20, STAGES_MAX = 32, THINK_NS = 1000000, SLOW_NS = 500000000 };

/* Answers that wait for their time; all of one line wait equally long. */
struct line {
	int64_t delay_ns;
	struct due {
		int64_t at_ns;
		int fd;
		uint64_t life;
		const struct message *answer;
	} due[CONNECTIONS_MAX];
	size_t first, n;
};

struct stage {
	char name[16];
	struct message answer;
};

struct plugin {
	int epoll_fd;
	struct stage stage[STAGES_MAX];
	size_t stages;
	struct stream *stream[CONNECTIONS_MAX];
	uint64_t life[CONNECTIONS_MAX]; /* counts the connections that an fd has been */
	struct line think, slow;
	unsigned flaky;
	int64_t answered_ns, *gap;
	size_t gaps;
};

static void reply(struct plugin *p, int fd, const struct message *answer)
{
	p->answered_ns = now_ns();
	send_all(fd, answer->at, answer->len);
}

static void reply_text(struct plugin *p, int fd, const char *status, const char *text)
{
	char all[256];
	struct message m = {all, (size_t)snprintf(all, sizeof(all),
						  "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
						  status, strlen(text), text)};
	reply(p, fd, &m);
}

static const struct message *stage_of(struct plugin *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->stages; i++)
		if (strncmp(p->stage[i].name, name, len) == 0 && !p->stage[i].name[len])
			return &p->stage[i].answer;
	struct stage *fresh = &p->stage[p->stages];
	if (p->stages == STAGES_MAX || len >= sizeof(fresh->name))
		return NULL;
	memcpy(fresh->name, name, len);
	fresh->name[len] = '\0';
	fresh->answer = answer_of(fresh->name);
	if (!fresh->answer.len)
		return NULL;
	p->stages++;
	return &fresh->answer;
}

static void wait_in(struct plugin *p, struct line *l, int fd, const struct message *answer)
{
	if (l->n == CONNECTIONS_MAX)
		die("too many answers wait");
	l->due[(l->first + l->n++) % CONNECTIONS_MAX] =
		(struct due){now_ns() + l->delay_ns, fd, p->life[fd], answer};
}

/* Answer what is due; nanoseconds until the next one, or -1. */
static int64_t answer_due(struct plugin *p, struct line *l)
{
	int64_t now = now_ns();
	for (; l->n; l->n--, l->first = (l->first + 1) % CONNECTIONS_MAX) {
		const struct due *due = &l->due[l->first];
		if (due->at_ns > now)
			return due->at_ns - now;
		if (p->stream[due->fd] && p->life[due->fd] == due->life)
			reply(p, due->fd, due->answer);
	}
	return -1;
}

static void tell_gaps(struct plugin *p, int fd)
{
	char text[64];
	snprintf(text, sizeof(text), "%lld", (long long)median_of(p->gap, p->gaps));
	p->gaps = 0;
	reply_text(p, fd, "200 OK", text);
}

static void serve(struct plugin *p, int fd, const char *at)
{
	const char *manner = at + 6, *slash = strchr(manner, '/');
	const char *end = slash ? strchr(slash, ' ') : NULL;
	if (strncmp(at, "POST /gaps ", 11) == 0) {
		tell_gaps(p, fd);
		return;
	}
	const struct message *answer =
		end ? stage_of(p, slash + 1, (size_t)(end - slash - 1)) : NULL;
	if (answer && strncmp(slash, "/translate", 10) != 0 && p->answered_ns && p->gaps < GAPS_MAX)
		p->gap[p->gaps++] = now_ns() - p->answered_ns;
	if (!answer)
		reply_text(p, fd, "404 Not Found", "");
	else if (strncmp(manner, "think/", 6) == 0)
		wait_in(p, &p->think, fd, answer);
	else if (strncmp(manner, "slow/", 5) == 0)
		wait_in(p, &p->slow, fd, answer);
	else if (strncmp(manner, "flaky/", 6) == 0 && p->flaky++ % 2)
		reply_text(p, fd, "503 Service Unavailable", "");
	else if (strncmp(manner, "hang/", 5) != 0)
		reply(p, fd, answer);
}

static void join(struct plugin *p, int fd)
{
	p->stream[fd] = malloc(sizeof(*p->stream[fd]));
	if (!p->stream[fd])
		die("malloc");
	p->stream[fd]->have = 0;
	p->life[fd]++;
	watch(p->epoll_fd, fd, (uint64_t)fd);
}

static void hear(struct plugin *p, int fd)
{
	struct stream *s = p->stream[fd];
	int got = take(s, fd);
	if (got < 0) {
		free(s);
		p->stream[fd] = NULL;
		close(fd);
	} else if (got) {
		s->have = 0;
		serve(p, fd, s->at);
	}
}

static int64_t sooner(int64_t a, int64_t b) { return a < 0 || (b >= 0 && b < a) ? b : a; }

int main(int argc, char **argv)
{
	struct plugin *p = calloc(1, sizeof(*p));
	struct epoll_event events[256];
	if (argc != 2) {
		fprintf(stderr, "usage: plugin PORT-FILE\n");
		return 64;
	}
	if (!p || !(p->gap = calloc(GAPS_MAX, sizeof(*p->gap))))
		die("calloc");
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->think.delay_ns = THINK_NS;
	p->slow.delay_ns = SLOW_NS;
	int listener = listen_at(argv[1]);
	watch(p->epoll_fd, listener, (uint64_t)listener);
	for (;;) {
		int64_t next = sooner(answer_due(p, &p->think), answer_due(p, &p->slow));
		int n = wait_events(p->epoll_fd, events, 256, next);
		for (int i = 0; i < n; i++) {
			int fd = (int)events[i].data.u64;
			if (fd == listener)
				join(p, welcome(listener));
			else
				hear(p, fd);
		}
	}
}
