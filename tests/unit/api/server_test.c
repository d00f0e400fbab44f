/* What a client meets on the wire: framing, routes, limits, connections. */
#include "tests/unit/api/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int start(void **state)
{
	struct front *f = malloc(sizeof(*f));
	front_start(f, NULL);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	front_stop(*state);
	free(*state);
	return 0;
}

static void expect(struct front *f, const char *text, int status, const char *code)
{
	static struct got a;
	client_ask(f, text, &a);
	if (a.status != status || !strstr(a.body ? a.body : "", code))
		fail_msg("%s\n-> %s", text, a.text);
	if (strstr(a.text, "Connection: close"))
		assert_true(a.closed);
}

#define H "Host: localhost\r\n"
#define A "Authorization: Bearer admin\r\n"

static void framing_in_doubt_is_refused_and_closed(void **state)
{
	static const char *const head[] = {
		H "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
		H "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		H "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
		H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		H "Host: localhost\r\n\r\n",
		"Accept: a\r\n\r\n",
		H "Content-Length: 2x\r\n\r\n{}",
		H "Content-Length: +2\r\n\r\n{}",
		H "Content-Length: -2\r\n\r\n{}",
		H "Content-Length:\r\n\r\n{}",
		H "Transfer-Encoding: gzip\r\n\r\n",
		H "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
		H "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		H "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < countof(head); i++) {
		char text[512];
		snprintf(text, sizeof(text), "POST /v1/tokens HTTP/1.1\r\n" A "%s", head[i]);
		expect(*state, text, 400, "WRONG_PARAM");
		int fd = client_connect(*state);
		client_send(fd, text);
		assert_true(client_sees_end(fd));
		close(fd);
	}
}

static void malformed_heads_are_told(void **state)
{
	expect(*state, "\x16\x03\x01\r\n\r\n", 400, "WRONG_PARAM");
	expect(*state, "GET /v1/tokens HTTP/2.0\r\n" H "\r\n", 400, "WRONG_PARAM");
	expect(*state, "GET\r\n\r\n", 400, "WRONG_PARAM");
}

static void foreign_hosts_are_refused(void **state)
{
	expect(*state, "GET /v1/tokens HTTP/1.1\r\nHost: evil.example\r\n" A "\r\n", 421,
	       "WRONG_PARAM");
	expect(*state, "GET /v1/tokens HTTP/1.1\r\nHost: localhost.evil\r\n" A "\r\n", 421,
	       "WRONG_PARAM");
	expect(*state, "GET /v1/tokens HTTP/1.1\r\nHost: localhost:x\r\n" A "\r\n", 421,
	       "WRONG_PARAM");
	expect(*state, "GET /v1/tokens HTTP/1.1\r\nHost:\r\n" A "\r\n", 421, "WRONG_PARAM");
	expect(*state, "GET /v1/nothing HTTP/1.1\r\nHost: evil\r\n\r\n", 421, "WRONG_PARAM");
	expect(*state, "GET /v1/tokens HTTP/1.1\r\nHost: LOCALHOST:99\r\n" A "\r\n", 200, "SUCC");
	expect(*state, "GET /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\n" A "\r\n", 200, "SUCC");
	expect(*state, "GET /healthz HTTP/1.1\r\nHost: evil\r\n\r\n", 200, "alive");
	expect(*state, "GET /readyz HTTP/1.1\r\nHost: evil\r\n\r\n", 200, "still the default");
}

