#include "tests/unit/api/support.h"

#include "api/openapi.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 60000 };

void front_start(struct front *f, const struct server_config *given)
{
	struct server_config config = given ? *given : (struct server_config){0};
	struct sl_error err = {0};
	config.listen = config.listen ? config.listen : "127.0.0.1:0";
	config.connections_max = config.connections_max ? config.connections_max : 32;
	config.request_ms = config.request_ms ? config.request_ms : 10000;
	config.idle_ms = config.idle_ms ? config.idle_ms : 60000;
	config.clock = &clock_system;
	memset(f, 0, sizeof(*f));
	assert_int_equal(crypt_start(), 0);
	assert_int_equal(store_open_mem(&f->store), 0);
	assert_int_equal(writer_create(f->store, 1000, &f->writer), 0);
	assert_int_equal(writer_start(f->writer), 0);
	f->api = (struct api){
		.store = f->store,
		.writer = f->writer,
		.clock = &clock_system,
		.body_max = 1 << 20,
		.json_depth_max = 64,
		.routes = api_routes,
	};
	assert_int_equal(token_book_open(f->store, f->writer, &clock_system, &f->api.tokens), 0);
	assert_int_equal(admin_open(f->store, f->writer, &f->api.admin), 0);
	assert_int_equal(auth_create(f->api.tokens, f->api.admin, &clock_system, &f->api.auth), 0);
	buf_init(&f->description, 1 << 20);
	assert_int_equal(openapi_print(api_routes, &f->description), 0);
	f->api.description = buf_bytes(&f->description);
	api_set_state(&f->api, API_READY);
	if (server_create(&config, &api_front, &f->api, &f->server, &err) < 0)
		fail_msg("%s", err.text);
}

void front_stop(struct front *f)
{
	f->server = server_free(f->server);
	buf_fini(&f->description);
	f->api.auth = auth_free(f->api.auth);
	f->api.admin = admin_free(f->api.admin);
	f->api.tokens = token_book_free(f->api.tokens);
	f->writer = writer_free(f->writer);
	f->store = store_close(f->store);
}

void front_token(struct front *f, uint32_t privileges, char ret[CRYPT_ACCESS_ID_SIZE + 1])
{
	char id[TOKEN_ID_LEN + 1];
	struct token draft = {.privileges = privileges, .forwho = BYTES("test")};
	const struct token *admin = token_book_admin(f->api.tokens);
	assert_int_equal(token_book_add(f->api.tokens, admin, &draft, BYTES("here"), ret, id, NULL),
			 0);
	token_unref(admin);
}

/* ---- the client ---- */

int client_connect(const struct front *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)server_port(f->server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

bool client_send_bytes(int fd, const void *at, size_t len)
{
	const char *c = at;
	while (len) {
		ssize_t n = send(fd, c, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		c += n;
		len -= (size_t)n;
	}
	return true;
}

void client_send(int fd, const char *text) { client_send_bytes(fd, text, strlen(text)); }

/* Bytes read, 0 at the end of the stream; fails when nothing comes for long. */
static size_t take(int fd, char *to, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	ssize_t n = recv(fd, to, room, 0);
	return n > 0 ? (size_t)n : 0;
}

static size_t length_of(const char *head)
{
	for (const char *line = head; line; line = strstr(line, "\r\n")) {
		line += line == head ? 0 : 2;
		if (strncasecmp(line, "Content-Length:", 15) == 0)
			return (size_t)atol(line + 15);
		if (strncmp(line, "\r\n", 2) == 0)
			break;
	}
	return 0;
}

void client_read(int fd, struct got *ret, bool head_only)
{
	size_t len = 0;
	const char *end = NULL;
	memset(ret, 0, sizeof(*ret));
	while (!(end = strstr(ret->text, "\r\n\r\n"))) {
		/* One byte at a time: what follows belongs to the next answer. */
		assert_true(len + 1 < sizeof(ret->text));
		size_t n = take(fd, ret->text + len, 1);
		if (n == 0) {
			ret->closed = true;
			return;
		}
		len += n;
	}
	ret->body = ret->text + len;
	ret->status = atoi(ret->text + 9);
	size_t left = head_only ? 0 : length_of(ret->text);
	while (left) {
		assert_true(len + left < sizeof(ret->text));
		size_t n = take(fd, ret->text + len, left);
		assert_true(n > 0);
		len += n;
		left -= n;
	}
}

bool client_sees_end(int fd)
{
	char c[256];
	size_t n;
	while ((n = take(fd, c, sizeof(c))) > 0)
		;
	return n == 0;
}

void client_ask(const struct front *f, const char *text, struct got *ret)
{
	int fd = client_connect(f);
	client_send(fd, text);
	client_read(fd, ret, strncmp(text, "HEAD ", 5) == 0);
	if (strcasestr(ret->text, "\r\nConnection: close\r\n"))
		ret->closed = client_sees_end(fd);
	close(fd);
}

void client_call(const struct front *f, const char *method, const char *path, const char *token,
		 const char *body, struct got *ret)
{
	scoped(buf_finip) struct buf text;
	buf_init(&text, 64 * 1024);
	buf_addf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
	if (token)
		buf_addf(&text, "Authorization: Bearer %s\r\n", token);
	if (body)
		buf_addf(&text, "Content-Length: %zu\r\n", strlen(body));
	buf_addf(&text, "\r\n%s", body ? body : "");
	client_ask(f, buf_str(&text), ret);
}
