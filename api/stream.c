#include "api/stream.h"

#include "core/access/token.h"
#include "core/base/clock.h"
#include "core/base/list.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	KERNEL_BUFFER = 128 * 1024, /* of one reader's socket; the kernel doubles it */
	END_MS = 1000,              /* a stalled write may go on when we stop */
	SHARES = 4,
};

struct streams {
	pthread_mutex_t lock;
	struct list open;
	unsigned max;
	uint32_t stall_ms;
	atomic_uint n;
	atomic_uint_fast64_t cut;
	atomic_bool ended;
};

struct stream {
	struct streams *all;
	struct list link;
	const struct stream_ops *ops;
	void *user;
	const struct stream_io *io;   /* while it runs */
	int wake;                     /* an eventfd */
	char token[TOKEN_ID_LEN + 4]; /* whose share it takes of; "": nobody's */
};

int streams_create(unsigned max, uint32_t stall_ms, struct streams **ret)
{
	struct streams *all = calloc(1, sizeof(*all));
	if (!all)
		return SL_E_NO_MEMORY;
	if (pthread_mutex_init(&all->lock, NULL)) {
		free(all);
		return SL_E_NO_MEMORY;
	}
	list_init(&all->open);
	all->max = max;
	all->stall_ms = stall_ms;
	*ret = all;
	return 0;
}

struct streams *streams_free(struct streams *all)
{
	if (!all)
		return NULL;
	assert(list_empty(&all->open));
	pthread_mutex_destroy(&all->lock);
	free(all);
	return NULL;
}

void streams_end(struct streams *all)
{
	pthread_mutex_lock(&all->lock);
	atomic_store(&all->ended, true);
	for (struct list *l = all->open.next; l != &all->open; l = l->next)
		stream_wake(container_of(l, struct stream, link));
	pthread_mutex_unlock(&all->lock);
}

unsigned streams_open(const struct streams *all) { return atomic_load(&all->n); }

unsigned streams_max(const struct streams *all) { return all->max; }

uint64_t streams_cut(const struct streams *all) { return atomic_load(&all->cut); }

/* ---- one of them ---- */

static unsigned share_of(const struct streams *all) { return (all->max + SHARES - 1) / SHARES; }

static unsigned held_by(const struct streams *all, const char *token)
{
	unsigned n = 0;
	for (struct list *l = all->open.next; l != &all->open; l = l->next)
		n += strcmp(container_of(l, struct stream, link)->token, token) == 0;
	return n;
}

static int find_place(const struct streams *all, const struct stream *s, struct sl_error *err)
{
	if (atomic_load(&all->ended))
		return sl_fail(err, SL_E_UNAVAILABLE, "the gateway is stopping");
	if (atomic_load(&all->n) >= all->max)
		return sl_fail(err, SL_E_UNAVAILABLE,
			       "%u answers are being streamed, and no more may be; try again soon",
			       all->max);
	if (s->token[0] && held_by(all, s->token) >= share_of(all))
		return sl_fail(err, SL_E_BUSY,
			       "%u answers are being streamed to this token, and one token may "
			       "have no more; end one of them first, or use another token",
			       share_of(all));
	return 0;
}

/* Either it is in the list when the end comes, or it is refused. */
static int enter(struct streams *all, struct stream *s, struct sl_error *err)
{
	pthread_mutex_lock(&all->lock);
	int rc = find_place(all, s, err);
	if (!rc) {
		atomic_fetch_add(&all->n, 1);
		list_push(&all->open, &s->link);
	}
	pthread_mutex_unlock(&all->lock);
	return rc;
}

