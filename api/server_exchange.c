/* One request on its way, on its connection's thread: from its head to its answer. */
#include "api/envelope.h"
#include "api/server_internal.h"
#include "core/base/crash.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- answering ---- */

static bool in_chunks(const struct exchange *x)
{
	return !x->http_1_0 && x->reply.stream_length < 0;
}

static int write_piece(void *user, struct bytes piece)
{
	struct exchange *x = user;
	int n = in_chunks(x) ? mg_send_chunk(x->http, piece.at, (unsigned)piece.len)
			     : mg_write(x->http, piece.at, piece.len);
	return n > 0 ? 0 : SL_E_CANCELED;
}

/* A token that was deleted, changed or has expired ends what it reads. */
static bool may_go_on(void *user)
{
	struct exchange *x = user;
	const struct server *s = x->server;
	return !s->front->may_go_on || s->front->may_go_on(s->user, &x->req);
}

/* What is broken off gets no end: its reader must not take it for whole. */
static void run_stream(struct exchange *x)
{
	struct stream_io io = {.fd = conn_socket(x->conn),
			       .write = write_piece,
			       .may_go_on = may_go_on,
			       .user = x};
	int rc = io.fd < 0 ? SL_E_CANCELED : stream_run(x->reply.stream, &io);
	if (io.fd >= 0)
		close(io.fd);
	if (rc < 0 || (in_chunks(x) && mg_send_chunk(x->http, "", 0) < 0))
		x->keep = false;
	x->reply.stream = stream_free(x->reply.stream);
}

static void tell_front(const struct exchange *x)
{
	const struct server *s = x->server;
	int64_t us = x->whole_us ? clock_mono_us(s->clock) - x->whole_us : 0;
	if (s->front->answered)
		s->front->answered(s->user, &x->req, envelope_status(&x->reply), (uint64_t)us);
}

/* The answer goes out in one write: two would wait for each other's acknowledgement. */
void exchange_answer(struct exchange *x)
{
	scoped(buf_finip) struct buf out;
	buf_init(&out, REPLY_MAX + (64 << 10));
	x->keep = x->keep && x->head.keep && !x->reply.close && !(x->reply.stream && x->http_1_0);
	struct envelope how = {
		.always_200 = x->server->always_200,
		.keep = x->keep,
		.headless = x->http_1_0,
		.no_body = bytes_is(x->req.method, "HEAD"),
		.hsts_s = x->server->hsts_s,
	};
	tell_front(x);
	int status = envelope_write(&x->reply, x->req.path, &how, &out);
	/* Whoever reads slowly holds the text, not the tree, which is many times as large. */
	x->reply.payload = jb_free(x->reply.payload);
	crash_at(CRASH_ANSWER_MADE);
	bool sent = status > 0 && mg_write(x->http, out.at, out.len) == (int)out.len;
	x->keep = x->keep && sent;
	crash_at(CRASH_ANSWER_SENT);
	if (x->reply.stream && x->reply.type && sent && !how.no_body)
		run_stream(x);
	if (!x->keep)
		mg_disable_connection_keep_alive(x->http);
}

void exchange_refuse(struct exchange *x, int rc, const char *text)
{
	x->refused = true;
	x->keep = false;
	reply_fail(&x->reply, (enum sl_err)rc, "%s", text);
}

/* ---- a request ---- */

/* The end of its stream, or its connection reset; with TLS a last message of its own
 * still waits to be read in front of the end. */
static bool hung_up(void *peer)
{
	struct exchange *x = peer;
	int fd = conn_socket(x->conn);
	if (fd < 0)
		return false;
	struct pollfd look = {.fd = fd, .events = POLLRDHUP};
	bool gone = poll(&look, 1, 0) > 0;
	close(fd);
	return gone;
}

static void fill_request(struct exchange *x)
{
	const struct mg_request_info *info = x->info;
	struct request *req = &x->req;
	req->method = bytes_str(info->request_method);
	req->path = bytes_str(info->local_uri_raw);
	req->query = bytes_str(info->query_string);
	req->remote = bytes_str(info->remote_addr);
	req->hung_up = hung_up;
	req->peer = x;
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
		exchange_refuse(x, rc, err.text);
	return rc == 0;
}

static void handle(struct exchange *x)
{
	struct server *s = x->server;
	if (!x->conn || conn_is_surplus(x->conn)) {
		exchange_refuse(x, SL_E_UNAVAILABLE, "no connection free");
		exchange_answer(x);
		return;
	}
	note_arrival(x);
	if (!check_head(x)) {
		exchange_answer(x);
		body_drop(x);
		return;
	}
	x->refused = !s->front->admit(s->user, &x->req, &x->reply, &x->body_max);
	if (!body_take(x))
		return;
	conn_serving(x->conn);
	x->whole_us = clock_mono_us(s->clock);
	if (!x->refused)
		s->front->serve(s->user, &x->req, &x->reply);
	exchange_answer(x);
}

int exchange_serve(struct mg_connection *http)
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
