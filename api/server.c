#include "api/server.h"

#include "api/conns.h"
#include "api/envelope.h"
#include "api/head.h"
#include "api/hosts.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
	SURPLUS = 64,                    /* Threads that only say "no connection free". */
	SPARE = 128,                     /* Places to be kept free of idle connections. */
	LIBRARY_HEAD_MAX = 4 * HEAD_MAX, /* Between this and HEAD_MAX we can say why. */
	DROP_MAX = 16 << 20,
	DROP_MS = 2000,
};

struct server {
	struct mg_context *http;
	struct conns *conns;
	const struct server_front *front;
	void *user;
	atomic_bool always_200;
	unsigned port[LISTEN_MAX];
	int ports;
	const struct clock *clock;
	struct hosts *hosts;
};

/* One request on its way, on its thread. */
struct exchange {
	struct server *server;
	struct mg_connection *http;
	const struct mg_request_info *info;
	struct conn *conn;
	struct header header[REQUEST_HEADERS_MAX];
	struct request req;
	struct reply reply;
	struct head head;
	struct buf body;
	bool http_1_0, keep, refused;
	size_t body_max;
};

/* ---- answering ---- */

struct stream {
	struct reply_sink sink;
	struct exchange *x;
};

static int write_piece(struct reply_sink *sink, struct bytes piece)
{
	struct exchange *x = container_of(sink, struct stream, sink)->x;
	if (piece.len == 0)
		return 0;
	int n = x->http_1_0 ? mg_write(x->http, piece.at, piece.len)
			    : mg_send_chunk(x->http, piece.at, (unsigned)piece.len);
	return n > 0 ? 0 : SL_E_CANCELED;
}

static int write_nothing(struct reply_sink *sink, struct bytes piece)
{
	(void)sink;
	(void)piece;
	return SL_E_CANCELED;
}

/* Runs in any case, for the sake of what it frees. */
static void run_stream(struct exchange *x, bool no_body)
{
	struct stream stream = {.sink.write = no_body ? write_nothing : write_piece, .x = x};
	x->reply.stream(x->reply.user, &stream.sink);
	if (!no_body && !x->http_1_0 && mg_send_chunk(x->http, "", 0) < 0)
		x->keep = false;
}

/* The answer goes out in one write: two would wait for each other's acknowledgement. */
static void answer(struct exchange *x)
{
	scoped(buf_finip) struct buf out;
	buf_init(&out, REPLY_MAX + (64 << 10));
	x->keep = x->keep && x->head.keep && !x->reply.close && !(x->reply.stream && x->http_1_0);
	struct envelope how = {
		.always_200 = x->server->always_200,
		.keep = x->keep,
		.headless = x->http_1_0,
		.no_body = bytes_is(x->req.method, "HEAD"),
	};
	int status = envelope_write(&x->reply, x->req.path, &how, &out);
	/* Whoever reads slowly holds the text, not the tree, which is many times as large. */
	x->reply.payload = jb_free(x->reply.payload);
	bool sent = status > 0 && mg_write(x->http, out.at, out.len) == (int)out.len;
	x->keep = x->keep && sent;
	if (x->reply.stream)
		run_stream(x, how.no_body || !sent || !x->reply.type);
	if (!x->keep)
		mg_disable_connection_keep_alive(x->http);
}

static void refuse(struct exchange *x, int rc, const char *text)
{
	x->refused = true;
	x->keep = false;
	reply_fail(&x->reply, (enum sl_err)rc, "%s", text);
}

/* ---- the body ---- */

/* Read what is still coming, so that a sender in full flow gets to our answer. */
static void drop_rest(struct exchange *x)
{
	char piece[4096];
	size_t dropped = 0;
	int64_t until = clock_mono_ms(x->server->clock) + DROP_MS;
	conn_dropping(x->conn, DROP_MS);
	while (dropped < DROP_MAX && clock_mono_ms(x->server->clock) < until) {
		int n = mg_read(x->http, piece, sizeof(piece));
		if (n <= 0)
			break;
		dropped += (size_t)n;
	}
}