static void routes_match_the_raw_target(void **state)
{
	static const char *const none[] = {
		"/v1/../v1/tokens", "/v1/./tokens",  "/v1//tokens",
		"//v1/tokens",      "/v1/tokens//",  "/v1%2ftokens",
		"/v1%2Ftokens",     "/v1/tokens%00", "/v1/%2e%2e/v1/tokens",
		"/v1/tokens/..",    "/v1/tokens;x",  "/v1/Tokens",
		"/v1/token",        "/v1",           "/v1/tokens%zz",
		"/v1/tokens#x",
	};
	for (size_t i = 0; i < countof(none); i++) {
		char text[256];
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" H A "\r\n", none[i]);
		expect(*state, text, 404, "OPERATION_TARGET_NOT_FOUND");
	}
	expect(*state, "GET /v1/tokens HTTP/1.1\r\n" H A "\r\n", 200, "\"payload\":[]");
	expect(*state, "GET /v1/tokens/ HTTP/1.1\r\n" H A "\r\n", 200, "\"payload\":[]");
}

static void other_methods_are_told_what_is_allowed(void **state)
{
	struct got a;
	client_ask(*state, "PATCH /v1/tokens HTTP/1.1\r\n" H "\r\n", &a);
	assert_int_equal(a.status, 405);
	assert_non_null(strstr(a.text, "Allow: POST, DELETE, GET, HEAD, OPTIONS\r\n"));
	assert_non_null(strstr(a.body, "UNSUPPORTED_OPERATION"));
	client_ask(*state, "OPTIONS /v1/tokens HTTP/1.1\r\n" H "\r\n", &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text, "Allow: POST, DELETE, GET, HEAD, OPTIONS\r\n"));
	client_ask(*state, "OPTIONS /v1/nothing HTTP/1.1\r\n" H "\r\n", &a);
	assert_int_equal(a.status, 404);
}

static void head_is_get_without_its_body(void **state)
{
	int fd = client_connect(*state);
	struct got a;
	client_send(fd, "HEAD /healthz HTTP/1.1\r\n" H "\r\nGET /healthz HTTP/1.1\r\n" H "\r\n");
	client_read(fd, &a, true);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text, "Content-Length: 18\r\n"));
	client_read(fd, &a, false);
	assert_string_equal(a.body, "{\"status\":\"alive\"}");
	close(fd);
}

static void callers_are_checked_before_bodies(void **state)
{
	expect(*state, "POST /v1/tokens HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nnot", 401,
	       "PERMISSION_DENIED");
	expect(*state, "POST /v1/tokens HTTP/1.1\r\n" H A "Content-Length: 3\r\n\r\nnot", 400,
	       "not JSON");
	expect(*state, "POST /v1/none HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nnot", 404,
	       "no such route");
	struct got a;
	client_call(*state, "GET", "/v1/tokens", NULL, NULL, &a);
	assert_non_null(strstr(a.text, "WWW-Authenticate: Bearer\r\n"));
}

