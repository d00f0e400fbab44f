#include "api/request.h"

#include "api/target.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

static bool same_name(struct bytes a, const char *b)
{
	return a.len == strlen(b) && strncasecmp(a.at, b, a.len) == 0;
}

struct bytes request_header(const struct request *req, const char *name)
{
	for (size_t i = 0; i < req->headers; i++)
		if (same_name(req->header[i].name, name))
			return req->header[i].value;
	return bytes_of(NULL, 0);
}

size_t request_header_count(const struct request *req, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < req->headers; i++)
		n += same_name(req->header[i].name, name);
	return n;
}

static int decode(struct request *req, struct bytes from, struct bytes *ret)
{
	char *to = arena_alloc(req->arena, from.len + 1);
	size_t len;
	if (!to)
		return SL_E_NO_MEMORY;
	int rc = target_decode(from, true, to, &len);
	if (rc == 0)
		*ret = bytes_of(to, len);
	return rc;
}

int request_query(struct request *req, const char *name, struct bytes *ret, struct sl_error *err)
{
	struct bytes rest = req->query, key, value, found = {0};
	bool seen = false;
	while (target_next_pair(&rest, &key, &value)) {
		if (!bytes_is(key, name))
			continue;
		if (seen)
			return sl_fail(err, SL_E_INVALID, "%s: given twice in the query", name);
		seen = true;
		found = value;
	}
	if (!seen)
		return SL_E_NOT_FOUND;
	int rc = decode(req, found, ret);
	return rc == SL_E_INVALID ? sl_fail(err, rc, "%s: is not percent-encoded UTF-8 text", name)
				  : rc;
}

int request_query_int(struct request *req, const char *name, int64_t min, int64_t max, int64_t *ret,
		      struct sl_error *err)
{
	struct bytes text;
	int64_t value = 0;
	int rc = request_query(req, name, &text, err);
	if (rc < 0)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	const char *c = text.at;
	size_t i = text.len && c[0] == '-';
	bool ok = text.len > i && text.len - i <= 18;
	for (size_t k = i; ok && k < text.len; k++) {
		ok = c[k] >= '0' && c[k] <= '9';
		value = value * 10 + (c[k] - '0');
	}
	value = i ? -value : value;
	if (!ok || value < min || value > max)
		return sl_fail(err, SL_E_INVALID, "%s: must be a whole number from %lld to %lld",
			       name, (long long)min, (long long)max);
	*ret = value;
	return 0;
}

int request_query_bool(struct request *req, const char *name, bool *ret, struct sl_error *err)
{
	struct bytes text;
	int rc = request_query(req, name, &text, err);
	if (rc < 0)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	if (!bytes_is(text, "true") && !bytes_is(text, "false"))
		return sl_fail(err, SL_E_INVALID, "%s: must be true or false", name);
	*ret = bytes_is(text, "true");
	return 0;
}

static bool listed(const char *names, struct bytes key)
{
	for (const char *at = names; *at;) {
		size_t len = strcspn(at, ",");
		if (bytes_eq(key, bytes_of(at, len)))
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

int request_query_only(struct request *req, const char *names, struct sl_error *err)
{
	struct bytes rest = req->query, key, value;
	while (target_next_pair(&rest, &key, &value))
		if (!listed(names, key))
			return sl_fail(err, SL_E_INVALID, "%.*s: unknown query parameter",
				       (int)(key.len > 64 ? 64 : key.len), (const char *)key.at);
	return 0;
}

struct audit_by request_by(const struct request *req)
{
	return (struct audit_by){.token = req->caller ? bytes_str(req->caller->id) : BYTES(""),
				 .address = req->remote};
}

void request_fini(struct request *req)
{
	json_fini(&req->json);
	req->caller = token_unref(req->caller);
	req->arena = arena_free(req->arena);
}

/* ---- the answer ---- */

void reply_init(struct reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->stream_length = -1;
	buf_init(&reply->head, 16 * 1024);
	buf_init(&reply->raw, REPLY_MAX);
}

void reply_fini(struct reply *reply)
{
	reply->payload = jb_free(reply->payload);
	reply->stream = stream_free(reply->stream);
	buf_fini(&reply->head);
	buf_fini(&reply->raw);
}

int reply_fail(struct reply *reply, enum sl_err code, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	reply->rc = code;
	reply->err.code = code;
	vsnprintf(reply->err.text, sizeof(reply->err.text), fmt, args);
	va_end(args);
	return code;
}

void reply_header(struct reply *reply, const char *name, const char *fmt, ...)
{
	char value[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	/* A value that was made of hostile text cannot begin a line of its own. */
	for (char *c = value; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	buf_addf(&reply->head, "%s: %s\r\n", name, value);
}
