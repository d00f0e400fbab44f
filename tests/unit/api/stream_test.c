/* Streams: their share, waking, readers that go away or stand still, the end. */
#include "api/stream.h"
#include "core/access/token.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A source that writes `bytes`, then waits once. */
struct source {
	size_t bytes;
	uint32_t wait_ms;
	int written, waited; /* what came of it */
	bool freed;
	atomic_bool waits;
};

static int run(void *user, struct stream *s)
{
	static const char piece[50000];
	struct source *q = user;
	for (size_t left = q->bytes; left && !q->written;) {
		size_t n = left < sizeof(piece) ? left : sizeof(piece);
		q->written = stream_write(s, bytes_of(piece, n));
		left -= n;
	}
	atomic_store(&q->waits, true);
	if (q->wait_ms && !q->written)
		q->waited = stream_wait(s, q->wait_ms);
	return q->written ? q->written : q->waited;
}

static void let_go(void *user) { ((struct source *)user)->freed = true; }

static const struct stream_ops ops = {.run = run, .free = let_go};

struct wire {
	int end[2];
	size_t largest;
};

static int put(void *user, struct bytes piece)
{
	struct wire *w = user;
	if (piece.len > w->largest)
		w->largest = piece.len;
	return send(w->end[0], piece.at, piece.len, MSG_NOSIGNAL) == (ssize_t)piece.len ? 0 : -1;
}

static void connect_wire(struct wire *w)
{
	w->largest = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, w->end), 0);
}

static void close_wire(struct wire *w)
{
	for (int i = 0; i < 2; i++)
		if (w->end[i] >= 0)
			close(w->end[i]);
}

static int run_on(struct stream *s, struct wire *w)
{
	struct stream_io io = {.fd = w->end[0], .write = put, .user = w};
	return stream_run(s, &io);
}

struct aside {
	struct stream *stream;
	struct wire *wire;
	int rc;
};

static void *run_aside(void *user)
{
	struct aside *a = user;
	a->rc = run_on(a->stream, a->wire);
	return NULL;
}

static void until_it_waits(struct source *q)
{
	while (!atomic_load(&q->waits))
		usleep(1000);
}

static void test_share(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	struct stream *a, *b, *c = NULL;
	struct source q = {0}, r = {0}, t = {0};
	struct sl_error err = {0};
	assert_int_equal(streams_create(2, 1000, &all), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &q, &a, &err), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &r, &b, &err), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &t, &c, &err), SL_E_UNAVAILABLE);
	assert_non_null(strstr(err.text, "2 answers"));
	assert_false(t.freed);
	assert_int_equal(streams_open(all), 2);
	stream_free(a);
	assert_true(q.freed);
	assert_int_equal(stream_create(all, NULL, &ops, &t, &c, &err), 0);
	stream_free(b);
	stream_free(c);
	assert_int_equal(streams_open(all), 0);
}

/* One token has a quarter of the places; the admin and those without a token any number. */
static void test_share_of_a_token(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	const struct token ann = {.id = "ann"}, bob = {.id = "bob"};
	const struct token admin = {.id = "admin", .privileges = PRIV_ADMIN};
	struct stream *open[6];
	struct source q[6] = {0}, none = {0};
	const struct token *who[] = {&ann, &ann, &bob, &admin, &admin, &admin};
	struct sl_error err = {0};
	assert_int_equal(streams_create(8, 1000, &all), 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(stream_create(all, who[i], &ops, &q[i], &open[i], &err), 0);
	struct stream *more = NULL;
	assert_int_equal(stream_create(all, &ann, &ops, &none, &more, &err), SL_E_BUSY);
	assert_non_null(strstr(err.text, "2 answers"));
	open[0] = stream_free(open[0]);
	assert_int_equal(stream_create(all, &ann, &ops, &none, &more, &err), 0);
	stream_free(more);
	for (size_t i = 0; i < 6; i++)
		stream_free(open[i]);
}

static void test_pieces(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	scoped(stream_freep) struct stream *s = NULL;
	struct source q = {.bytes = 40000};
	struct wire w;
	connect_wire(&w);
	assert_int_equal(streams_create(1, 1000, &all), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &q, &s, NULL), 0);
	assert_int_equal(run_on(s, &w), 0);
	assert_int_equal(w.largest, STREAM_PIECE_MAX);
	close_wire(&w);
}