static void a_connection_serves_many_requests(void **state)
{
	int fd = client_connect(*state);
	struct got a;
	for (int i = 0; i < 5; i++) {
		client_send(fd, "GET /v1/tokens HTTP/1.1\r\n" H A "\r\n");
		client_read(fd, &a, false);
		assert_int_equal(a.status, 200);
		/* Refused ones too, once their body is read. */
		client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody");
		client_read(fd, &a, false);
		assert_int_equal(a.status, 401);
		client_send(fd, "POST /v1/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
				"4\r\nbody\r\n0\r\n\r\n");
		client_read(fd, &a, false);
		assert_int_equal(a.status, 404);
	}
	client_send(fd, "GET /healthz HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	client_read(fd, &a, false);
	assert_non_null(strstr(a.text, "Connection: close\r\n"));
	assert_true(client_sees_end(fd));
	close(fd);
}

static void http_1_0_closes_unless_asked(void **state)
{
	struct got a;
	client_ask(*state, "GET /healthz HTTP/1.0\r\n" H "\r\n", &a);
	assert_int_equal(a.status, 200);
	assert_true(a.closed);
	expect(*state, "GET /healthz HTTP/1.0\r\n\r\n", 400, "Host");
}

static void chunked_bodies_are_taken(void **state)
{
	expect(*state,
	       "POST /v1/tokens HTTP/1.1\r\n" H A "Transfer-Encoding: chunked\r\n\r\n"
	       "1f\r\n{\"privileges\":[\"read_job\"],\"for\r\n"
	       "b\r\nwho\":\"ann\"}\r\n0\r\n\r\n",
	       200, "\"token\":\"");
}

/* ---- sizes ---- */

static void send_zeros(int fd, size_t n)
{
	static const char zeros[65536];
	for (; n; n -= n < sizeof(zeros) ? n : sizeof(zeros))
		assert_true(client_send_bytes(fd, zeros, n < sizeof(zeros) ? n : sizeof(zeros)));
}

static void too_large_bodies_get_their_answer(void **state)
{
	struct got a;
	/* Sent whole before the answer is read, with and without a known length. */
	int fd = client_connect(*state);
	client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H A "Content-Length: 8388608\r\n\r\n");
	send_zeros(fd, 8 << 20);
	client_read(fd, &a, false);
	assert_int_equal(a.status, 413);
	assert_non_null(strstr(a.body, "PAYLOAD_TOO_LARGE"));
	assert_true(client_sees_end(fd));
	close(fd);
	fd = client_connect(*state);
	client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H
			"Transfer-Encoding: chunked\r\n\r\n400000\r\n");
	send_zeros(fd, 4 << 20);
	client_send(fd, "\r\n0\r\n\r\n");
	client_read(fd, &a, false);
	assert_int_equal(a.status, 413);
	assert_true(client_sees_end(fd));
	close(fd);
	/* At the limit it is taken (and refused for what it says). */
	fd = client_connect(*state);
	client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H A "Content-Length: 1048576\r\n\r\n");
	send_zeros(fd, 1 << 20);
	client_read(fd, &a, false);
	assert_int_equal(a.status, 400);
	close(fd);
}

static void who_waits_to_send_is_told_first(void **state)
{
	struct got a;
	int fd = client_connect(*state);
	client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H A
			"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	client_read(fd, &a, true);
	assert_int_equal(a.status, 100);
	client_send(fd, "{}");
	client_read(fd, &a, false);
	assert_int_equal(a.status, 400);
	close(fd);
	expect(*state,
	       "POST /v1/tokens HTTP/1.1\r\n" H A
	       "Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n",
	       413, "PAYLOAD");
	expect(*state,
	       "POST /v1/tokens HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
	       401, "PERMISSION");
}

static void too_large_heads_are_told(void **state)
{
	scoped(buf_finip) struct buf text;
	buf_init(&text, 1 << 20);
	buf_add_str(&text, "GET /v1/none HTTP/1.1\r\n" H "X: ");
	for (int i = 0; i < 17000; i++)
		buf_add_char(&text, 'x');
	buf_add_str(&text, "\r\n\r\n");
	expect(*state, buf_str(&text), 431, "PAYLOAD_TOO_LARGE");
	buf_reset(&text);
	buf_add_str(&text, "GET /v1/none HTTP/1.1\r\n" H);
	for (int i = 0; i < 70; i++)
		buf_addf(&text, "X-%d: y\r\n", i);
	buf_add_str(&text, "\r\n");
	expect(*state, buf_str(&text), 431, "PAYLOAD_TOO_LARGE");
}

/* ---- connections ---- */

static void half_sent_requests_do_not_keep_others_waiting(void **state)
{
	(void)state;
	enum { HALF = 200 };
	struct server_config config = {.connections_max = 256};
	struct front f;
	struct got a;
	int fd[HALF];
	front_start(&f, &config);
	for (int i = 0; i < HALF; i++) {
		fd[i] = client_connect(&f);
		client_send(fd[i], i % 2 ? "POST /v1/tokens HTTP/1.1\r\nHo"
					 : "POST /v1/tokens HTTP/1.1\r\n" H A
					   "Content-Length: 10\r\n\r\n{");
	}
	client_call(&f, "GET", "/v1/tokens", "admin", NULL, &a);
	assert_int_equal(a.status, 200);
	for (int i = 0; i < HALF; i++)
		close(fd[i]);
	front_stop(&f);
}

