#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/request.h"
#include "tests/unit/net/peer.h"

struct fixture {
	struct requester *r;
	struct peer peer;
	struct sl_error err;
};

static int set_up(void **state)
{
	static const struct requester_config config = {.user_agent = "sluicectl-test"};
	struct fixture *f = calloc(1, sizeof(*f));
	assert_int_equal(requester_create(&config, &f->r, &f->err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	requester_free(f->r);
	free(f);
	return 0;
}

static void teapot(struct peer *p, int fd)
{
	while (peer_read(p, fd))
		peer_send(fd, "HTTP/1.1 103 Early Hints\r\nX-A: early\r\nX-C: early\r\n\r\n"
			      "HTTP/1.1 418 Teapot\r\nx-a:  one \r\nX-AB: no\r\n"
			      "Content-Length: 5\r\n\r\nshort");
}

static void exchanges(void **state)
{
	static const char *const headers[] = {"Authorization: Bearer x", "Accept: text/plain",
					      NULL};
	static const char *const methods[] = {"POST", "PATCH", "DELETE", "GET", "PUT"};
	struct fixture *f = *state;
	peer_start(&f->peer, teapot);
	for (size_t i = 0; i < countof(methods); i++) {
		struct reply_header want[] = {{.name = "X-A"}, {.name = "X-B"}, {.name = "X-C"}};
		struct reply reply = {.headers = want, .header_count = 3};
		const struct request q = {.method = methods[i],
					  .url = f->peer.url,
					  .headers = headers,
					  .body = i < 2 ? BYTES("{\"a\":1}") : (struct bytes){0}};
		assert_int_equal(requester_send(f->r, &q, &reply, &f->err), 0);
		assert_int_equal(reply.status, 418);
		assert_string_equal(buf_str(&reply.body), "short");
		assert_string_equal(want[0].value, "one");
		assert_string_equal(want[1].value, "");
		assert_string_equal(want[2].value, "");
		assert_memory_equal(f->peer.last, methods[i], strlen(methods[i]));
		assert_non_null(strstr(f->peer.last, "\r\nAuthorization: Bearer x\r\n"));
		assert_non_null(strstr(f->peer.last, "\r\nUser-Agent: sluicectl-test\r\n"));
		if (i < 2)
			assert_non_null(strstr(f->peer.last, "\r\n\r\n{\"a\":1}"));
		reply_fini(&reply);
	}
	assert_int_equal(f->peer.requests, 5);
	assert_int_equal(f->peer.accepted, 1);
	peer_stop(&f->peer);
}

static void stream(struct peer *p, int fd)
{
	if (!peer_read(p, fd))
		return;
	peer_send(fd, "HTTP/1.1 200 OK\r\nX-A: early enough\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		peer_send(fd, "4\r\nline\r\n");
		peer_await_requests(p, 1);
	}
	if (p->want)
		peer_await_close(fd);
	else
		peer_send(fd, "0\r\n\r\n");
}

struct pieces {
	size_t bytes;
	size_t stop_at;
	char header[256];
	unsigned status;
};

static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct pieces *p = user;
	p->bytes += piece.len;
	p->status = reply->status;
	snprintf(p->header, sizeof(p->header), "%s", reply->headers[0].value);
	return p->stop_at && p->bytes >= p->stop_at;
}

static void streams(void **state)
{
	struct fixture *f = *state;
	struct pieces pieces = {0};
	struct reply_header want = {.name = "X-A"};
	struct reply reply = {.headers = &want, .header_count = 1};
	peer_start(&f->peer, stream);
	const struct request q = {
		.method = "GET", .url = f->peer.url, .piece_fn = on_piece, .user = &pieces};
	assert_int_equal(requester_send(f->r, &q, &reply, &f->err), 0);
	assert_int_equal(pieces.bytes, 12);
	assert_int_equal(pieces.status, 200);
	assert_string_equal(pieces.header, "early enough");
	assert_int_equal(reply.body.len, 0);
	reply_fini(&reply);
	peer_stop(&f->peer);

	pieces = (struct pieces){.stop_at = 12};
	peer_start(&f->peer, stream);
	f->peer.want = 1; /* Never ends by itself. */
	assert_int_equal(requester_send(f->r, &q, &reply, &f->err), SL_E_CANCELED);
	assert_int_equal(pieces.bytes, 12);
	reply_fini(&reply);
	peer_stop(&f->peer);
}

/* The answer to a stream's request may be a refusal: it is collected, not streamed. */
static void collects_refusals(void **state)
{
	struct fixture *f = *state;
	struct pieces pieces = {0};
	struct reply reply = {0};
	peer_start(&f->peer, teapot);
	const struct request q = {
		.method = "GET", .url = f->peer.url, .piece_fn = on_piece, .user = &pieces};
	assert_int_equal(requester_send(f->r, &q, &reply, &f->err), 0);
	assert_int_equal(reply.status, 418);
	assert_string_equal(buf_str(&reply.body), "short");
	assert_int_equal(pieces.bytes, 0);
	reply_fini(&reply);
	peer_stop(&f->peer);
}

static int send_to(struct fixture *f, struct request q)
{
	struct reply reply = {0};
	q.method = "POST";
	q.url = q.url ? q.url : f->peer.url;
	int rc = requester_send(f->r, &q, &reply, &f->err);
	reply_fini(&reply);
	return rc;
}

static void nonsense(struct peer *p, int fd)
{
	if (peer_read(p, fd))
		peer_send(fd, "hello\r\n\r\n");
}

static void tells_failures(void **state)
{
	static const char *const split[] = {"A: b\r\nC: d", NULL};
	struct fixture *f = *state;
	peer_start(&f->peer, peer_hang);
	assert_int_equal(send_to(f, (struct request){.timeout_ms = 50}), SL_E_TIMEOUT);
	assert_non_null(strstr(f->err.text, "within 50 ms"));
	assert_int_equal(send_to(f, (struct request){.idle_timeout_s = 1}), SL_E_TIMEOUT);
	assert_string_equal(f->err.text, "nothing was heard for 1 s");
	peer_stop(&f->peer);
	assert_int_equal(send_to(f, (struct request){0}), SL_E_UNAVAILABLE);
	assert_non_null(strstr(f->err.text, "connection refused by http://127.0.0.1:"));
	peer_start(&f->peer, teapot);
	assert_int_equal(send_to(f, (struct request){.reply_max = 4}), SL_E_TOO_BIG);
	assert_int_equal(send_to(f, (struct request){.reply_max = 5}), 0);
	assert_int_equal(send_to(f, (struct request){.headers = split}), SL_E_INVALID);
	peer_stop(&f->peer);
	peer_start(&f->peer, nonsense);
	assert_int_equal(send_to(f, (struct request){0}), SL_E_PEER);
	peer_stop(&f->peer);
	assert_int_equal(send_to(f, (struct request){.url = "http://["}), SL_E_INVALID);
}

static volatile sig_atomic_t stop_now;

static void on_signal(int number)
{
	(void)number;
	stop_now = 1;
}

struct sender {
	struct fixture *f;
	pthread_t to;
};

static void *send_signal(void *user)
{
	struct sender *s = user;
	peer_await_requests(&s->f->peer, 1);
	pthread_kill(s->to, SIGUSR1);
	return NULL;
}

static void stops_when_asked(void **state)
{
	struct fixture *f = *state;
	struct sender sender = {f, pthread_self()};
	const struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;
	sigaction(SIGUSR1, &action, NULL);
	peer_start(&f->peer, peer_hang);
	pthread_create(&thread, NULL, send_signal, &sender);
	assert_int_equal(send_to(f, (struct request){.stop = &stop_now}), SL_E_CANCELED);
	pthread_join(thread, NULL);
	peer_stop(&f->peer);
}

static void escapes(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 1000);
	request_url_escape(&b, BYTES("aZ09-._~/ &=%\xc3\xa4\0"));
	assert_string_equal(buf_str(&b), "aZ09-._~%2F%20%26%3D%25%C3%A4%00");
	buf_fini(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exchanges),      TEST(streams),          TEST(collects_refusals),
		TEST(tells_failures), TEST(stops_when_asked), cmocka_unit_test(escapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