int stream_create(struct streams *all, const struct token *token, const struct stream_ops *ops,
		  void *user, struct stream **ret, struct sl_error *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	*s = (struct stream){.all = all, .ops = ops, .user = user};
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0) {
		free(s);
		return sl_fail(err, SL_E_UNAVAILABLE, "no descriptor free; try again soon");
	}
	if (token && !token_is_admin(token))
		snprintf(s->token, sizeof(s->token), "%s", token->id);
	int rc = enter(all, s, err);
	if (rc) {
		close(s->wake);
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;
	s->ops->free(s->user);
	pthread_mutex_lock(&s->all->lock);
	list_remove(&s->link);
	atomic_fetch_sub(&s->all->n, 1);
	pthread_mutex_unlock(&s->all->lock);
	close(s->wake);
	free(s);
	return NULL;
}

/* A counter that is full is as awake as it can be. */
void stream_wake(struct stream *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->wake, &one, sizeof(one));
	assert(n == sizeof(one) || errno == EAGAIN);
}

bool stream_ending(const struct stream *s) { return atomic_load(&s->all->ended); }

static int64_t now_ms(void) { return clock_mono_ms(&clock_system); }

static int64_t patience(const struct stream *s)
{
	return stream_ending(s) && s->all->stall_ms > END_MS ? END_MS : s->all->stall_ms;
}

static bool is_given_up(const struct stream *s)
{
	return s->ops->held_up && s->ops->held_up(s->user) < 0;
}

/* Until the kernel has room for a piece. */
static int wait_for_room(const struct stream *s)
{
	int64_t since = now_ms(), left = 0; /* the first look is not a wait */
	do {
		struct pollfd fd = {.fd = s->io->fd, .events = POLLOUT};
		int n = poll(&fd, 1, left < STREAM_LOOK_MS ? (int)left : STREAM_LOOK_MS);
		if (n < 0 && errno != EINTR)
			return SL_E_CANCELED;
		if (n > 0)
			return fd.revents & (POLLERR | POLLHUP | POLLNVAL) ? SL_E_CANCELED : 0;
		left = is_given_up(s) ? 0 : since + patience(s) - now_ms();
	} while (left > 0);
	if (!stream_ending(s))
		atomic_fetch_add(&s->all->cut, 1);
	return SL_E_CANCELED;
}

static bool may_go_on(const struct stream *s)
{
	return !s->io->may_go_on || s->io->may_go_on(s->io->user);
}

int stream_write(struct stream *s, struct bytes piece)
{
	while (piece.len) {
		size_t n = piece.len < STREAM_PIECE_MAX ? piece.len : STREAM_PIECE_MAX;
		if (wait_for_room(s) || !may_go_on(s) ||
		    s->io->write(s->io->user, bytes_of(piece.at, n)) < 0)
			return SL_E_CANCELED;
		piece = bytes_of((const char *)piece.at + n, piece.len - n);
	}
	return 0;
}

int stream_wait(struct stream *s, uint32_t ms)
{
	int64_t left, until = now_ms() + ms;
	if (!may_go_on(s))
		return SL_E_CANCELED;
	do {
		if (stream_ending(s))
			return SL_E_CANCELED;
		struct pollfd fd[] = {{.fd = s->wake, .events = POLLIN},
				      {.fd = s->io->fd, .events = POLLRDHUP}};
		left = until - now_ms();
		int n = poll(fd, countof(fd), left < 0 ? 0 : (int)left);
		if (n < 0 && errno != EINTR)
			return SL_E_CANCELED;
		if (n > 0 && fd[1].revents)
			return SL_E_CANCELED;
		uint64_t times;
		if (n > 0 && read(s->wake, &times, sizeof(times)) > 0)
			return stream_ending(s) ? SL_E_CANCELED : 0;
	} while (left > 0);
	return SL_E_TIMEOUT;
}

int stream_run(struct stream *s, const struct stream_io *io)
{
	int size = KERNEL_BUFFER;
	/* Bounded for each reader; without it the kernel's own bound holds. */
	(void)setsockopt(io->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	s->io = io;
	int rc = s->ops->run(s->user, s);
	s->io = NULL;
	return rc;
}