/* One piece of the body into the buffer; 0 at its end, 1 if there may be more. */
static int read_piece(struct exchange *x, size_t want)
{
	char *at = buf_room(&x->body, want);
	if (!at)
		return x->body.rc == SL_E_TOO_BIG ? SL_E_TOO_BIG : SL_E_NO_MEMORY;
	int n = mg_read(x->http, at, want);
	if (n < 0)
		return SL_E_INVALID;
	x->body.len += (size_t)n;
	return n > 0;
}

static int read_body(struct exchange *x)
{
	int rc;
	if (!x->head.chunked) {
		size_t length = (size_t)x->head.length;
		rc = length ? read_piece(x, length) : 0;
		return rc < 0 ? rc : x->body.len < length ? SL_E_INVALID : 0;
	}
	while ((rc = read_piece(x, 4096)) == 1)
		if (x->body.len > x->body_max)
			return SL_E_TOO_BIG;
	return rc;
}

/* The body of what is refused already is read, not kept. */
static int skip_body(struct exchange *x)
{
	char piece[4096];
	size_t skipped = 0;
	int n;
	while ((n = mg_read(x->http, piece, sizeof(piece))) > 0) {
		skipped += (size_t)n;
		if (skipped > x->body_max)
			return SL_E_TOO_BIG;
	}
	if (n < 0 || (!x->head.chunked && skipped < (size_t)x->head.length))
		x->keep = false;
	return 0;
}

static void refuse_too_big(struct exchange *x)
{
	reply_fail(&x->reply, SL_E_TOO_BIG, "the body may have at most %zu bytes", x->body_max);
	x->refused = true;
	x->keep = false;
	answer(x);
	drop_rest(x);
}

/* True when the request is whole and still to be answered. */
static bool take_body(struct exchange *x)
{
	if (x->head.length > (int64_t)x->body_max) {
		refuse_too_big(x);
		return false;
	}
	if (x->head.length == 0)
		return true;
	if (x->head.expects && x->refused) {
		x->keep = false; /* It has not sent the body, and need not. */
		return true;
	}
	if (x->head.expects)
		mg_write(x->http, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	buf_init(&x->body, x->body_max + 8192);
	int rc = x->refused ? skip_body(x) : read_body(x);
	if (rc == SL_E_TOO_BIG) {
		refuse_too_big(x);
		return false;
	}
	if (rc == SL_E_NO_MEMORY)
		refuse(x, rc, "no memory for the body");
	else if (rc < 0)
		refuse(x, SL_E_INVALID,
		       conn_was_cut(x->conn)
			       ? "the body did not arrive in time"
			       : "the body is broken off or its chunks are malformed");
	x->req.body = buf_bytes(&x->body);
	return true;
}

/* ---- a request ---- */

static void fill_request(struct exchange *x)
{
	const struct mg_request_info *info = x->info;
	struct request *req = &x->req;
	req->method = bytes_str(info->request_method);
	req->path = bytes_str(info->local_uri_raw);
	req->query = bytes_str(info->query_string);
	req->remote = bytes_str(info->remote_addr);
	req->header = x->header;
	req->headers = (size_t)info->num_headers;
	for (size_t i = 0; i < req->headers; i++) {
		struct bytes value = bytes_str(info->http_headers[i].value);
		const char *c = value.at;
		while (value.len && (c[value.len - 1] == ' ' || c[value.len - 1] == '\t'))
			value.len--;
		x->header[i] = (struct header){bytes_str(info->http_headers[i].name), value};
	}
	x->http_1_0 = strcmp(info->http_version, "1.0") == 0;
}

static void note_arrival(struct exchange *x)
{
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)x->info->remote_port)};
	inet_pton(AF_INET, x->info->remote_addr, &peer.sin_addr);
	conn_arriving(x->conn, &peer, htons((uint16_t)x->info->server_port));
}