static void idle_connections_make_room(void **state)
{
	(void)state;
	enum { LIMIT = 64 };
	struct server_config config = {.connections_max = LIMIT};
	struct front f;
	struct got a;
	int fd[4 * LIMIT];
	front_start(&f, &config);
	/* Four times the limit, each idle once served: the oldest go. */
	for (int i = 0; i < 4 * LIMIT; i++) {
		fd[i] = client_connect(&f);
		do {
			client_send(fd[i], "GET /healthz HTTP/1.1\r\n" H "\r\n");
			client_read(fd[i], &a, false);
			if (a.status == 200)
				break;
			close(fd[i]);
			fd[i] = client_connect(&f);
		} while (true);
	}
	assert_true(client_sees_end(fd[0]));
	client_send(fd[4 * LIMIT - 1], "GET /healthz HTTP/1.1\r\n" H "\r\n");
	client_read(fd[4 * LIMIT - 1], &a, false);
	assert_int_equal(a.status, 200);
	for (int i = 0; i < 4 * LIMIT; i++)
		close(fd[i]);
	front_stop(&f);
}

static void one_too_many_is_told_to_come_back(void **state)
{
	(void)state;
	struct server_config config = {.connections_max = 2};
	struct front f;
	struct got a;
	front_start(&f, &config);
	int one = client_connect(&f), two = client_connect(&f);
	struct server_stats stats;
	do
		server_stats(f.server, &stats);
	while (stats.connections < 2);
	client_call(&f, "GET", "/healthz", NULL, NULL, &a);
	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.text, "Retry-After: "));
	assert_non_null(strstr(a.body, "SERVICE_UNAVAILABLE"));
	close(one);
	close(two);
	front_stop(&f);
}

/* A sender that is merely slow never lets the library's own time-out run out. */
static void drip(int fd, const char *with)
{
	struct got a;
	char c;
	while (send(fd, with, 1, MSG_NOSIGNAL) == 1 && recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
		usleep(20000);
	client_read(fd, &a, false);
	assert_true(a.status == 400 || a.status == 413 || a.status == 0);
	assert_true(client_sees_end(fd));
	close(fd);
}

static void slow_senders_end(void **state)
{
	(void)state;
	struct server_config config = {.request_ms = 600, .idle_ms = 3600 * 1000};
	struct front f;
	struct got a;
	front_start(&f, &config);
	/* in the first head */
	int fd = client_connect(&f);
	client_send(fd, "GET /");
	drip(fd, "x");
	/* in a body */
	fd = client_connect(&f);
	client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H A "Content-Length: 100000\r\n\r\n");
	drip(fd, " ");
	/* in the second head */
	fd = client_connect(&f);
	client_send(fd, "GET /healthz HTTP/1.1\r\n" H "\r\n");
	client_read(fd, &a, false);
	assert_int_equal(a.status, 200);
	client_send(fd, "GET /");
	drip(fd, "x");
	/* behind a refusal */
	fd = client_connect(&f);
	client_send(fd, "POST /v1/tokens HTTP/1.1\r\n" H A "Content-Length: 99999999\r\n\r\n");
	drip(fd, " ");
	front_stop(&f);
}

static void idle_connections_end(void **state)
{
	(void)state;
	struct server_config config = {.idle_ms = 300};
	struct front f;
	struct got a;
	front_start(&f, &config);
	int fd = client_connect(&f);
	client_send(fd, "GET /healthz HTTP/1.1\r\n" H "\r\n");
	client_read(fd, &a, false);
	assert_true(client_sees_end(fd));
	close(fd);
	front_stop(&f);
}

/* ---- states ---- */

