#include "cli/sluicectl/api.h"

#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536, ANSWER_MAX = 256 << 20, TIMEOUT_MS = 100000, HEADERS_MAX = 5 };

static const struct json_limits limits = {.bytes_max = ANSWER_MAX, .depth_max = 1024};

void api_path(struct buf *to, const char *prefix, const char *part)
{
	buf_add_str(to, prefix);
	request_url_escape(to, bytes_str(part));
}

void api_query(struct buf *to, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(to, "%c%s=", to->len && memchr(to->at, '?', to->len) ? '&' : '?', name);
	request_url_escape(to, bytes_str(value));
}

/* ---- asking ---- */

/** A request in the making. */
struct outgoing {
	struct buf url, accept, token, key;
	const char *line[HEADERS_MAX];
	size_t n;
};

static void outgoing_fini(struct outgoing *o)
{
	buf_fini(&o->url);
	buf_fini(&o->accept);
	buf_fini(&o->token);
	buf_fini(&o->key);
}

static void add_header(struct outgoing *o, struct buf *text, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(text, "%s%s", name, value);
	o->line[o->n++] = buf_str(text);
}

static void outgoing_init(struct outgoing *o, const struct ctl *ctl, const struct api_call *call)
{
	*o = (struct outgoing){0};
	buf_init(&o->url, URL_MAX);
	buf_init(&o->accept, URL_MAX);
	buf_init(&o->token, URL_MAX);
	buf_init(&o->key, URL_MAX);
	buf_addf(&o->url, "%s%s", ctl->server, call->path);
	add_header(o, &o->accept, "Accept: ", call->accept ? call->accept : "application/json");
	if (call->body.len)
		o->line[o->n++] = "Content-Type: application/json";
	add_header(o, &o->token, "Authorization: Bearer ", ctl->token);
	add_header(o, &o->key, "Idempotency-Key: ", call->idempotency_key);
}

static int outgoing_send(struct ctl *ctl, const struct api_call *call, struct api_answer *answer)
{
	scoped(outgoing_fini) struct outgoing o;
	outgoing_init(&o, ctl, call);
	if (o.url.rc || o.accept.rc || o.token.rc || o.key.rc)
		return sl_fail(&answer->err, SL_E_TOO_BIG, "the request is too long");
	answer->payload = JSON_NONE;
	answer->head[API_HEAD_RETRY_AFTER].name = "Retry-After";
	answer->head[API_HEAD_NEXT_CURSOR].name = "X-Next-Cursor";
	answer->head[API_HEAD_TYPE].name = "Content-Type";
	answer->head[API_HEAD_LENGTH].name = "Content-Length";
	answer->reply.headers = answer->head;
	answer->reply.header_count = API_HEADS;
	struct request request = {.method = call->method,
				  .url = buf_str(&o.url),
				  .headers = o.line,
				  .body = call->body,
				  .timeout_ms = call->piece_fn ? 0 : TIMEOUT_MS,
				  .reply_max = ANSWER_MAX,
				  .piece_fn = call->piece_fn,
				  .user = call->user};
	return requester_send(ctl->requester, &request, &answer->reply, &answer->err);
}

static int no_answer(struct ctl *ctl, struct api_answer *answer, int rc)
{
	bool offline = rc == SL_E_UNAVAILABLE || rc == SL_E_TIMEOUT;
	if (!strstr(answer->err.text, ctl->server))
		sl_wrap(&answer->err, rc, "%s: ", ctl->server);
	answer->again = offline;
	return offline ? CTL_OFFLINE : CTL_REFUSED;
}

static int not_ours(struct ctl *ctl, struct api_answer *answer)
{
	sl_fail(&answer->err, SL_E_PEER, "%s answered with status %u, but not as a gateway does",
		ctl->server, answer->reply.status);
	answer->again = answer->reply.status >= 502 && answer->reply.status <= 504;
	return CTL_REFUSED;
}

/* The member as text, cleaned, in `to`. */
static void add_member(const struct json *json, const char *name, struct buf *to)
{
	scoped(buf_finip) struct buf word;
	buf_init(&word, ANSWER_MAX);
	struct bytes text;
	json_at at = json_get(json, 0, bytes_str(name));
	if (at != JSON_NONE && json_type(json, at) == JSON_STRING &&
	    json_string(json, at, &word, &text) == 0)
		output_clean(to, text);
}

/* Which of our own codes stands for an answer: some share the API's code, so the status
 * is looked at where it is a proper one. */
static enum sl_err code_of(const char *code, unsigned status)
{
	int same = SL_E_INTERNAL;
	for (int rc = SL_ERR_MIN + 1; rc < SL_ERR_END; rc++)
		if (strcmp(sl_err_code(rc), code) == 0) {
			if (sl_err_http(rc) == status)
				return (enum sl_err)rc;
			if (same == SL_E_INTERNAL)
				same = rc;
		}
	return (enum sl_err)same;
}

static int read_envelope(struct ctl *ctl, struct api_answer *answer)
{
	scoped(buf_finip) struct buf code;
	scoped(buf_finip) struct buf msg;
	buf_init(&code, 256);
	buf_init(&msg, ANSWER_MAX);
	struct bytes text = buf_bytes(&answer->reply.body);
	if (json_parse(&answer->json, text, &limits, NULL))
		return not_ours(ctl, answer);
	add_member(&answer->json, "code", &code);
	if (!code.len || code.rc)
		return not_ours(ctl, answer);
	answer->payload = json_get(&answer->json, 0, BYTES("payload"));
	if (strcmp(buf_str(&code), sl_err_code(0)) == 0)
		return CTL_DONE;
	add_member(&answer->json, "msg", &msg);
	enum sl_err rc = code_of(buf_str(&code), answer->reply.status);
	answer->again = rc == SL_E_BUSY || strcmp(buf_str(&code), "SERVICE_UNAVAILABLE") == 0;
	sl_fail(&answer->err, rc, "%s (%s)", msg.len ? buf_str(&msg) : sl_err_text(rc),
		buf_str(&code));
	return CTL_REFUSED;
}

int api_send(struct ctl *ctl, const struct api_call *call, struct api_answer *answer)
{
	int rc = outgoing_send(ctl, call, answer);
	if (rc)
		return no_answer(ctl, answer, rc);
	const char *type = answer->head[API_HEAD_TYPE].value;
	bool streamed = call->piece_fn && answer->reply.status / 100 == 2;
	if (streamed && strncmp(type, "application/json", strlen("application/json")) != 0)
		return CTL_DONE;
	return read_envelope(ctl, answer);
}

void api_answer_fini(struct api_answer *answer)
{
	json_fini(&answer->json);
	reply_fini(&answer->reply);
}

int api_ask(struct ctl *ctl, const struct api_call *call, struct api_answer *answer)
{
	int code = api_send(ctl, call, answer);
	return code ? api_tell(ctl, answer, code) : CTL_DONE;
}