/* What is refused before anything of the front is asked. */
static bool check_head(struct exchange *x)
{
	struct sl_error err = {0};
	int rc = head_whole(&x->req, &err);
	if (rc == 0)
		rc = head_framing(&x->req, x->http_1_0, &x->head, &err);
	if (rc == 0)
		rc = hosts_check(x->server->hosts, &x->req, &err);
	if (rc == 0)
		rc = head_size(&x->req, &err);
	if (rc < 0)
		refuse(x, rc, err.text);
	return rc == 0;
}

static void handle(struct exchange *x)
{
	struct server *s = x->server;
	if (!x->conn || conn_is_surplus(x->conn)) {
		refuse(x, SL_E_UNAVAILABLE, "no connection free");
		answer(x);
		return;
	}
	note_arrival(x);
	if (!check_head(x)) {
		answer(x);
		drop_rest(x);
		return;
	}
	x->refused = !s->front->admit(s->user, &x->req, &x->reply, &x->body_max);
	if (!take_body(x))
		return;
	conn_serving(x->conn);
	if (!x->refused)
		s->front->serve(s->user, &x->req, &x->reply);
	answer(x);
}

static int on_request(struct mg_connection *http)
{
	struct exchange *x = calloc(1, sizeof(*x));
	if (!x) {
		mg_disable_connection_keep_alive(http);
		return 503;
	}
	x->http = http;
	x->server = mg_get_user_context_data(http);
	x->info = mg_get_request_info(http);
	x->conn = mg_get_user_connection_data(http);
	x->keep = true;
	reply_init(&x->reply);
	buf_init(&x->body, 0);
	fill_request(x);
	handle(x);
	request_fini(&x->req);
	reply_fini(&x->reply);
	buf_fini(&x->body);
	if (x->conn && x->keep)
		conn_idle(x->conn);
	else if (x->conn)
		conn_dropping(x->conn, DROP_MS);
	free(x);
	return 200;
}

/* What the library refuses by itself: a head that is malformed, too large or late. */
static int on_error(struct mg_connection *http, int status, const char *text)
{
	struct server *s = mg_get_user_context_data(http);
	struct envelope how = {.always_200 = s->always_200};
	scoped(buf_finip) struct buf out;
	struct reply reply;
	(void)text;
	reply_init(&reply);
	buf_init(&out, 16 << 10);
	if (status == 413)
		reply_fail(&reply, SL_E_HEADERS_TOO_BIG,
			   "request line and headers: at most %d bytes", HEAD_MAX);
	else
		reply_fail(&reply, SL_E_INVALID,
			   "the request's head is malformed, too large or did not arrive in time");
	if (envelope_write(&reply, BYTES("/v1"), &how, &out) > 0)
		mg_write(http, out.at, out.len);
	reply_fini(&reply);
	mg_disable_connection_keep_alive(http);
	return 0;
}

static int on_open(const struct mg_connection *http, void **ret_data)
{
	struct server *s = mg_get_user_context_data(http);
	*ret_data = conn_open(s->conns);
	return 0;
}

static void on_close(const struct mg_connection *http)
{
	conn_close(mg_get_user_connection_data(http));
}

static int on_log(const struct mg_connection *http, const char *text)
{
	(void)http;
	(void)text;
	return 1; /* Its own log repeats what clients send. */
}

/* ---- life ---- */

static void on_tick(void *user)
{
	struct server *s = user;
	if (s->front->tick)
		s->front->tick(s->user);
}