static void only_health_is_served_before_it_is_ready(void **state)
{
	struct front *f = *state;
	struct got a;
	api_set_state(&f->api, API_STARTING);
	client_call(f, "GET", "/v1/tokens", "admin", NULL, &a);
	assert_int_equal(a.status, 503);
	assert_non_null(strstr(a.text, "Retry-After: "));
	client_call(f, "GET", "/readyz", NULL, NULL, &a);
	assert_int_equal(a.status, 503);
	client_call(f, "GET", "/healthz", NULL, NULL, &a);
	assert_int_equal(a.status, 200);
	api_set_state(&f->api, API_STOPPING);
	client_call(f, "GET", "/v1/tokens", "admin", NULL, &a);
	assert_int_equal(a.status, 503);
	assert_true(a.closed);
}

static void draining_ends_idle_connections(void **state)
{
	struct front *f = *state;
	struct got a;
	int fd = client_connect(f);
	client_send(fd, "GET /healthz HTTP/1.1\r\n" H "\r\n");
	client_read(fd, &a, false);
	api_set_state(&f->api, API_STOPPING);
	server_drain(f->server, 1000);
	assert_true(client_sees_end(fd));
	close(fd);
}

static void always_200_leaves_the_rest(void **state)
{
	(void)state;
	struct server_config config = {.always_200 = true};
	struct front f;
	struct got a;
	front_start(&f, &config);
	client_call(&f, "GET", "/v1/tokens", NULL, NULL, &a);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "PERMISSION_DENIED"));
	client_call(&f, "GET", "/v1/none", NULL, NULL, &a);
	assert_int_equal(a.status, 200);
	client_call(&f, "GET", "/none", NULL, NULL, &a);
	assert_int_equal(a.status, 404);
	front_stop(&f);
}

static void what_cannot_be_listened_on_is_told(void **state)
{
	struct front *f = *state;
	char listen[64];
	struct server *other;
	struct sl_error err = {0};
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", server_port(f->server));
	struct server_config config = {.listen = listen,
				       .connections_max = 4,
				       .request_ms = 1000,
				       .idle_ms = 1000,
				       .clock = &clock_system};
	assert_int_equal(server_create(&config, &api_front, &f->api, &other, &err),
			 SL_E_UNAVAILABLE);
	assert_non_null(strstr(err.text, listen));
	config.listen = "[::1]:0";
	assert_int_equal(server_create(&config, &api_front, &f->api, &other, &err), SL_E_INVALID);
	config.listen = "127.0.0.1";
	assert_int_equal(server_create(&config, &api_front, &f->api, &other, &err), SL_E_INVALID);
	assert_true(server_listen_is_local("127.0.0.1:80, 127.1.2.3:81"));
	assert_false(server_listen_is_local("127.0.0.1:80,0.0.0.0:81"));
}

#define each(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(framing_in_doubt_is_refused_and_closed),
		each(malformed_heads_are_told),
		each(foreign_hosts_are_refused),
		each(routes_match_the_raw_target),
		each(other_methods_are_told_what_is_allowed),
		each(head_is_get_without_its_body),
		each(callers_are_checked_before_bodies),
		each(a_connection_serves_many_requests),
		each(http_1_0_closes_unless_asked),
		each(chunked_bodies_are_taken),
		each(too_large_bodies_get_their_answer),
		each(who_waits_to_send_is_told_first),
		each(too_large_heads_are_told),
		cmocka_unit_test(half_sent_requests_do_not_keep_others_waiting),
		cmocka_unit_test(idle_connections_make_room),
		cmocka_unit_test(one_too_many_is_told_to_come_back),
		cmocka_unit_test(slow_senders_end),
		cmocka_unit_test(idle_connections_end),
		each(only_health_is_served_before_it_is_ready),
		each(draining_ends_idle_connections),
		cmocka_unit_test(always_200_leaves_the_rest),
		each(what_cannot_be_listened_on_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