/* A wake before the wait is not missed, and ends one wait only. */
static void test_wake(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	scoped(stream_freep) struct stream *s = NULL;
	struct source q = {.wait_ms = 60000};
	struct wire w;
	connect_wire(&w);
	assert_int_equal(streams_create(1, 1000, &all), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &q, &s, NULL), 0);
	stream_wake(s);
	stream_wake(s);
	assert_int_equal(run_on(s, &w), 0);
	q.wait_ms = 1;
	assert_int_equal(run_on(s, &w), SL_E_TIMEOUT);
	close_wire(&w);
}

static void test_reader_stands_still(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	scoped(stream_freep) struct stream *s = NULL;
	struct source q = {.bytes = 64 << 20};
	struct wire w;
	connect_wire(&w);
	assert_int_equal(streams_create(1, 50, &all), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &q, &s, NULL), 0);
	assert_int_equal(run_on(s, &w), SL_E_CANCELED);
	assert_int_equal(streams_cut(all), 1);
	close_wire(&w);
}

static int gives_up(void *user)
{
	(void)user;
	return SL_E_CANCELED;
}

/* The source says when it is enough, long before the reader has stood still for too long. */
static void test_source_gives_up(void **state)
{
	(void)state;
	static const struct stream_ops impatient = {run, let_go, gives_up};
	scoped(streams_freep) struct streams *all = NULL;
	scoped(stream_freep) struct stream *s = NULL;
	struct source q = {.bytes = 64 << 20};
	struct wire w;
	connect_wire(&w);
	assert_int_equal(streams_create(1, 3600 * 1000, &all), 0);
	assert_int_equal(stream_create(all, NULL, &impatient, &q, &s, NULL), 0);
	assert_int_equal(run_on(s, &w), SL_E_CANCELED);
	assert_int_equal(streams_cut(all), 1);
	close_wire(&w);
}

static void test_reader_goes(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	scoped(stream_freep) struct stream *s = NULL;
	struct source q = {.wait_ms = 60000};
	struct wire w;
	pthread_t thread;
	connect_wire(&w);
	assert_int_equal(streams_create(1, 60000, &all), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &q, &s, NULL), 0);
	struct aside a = {s, &w, 0};
	assert_int_equal(pthread_create(&thread, NULL, run_aside, &a), 0);
	until_it_waits(&q);
	close(w.end[1]);
	w.end[1] = -1;
	pthread_join(thread, NULL);
	assert_int_equal(a.rc, SL_E_CANCELED);
	q = (struct source){.bytes = 10};
	assert_int_equal(run_on(s, &w), SL_E_CANCELED); /* nor does a write */
	close_wire(&w);
}

static void test_end(void **state)
{
	(void)state;
	scoped(streams_freep) struct streams *all = NULL;
	scoped(stream_freep) struct stream *s = NULL;
	struct stream *late = NULL;
	struct source q = {.wait_ms = 60000}, r = {0};
	struct wire w;
	pthread_t thread;
	connect_wire(&w);
	assert_int_equal(streams_create(2, 60000, &all), 0);
	assert_int_equal(stream_create(all, NULL, &ops, &q, &s, NULL), 0);
	struct aside a = {s, &w, 0};
	assert_int_equal(pthread_create(&thread, NULL, run_aside, &a), 0);
	until_it_waits(&q);
	streams_end(all);
	pthread_join(thread, NULL);
	assert_int_equal(a.rc, SL_E_CANCELED);
	assert_int_equal(stream_create(all, NULL, &ops, &r, &late, NULL), SL_E_UNAVAILABLE);
	close_wire(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share_of_a_token),
		cmocka_unit_test(test_source_gives_up),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_reader_stands_still),
		cmocka_unit_test(test_reader_goes),
		cmocka_unit_test(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