/* Each connection takes a socket, each thread an eventfd; plugins and the store some. */
static void raise_descriptors(unsigned threads)
{
	struct rlimit limit;
	rlim_t wanted = 2 * (rlim_t)threads + 1024;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int start(struct server *s, const struct server_config *config, struct sl_error *err)
{
	static const struct mg_callbacks callbacks = {
		.begin_request = on_request,
		.http_error = on_error,
		.init_connection = on_open,
		.connection_close = on_close,
		.log_message = on_log,
	};
	char threads[16], request_ms[24], idle_ms[24], head[16];
	snprintf(threads, sizeof(threads), "%u", config->connections_max + SURPLUS);
	snprintf(request_ms, sizeof(request_ms), "%lld", (long long)config->request_ms);
	snprintf(idle_ms, sizeof(idle_ms), "%lld", (long long)config->idle_ms);
	snprintf(head, sizeof(head), "%d", LIBRARY_HEAD_MAX);
	const char *options[] = {"listening_ports",
				 hosts_listen(s->hosts),
				 "num_threads",
				 threads,
				 "tcp_nodelay",
				 "1",
				 "enable_keep_alive",
				 "yes",
				 "request_timeout_ms",
				 request_ms,
				 "keep_alive_timeout_ms",
				 idle_ms,
				 "max_request_size",
				 head,
				 "decode_url",
				 "no",
				 "listen_backlog",
				 "1024",
				 "enable_auth_domain_check",
				 "no",
				 NULL};
	struct mg_init_data init = {&callbacks, s, options};
	char text[256] = "";
	unsigned code = 0;
	struct mg_error_data error = {&code, text, sizeof(text)};
	raise_descriptors(config->connections_max + SURPLUS);
	s->http = mg_start2(&init, &error);
	if (!s->http)
		return sl_fail(err, SL_E_UNAVAILABLE, "cannot listen on %s%s%s",
			       hosts_listen(s->hosts), text[0] ? ": " : "", text);
	struct mg_server_port port[LISTEN_MAX];
	s->ports = mg_get_server_ports(s->http, LISTEN_MAX, port);
	for (int i = 0; i < s->ports; i++)
		s->port[i] = (unsigned)port[i].port;
	return 0;
}

int server_reconfigure(struct server *s, const char *const *hosts, bool always_200,
		       struct sl_error *err)
{
	int rc = hosts_replace(s->hosts, hosts, err);
	if (rc == 0)
		atomic_store(&s->always_200, always_200);
	return rc;
}

int server_create(const struct server_config *config, const struct server_front *front, void *user,
		  struct server **ret, struct sl_error *err)
{
	scoped(server_freep) struct server *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->front = front;
	s->user = user;
	s->always_200 = config->always_200;
	s->clock = config->clock;
	unsigned eighth = config->connections_max / 8;
	struct conns_config conns = {
		.limit = config->connections_max,
		.surplus = SURPLUS,
		.request_ms = config->request_ms,
		.idle_ms = config->idle_ms,
		.spare = eighth < SPARE ? eighth : SPARE,
		.clock = config->clock,
		.tick = on_tick,
		.user = s,
	};
	int rc = hosts_create(config->listen, config->hosts, &s->hosts, err);
	if (rc == 0)
		rc = conns_create(&conns, &s->conns);
	if (rc == 0)
		rc = start(s, config, err);
	if (rc == 0)
		*ret = take_ptr(&s);
	return rc;
}

unsigned server_port(const struct server *server) { return server->port[0]; }

bool server_listen_is_local(const char *text)
{
	struct listen listen;
	return listen_read(text, NULL, &listen, NULL) == 0 && listen.local;
}

void server_drain(struct server *s, int64_t grace_ms)
{
	int64_t until = clock_mono_ms(s->clock) + grace_ms;
	conns_drain(s->conns);
	while (conns_serving(s->conns) && clock_mono_ms(s->clock) < until) {
		struct timespec pause = {.tv_nsec = 5000000};
		nanosleep(&pause, NULL);
	}
}

struct server *server_free(struct server *s)
{
	if (!s)
		return NULL;
	if (s->conns)
		conns_drain(s->conns);
	/* Its threads look every 2 s whether they shall end: wake them. */
	for (int i = 0; i < s->ports; i++)
		conns_shut_port(htons((uint16_t)s->port[i]));
	if (s->http)
		mg_stop(s->http);
	conns_free(s->conns);
	hosts_free(s->hosts);
	free(s);
	return NULL;
}

void server_stats(struct server *s, struct server_stats *ret)
{
	ret->connections = conns_open(s->conns);
	ret->serving = conns_serving(s->conns);
}
