#include "api/head.h"

#include <strings.h>

/* Is `word` one of the items of a comma list? */
static bool lists(struct bytes list, const char *word)
{
	const char *at = list.len ? list.at : "", *end = at + list.len;
	size_t len = strlen(word);
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;
		while (at < stop && (*at == ' ' || *at == '\t'))
			at++;
		const char *last = stop;
		while (last > at && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		if ((size_t)(last - at) == len && strncasecmp(at, word, len) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

static int read_length(struct bytes text, int64_t *ret)
{
	const char *c = text.at;
	int64_t value = 0;
	if (text.len == 0 || text.len > 18)
		return SL_E_INVALID;
	for (size_t i = 0; i < text.len; i++) {
		if (c[i] < '0' || c[i] > '9')
			return SL_E_INVALID;
		value = value * 10 + (c[i] - '0');
	}
	*ret = value;
	return 0;
}

static int not_once(const struct request *req, struct sl_error *err)
{
	static const char *const once[] = {"Content-Length", "Transfer-Encoding", "Host"};
	for (size_t i = 0; i < countof(once); i++)
		if (request_header_count(req, once[i]) > 1)
			return sl_fail(err, SL_E_INVALID, "%s: given more than once", once[i]);
	return 0;
}

/* The library puts a NUL in place of the colon, and of each space in front of it. */
static bool spaced(const struct header *h)
{
	const char *behind = (const char *)h->name.at + h->name.len + 1;
	return *behind == 0 && (const char *)h->value.at > behind;
}

static int too_big(struct sl_error *err)
{
	return sl_fail(err, SL_E_HEADERS_TOO_BIG, "request line and headers: at most %d bytes",
		       HEAD_MAX);
}

int head_whole(const struct request *req, struct sl_error *err)
{
	for (size_t i = 0; i < req->headers; i++)
		if (spaced(&req->header[i]))
			return sl_fail(err, SL_E_INVALID, "a header has a space before its colon");
	if (req->headers == 0 || req->headers >= REQUEST_HEADERS_MAX)
		return 0; /* Refused for what is missing, or for being too many. */
	const char *last = req->header[req->headers - 1].value.at;
	const char *end = last + strlen(last); /* CR, LF and the very last LF are NULs by now. */
	if (end - (const char *)req->method.at > HEAD_MAX)
		return too_big(err);
	return end[1] == 0 && end[2] == '\r'
		       ? 0
		       : sl_fail(err, SL_E_INVALID,
				 "a header line is malformed (each must begin with its name and "
				 "end in CR LF)");
}

int head_framing(const struct request *req, bool http_1_0, struct head *ret, struct sl_error *err)
{
	struct head head = {0};
	struct bytes length = request_header(req, "Content-Length");
	struct bytes coding = request_header(req, "Transfer-Encoding");
	struct bytes connection = request_header(req, "Connection");
	int rc = not_once(req, err);
	if (rc < 0)
		return rc;
	if (length.at && coding.at)
		return sl_fail(err, SL_E_INVALID,
			       "Content-Length: not together with Transfer-Encoding");
	if (coding.at && (http_1_0 || coding.len != 7 || strncasecmp(coding.at, "chunked", 7) != 0))
		return sl_fail(err, SL_E_INVALID, "Transfer-Encoding: only \"chunked\" is known");
	if (length.at && read_length(length, &head.length) < 0)
		return sl_fail(err, SL_E_INVALID, "Content-Length: is not a number");
	if (!request_header(req, "Host").at)
		return sl_fail(err, SL_E_INVALID, "Host: is missing");
	head.chunked = coding.at != NULL;
	if (head.chunked)
		head.length = -1;
	head.expects = !http_1_0 && lists(request_header(req, "Expect"), "100-continue");
	/* As the library decides it: any Connection header but keep-alive means close. */
	head.keep = connection.at ? lists(connection, "keep-alive") && !lists(connection, "close")
				  : !http_1_0;
	*ret = head;
	return 0;
}

int head_size(const struct request *req, struct sl_error *err)
{
	size_t size = req->method.len + req->path.len + req->query.len;
	for (size_t i = 0; i < req->headers; i++)
		size += req->header[i].name.len + req->header[i].value.len + 4;
	/* The library drops what is over its own count: a full table may hide some. */
	if (req->headers >= REQUEST_HEADERS_MAX)
		return sl_fail(err, SL_E_HEADERS_TOO_BIG, "fewer than %d header lines are taken",
			       REQUEST_HEADERS_MAX);
	if (size > HEAD_MAX)
		return too_big(err);
	return 0;
}

/* The name or address of a Host, without port and a final dot; empty when it is malformed. */
static struct bytes host_name(struct bytes host)
{
	const char *c = host.at;
	size_t len = 0;
	if (host.len && c[0] == '[') {
		const char *end = memchr(c, ']', host.len);
		if (!end)
			return bytes_of(c, 0);
		len = (size_t)(end - c) + 1;
	} else {
		while (len < host.len && c[len] != ':')
			len++;
	}
	if (len < host.len && c[len] != ':')
		return bytes_of(c, 0);
	for (size_t i = len + 1; i < host.len; i++)
		if (c[i] < '0' || c[i] > '9')
			return bytes_of(c, 0);
	if (len > 1 && c[len - 1] == '.')
		len--;
	return bytes_of(c, len);
}

static bool any_host(struct bytes path)
{
	return bytes_is(path, "/healthz") || bytes_is(path, "/readyz") ||
	       bytes_is(path, "/healthz/") || bytes_is(path, "/readyz/");
}

int head_host(const struct request *req, const struct host_list *ours, struct sl_error *err)
{
	struct bytes name = host_name(request_header(req, "Host"));
	if (any_host(req->path))
		return 0;
	for (size_t i = 0; name.len && i < ours->names; i++)
		if (strlen(ours->name[i]) == name.len &&
		    strncasecmp(ours->name[i], name.at, name.len) == 0)
			return 0;
	return sl_fail(err, SL_E_MISDIRECTED,
		       "Host: is not a name of this gateway (api.hosts lists further ones)");
}
