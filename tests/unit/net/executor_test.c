/* One call at a time: what comes back from peers of every kind. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/net/caller.h"
#include "tests/unit/net/peer.h"

static const struct http_config plain = {.user_agent = "sluice-test"};

/* Run one call against a script and take the peer down again. */
static void run_with(peer_script_fn script, const struct call *how, struct result *r)
{
	struct peer *p = malloc(sizeof(*p));
	struct executor *x = caller_create(&plain);
	peer_start(p, script);
	struct call call = how ? *how : caller_post(NULL);
	call.url = p->url;
	memset(r, 0, sizeof(*r));
	caller_run(x, &call, r);
	executor_free(x);
	peer_stop(p);
	free(p);
	assert_int_equal(r->times, 1);
}

static void posts_as_asked(void **state)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      "Sluice-Stage: gate", "webhook-id: 7", NULL};
	struct peer *p = malloc(sizeof(*p));
	struct result r = {0};
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	peer_start(p, peer_ok);
	struct executor *x = caller_create(&plain);
	struct call call = caller_post(p->url);
	call.headers = headers;
	call.body = BYTES("{\"job\":{}}");
	caller_run(x, &call, &r);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "ok");
	assert_string_equal(r.why, "");
	assert_int_equal(r.retry_after_ms, -1);
	assert_memory_equal(p->last, "POST /check HTTP/1.1\r\n", 22);
	assert_non_null(strstr(p->last, "\r\nSluice-Stage: gate\r\n"));
	assert_non_null(strstr(p->last, "\r\nwebhook-id: 7\r\n"));
	assert_non_null(strstr(p->last, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(p->last, "\r\nUser-Agent: sluice-test\r\n"));
	assert_non_null(strstr(p->last, "\r\n\r\n{\"job\":{}}"));
	assert_null(strstr(p->last, "Expect"));
	assert_null(strstr(p->last, "Accept-Encoding"));
	executor_free(x);
	peer_stop(p);
	free(p);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void large_body(struct peer *p, int fd)
{
	char at[4096];
	size_t all = 0;
	for (ssize_t n; all < 3000000 && (n = recv(fd, at, sizeof(at), 0)) > 0;) {
		if (all == 0 && memmem(at, (size_t)n, "Expect", 6))
			return;
		all += (size_t)n;
	}
	(void)p;
	peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlarge");
}

static void sends_large_bodies_at_once(void **state)
{
	char *body = calloc(1, 3000000);
	struct call call = caller_post(NULL);
	struct result r;
	(void)state;
	call.body = bytes_of(body, 3000000);
	run_with(large_body, &call, &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.body, "large");
	free(body);
}

static void sends_empty_bodies(void **state)
{
	struct call call = caller_post(NULL);
	struct result r;
	(void)state;
	call.body = (struct bytes){0};
	call.headers = NULL;
	run_with(peer_ok, &call, &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.body, "ok");
}

/* Each script answers one request and returns, which closes the connection. */
#define ANSWER(name, text)                                                                         \
	static void name(struct peer *p, int fd)                                                   \
	{                                                                                          \
		if (peer_read(p, fd)) {                                                            \
			peer_send(fd, text);                                                       \
			shutdown(fd, SHUT_WR);                                                     \
			peer_await_close(fd);                                                      \
		}                                                                                  \
	}

ANSWER(old_closing, "HTTP/1.0 200 OK\r\n\r\nold and closing")
ANSWER(trailers, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "4;ext=1\r\nchun\r\n3\r\nked\r\n0\r\nX-Sum: 1\r\nRetry-After: 9\r\n\r\n")
ANSWER(interim, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nRetry-After: 5\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
ANSWER(redirect, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
ANSWER(empty, "HTTP/1.1 204 No Content\r\n\r\n")
ANSWER(busy_seconds, "HTTP/1.1 503 Busy\r\nretry-after:  17 \r\nContent-Length: 0\r\n\r\n")
ANSWER(busy_past, "HTTP/1.1 429 Slow\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		  "Content-Length: 0\r\n\r\n")
ANSWER(busy_huge, "HTTP/1.1 429 Slow\r\nRetry-After: 99999999999999999999\r\n"
		  "Content-Length: 0\r\n\r\n")
ANSWER(busy_odd, "HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n")
ANSWER(gzip, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw")
ANSWER(older, "no HTTP at all\r\n\r\n")
ANSWER(bad_chunk, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")
ANSWER(half_body, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.")
ANSWER(half_chunks, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
ANSWER(half_header, "HTTP/1.1 200 OK\r\nContent-Le")
ANSWER(nothing, "")
ANSWER(bad_length, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello")

static void takes_answers_of_every_shape(void **state)
{
	static const struct {
		peer_script_fn script;
		unsigned status;
		const char *body;
		int64_t retry_after_ms;
	} cases[] = {
		{old_closing, 200, "old and closing", -1},
		{interim, 200, "ok", -1},
		{redirect, 302, "", -1},
		{empty, 204, "", -1},
		{busy_seconds, 503, "", 17000},
		{busy_past, 429, "", 0},
		{busy_huge, 429, "", INT64_C(366) * 86400 * 1000},
		{busy_odd, 429, "", -1},
		{gzip, 200, "raw", -1},
	};
	struct result r;
	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		run_with(cases[i].script, NULL, &r);
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.status, cases[i].status);
		assert_string_equal(r.body, cases[i].body);
		assert_int_equal(r.retry_after_ms, cases[i].retry_after_ms);
	}
	run_with(trailers, NULL, &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.body, "chunked");
}

static void busy_until(struct peer *p, int fd)
{
	char text[160], date[64];
	time_t then = time(NULL) + 3600;
	struct tm tm;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
	snprintf(text, sizeof(text),
		 "HTTP/1.1 503 B\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
	if (peer_read(p, fd))
		peer_send(fd, text);
}

static void reads_dates_in_retry_after(void **state)
{
	struct result r;
	(void)state;
	run_with(busy_until, NULL, &r);
	assert_int_equal(r.status, 503);
	assert_in_range(r.retry_after_ms, 3000 * 1000, 3600 * 1000);
}

static void tells_broken_answers_apart(void **state)
{
	static const struct {
		peer_script_fn script;
		int rc;
		const char *why;
	} cases[] = {
		{older, SL_E_PEER, "not an HTTP answer"},
		{bad_chunk, SL_E_PEER, "chunked-encoding"},
		{bad_length, SL_E_PEER, "not an HTTP answer"},
		{half_body, SL_E_UNAVAILABLE, "in the middle of its answer"},
		{half_chunks, SL_E_UNAVAILABLE, "in the middle of its answer"},
		{half_header, SL_E_UNAVAILABLE, "in the middle of its answer"},
		{nothing, SL_E_UNAVAILABLE, "closed the connection before answering"},
	};
	struct result r;
	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		run_with(cases[i].script, NULL, &r);
		if (r.rc != cases[i].rc || !strstr(r.why, cases[i].why))
			fail_msg("case %zu: %s: %s", i, sl_err_name(r.rc), r.why);
		if (r.rc == SL_E_UNAVAILABLE && !strstr(r.why, "127.0.0.1:"))
			fail_msg("case %zu does not say who: %s", i, r.why);
	}
}

static void reset(struct peer *p, int fd)
{
	const struct linger now = {.l_onoff = 1};
	if (peer_read(p, fd))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void tells_a_reset(void **state)
{
	struct result r;
	(void)state;
	run_with(reset, NULL, &r);
	assert_int_equal(r.rc, SL_E_UNAVAILABLE);
	assert_non_null(strstr(r.why, "reset the connection"));
}

static void tells_a_refused_connection(void **state)
{
	struct peer *p = malloc(sizeof(*p));
	char want[64];
	struct result r = {0};
	(void)state;
	peer_start(p, peer_ok);
	peer_stop(p); /* The port is free now. */
	struct executor *x = caller_create(&plain);
	struct call call = caller_post(p->url);
	caller_run(x, &call, &r);
	assert_int_equal(r.rc, SL_E_UNAVAILABLE);
	snprintf(want, sizeof(want), "connection refused by 127.0.0.1:%d", p->port);
	assert_string_equal(r.why, want);
	executor_free(x);
	free(p);
}

static void tells_a_timeout(void **state)
{
	struct call call = caller_post(NULL);
	struct result r;
	(void)state;
	call.timeout_ms = 50;
	run_with(peer_hang, &call, &r);
	assert_int_equal(r.rc, SL_E_TIMEOUT);
	assert_non_null(strstr(r.why, "no answer from 127.0.0.1:"));
	assert_non_null(strstr(r.why, "within 50 ms"));
}

static void huge(struct peer *p, int fd)
{
	static const char filler[1000];
	if (!peer_read(p, fd))
		return;
	peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		peer_send_bytes(fd, filler, sizeof(filler));
	peer_await_close(fd); /* Nobody waits for the rest. */
}

static void reads_to_the_limit(void **state)
{
	struct call call = caller_post(NULL);
	struct result r;
	(void)state;
	call.answer_max = 2500;
	run_with(huge, &call, &r);
	assert_int_equal(r.rc, SL_E_TOO_BIG);
	assert_int_equal(r.len, 2500);
	assert_string_equal(r.why, "the answer is larger than 2500 bytes");
	call.answer_max = 2;
	run_with(peer_ok, &call, &r);
	assert_int_equal(r.rc, 0);
	call.answer_max = 1;
	run_with(peer_ok, &call, &r);
	assert_int_equal(r.rc, SL_E_TOO_BIG);
	call.answer_max = 0;
	run_with(empty, &call, &r);
	assert_int_equal(r.rc, 0);
}

static void header_flood(struct peer *p, int fd)
{
	if (!peer_read(p, fd))
		return;
	peer_send(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 3000; i++)
		peer_send(fd, "X-Flood: 0123456789012345678901234567890123456789\r\n");
	peer_await_close(fd);
}

static void interim_flood(struct peer *p, int fd)
{
	if (!peer_read(p, fd))
		return;
	for (int i = 0; i < 5000; i++)
		peer_send(fd, "HTTP/1.1 102 Processing\r\n\r\n");
	peer_await_close(fd);
}

static void limits_headers(void **state)
{
	struct result r;
	(void)state;
	run_with(header_flood, NULL, &r);
	assert_int_equal(r.rc, SL_E_TOO_BIG);
	assert_non_null(strstr(r.why, "headers"));
	run_with(interim_flood, NULL, &r);
	assert_int_equal(r.rc, SL_E_TOO_BIG);
}

static void stutter(struct peer *p, int fd)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbit\r\n7\r\n by bit\r\n"
		"0\r\n\r\n";
	if (!peer_read(p, fd))
		return;
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		peer_send_bytes(fd, text + i, 1);
}

static void puts_stutter_together(void **state)
{
	struct result r;
	(void)state;
	run_with(stutter, NULL, &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.body, "bit by bit");
}

static void cookies(struct peer *p, int fd)
{
	while (peer_read(p, fd))
		peer_send(
			fd,
			"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n");
}

static void keeps_no_cookies_and_follows_nothing(void **state)
{
	struct peer *p = malloc(sizeof(*p));
	struct result r = {0};
	(void)state;
	struct executor *x = caller_create(&plain);
	peer_start(p, cookies);
	struct call call = caller_post(p->url);
	caller_run(x, &call, &r);
	caller_run(x, &call, &r);
	assert_int_equal(p->requests, 2);
	assert_null(strcasestr(p->last, "cookie"));
	peer_stop(p);
	peer_start(p, redirect);
	call.url = p->url;
	caller_run(x, &call, &r);
	assert_int_equal(r.status, 302);
	assert_int_equal(p->accepted, 1);
	assert_int_equal(p->requests, 1);
	executor_free(x);
	peer_stop(p);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_as_asked),
		cmocka_unit_test(sends_large_bodies_at_once),
		cmocka_unit_test(sends_empty_bodies),
		cmocka_unit_test(takes_answers_of_every_shape),
		cmocka_unit_test(reads_dates_in_retry_after),
		cmocka_unit_test(tells_broken_answers_apart),
		cmocka_unit_test(tells_a_reset),
		cmocka_unit_test(tells_a_refused_connection),
		cmocka_unit_test(tells_a_timeout),
		cmocka_unit_test(reads_to_the_limit),
		cmocka_unit_test(limits_headers),
		cmocka_unit_test(puts_stutter_together),
		cmocka_unit_test(keeps_no_cookies_and_follows_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
