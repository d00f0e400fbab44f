/* The body of a request: taken, skipped or refused. */
#include "api/server_internal.h"

enum { DROP_MAX = 16 << 20 };

void body_drop(struct exchange *x)
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
	exchange_answer(x);
	body_drop(x);
}

bool body_take(struct exchange *x)
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
		exchange_refuse(x, rc, "no memory for the body");
	else if (rc < 0)
		exchange_refuse(x, SL_E_INVALID,
				conn_was_cut(x->conn)
					? "the body did not arrive in time"
					: "the body is broken off or its chunks are malformed");
	x->req.body = buf_bytes(&x->body);
	return true;
}
