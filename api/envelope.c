#include "api/envelope.h"

#include <inttypes.h>

static const char *reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 206:
		return "Partial Content";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 410:
		return "Gone";
	case 413:
		return "Content Too Large";
	case 416:
		return "Range Not Satisfiable";
	case 421:
		return "Misdirected Request";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	default:
		return status < 400 ? "OK" : "Internal Server Error";
	}
}

/* The contract knows one status for our own faults, whatever they were inside. */
unsigned envelope_status(const struct reply *reply)
{
	if (reply->status)
		return reply->status;
	unsigned status = sl_err_http(reply->rc);
	return strcmp(sl_err_code(reply->rc), "INTERNAL_ERROR") == 0 ? 500 : status;
}

static bool is_v1(struct bytes path) { return bytes_starts(path, "/v1/") || bytes_is(path, "/v1"); }

static void write_body(struct reply *reply, struct buf *to)
{
	bool ours = envelope_status(reply) == 500;
	const char *msg = reply->msg ? reply->msg : "";
	if (reply->rc < 0)
		msg = !ours && reply->err.text[0] ? reply->err.text : sl_err_text(reply->rc);
	if (ours)
		msg = "a fault of the gateway; its log says more";
	buf_addf(to, "{\"code\":\"%s\",\"msg\":", sl_err_code(reply->rc));
	json_quote(to, bytes_str(msg));
	if (reply->rc == 0 && reply->payload) {
		buf_add_str(to, ",\"payload\":");
		int rc = jb_print(reply->payload, to);
		if (rc < 0 && to->rc == 0)
			to->rc = rc;
	}
	buf_add_char(to, '}');
}

/* Nothing here is a page: a browser that is led to an answer runs and frames nothing of it. */
static const char guards[] = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
			     "Content-Security-Policy: default-src 'none'; "
			     "frame-ancestors 'none'; sandbox\r\n";

static void write_head(struct reply *reply, unsigned status, const struct envelope *how,
		       const char *type, size_t length, struct buf *to)
{
	buf_addf(to, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n", status, reason(status), type);
	bool streamed = reply->stream && reply->type;
	if (!streamed || reply->stream_length >= 0)
		buf_addf(to, "Content-Length: %" PRId64 "\r\n",
			 streamed ? reply->stream_length : (int64_t)length);
	else if (!how->headless)
		buf_add_str(to, "Transfer-Encoding: chunked\r\n");
	buf_add_str(to, guards);
	if (how->hsts_s)
		buf_addf(to, "Strict-Transport-Security: max-age=%" PRId64 "\r\n", how->hsts_s);
	if (reply->rc == SL_E_UNKNOWN_CALLER)
		buf_add_str(to, "WWW-Authenticate: Bearer\r\n");
	if (envelope_status(reply) == 429 || envelope_status(reply) == 503)
		buf_add_str(to, "Retry-After: 1\r\n");
	buf_add_bytes(to, buf_bytes(&reply->head));
	buf_addf(to, "Connection: %s\r\n\r\n", how->keep ? "keep-alive" : "close");
}

static int write_all(struct reply *reply, struct bytes path, const struct envelope *how,
		     struct buf *to)
{
	scoped(buf_finip) struct buf made;
	buf_init(&made, REPLY_MAX);
	unsigned status = envelope_status(reply);
	struct bytes body = buf_bytes(&reply->raw);
	const char *type = reply->type;
	if (!type) {
		write_body(reply, &made);
		body = buf_bytes(&made);
		type = "application/json";
	}
	if (reply->raw.rc < 0 || made.rc < 0)
		return made.rc < 0 ? made.rc : reply->raw.rc;
	if (how->always_200 && is_v1(path) && status != 206) /* a part must not pass for all */
		status = 200;
	write_head(reply, status, how, type, body.len, to);
	if (!how->no_body && (!reply->stream || !reply->type))
		buf_add_bytes(to, body);
	return to->rc < 0 ? to->rc : (int)status;
}

int envelope_write(struct reply *reply, struct bytes path, const struct envelope *how,
		   struct buf *to)
{
	int rc = write_all(reply, path, how, to);
	if (rc >= 0)
		return rc;
	buf_reset(to);
	buf_reset(&reply->head);
	reply->rc = rc == SL_E_NO_MEMORY ? rc : SL_E_INTERNAL;
	reply->err.text[0] = '\0';
	reply->status = 0;
	reply->type = NULL;
	return write_all(reply, path, how, to);
}
