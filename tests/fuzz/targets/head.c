/* The head of a request, left in memory as the HTTP library leaves it: it is refused in words
 * or it is beyond doubt where its body ends. Input: "Name: value" lines. */
#include "tests/fuzz/fuzz.h"

#include "api/head.h"

enum { METHOD_LEN = 5 };

/* As civetweb cuts a line up: NULs behind the name and behind the value. */
static char *cut_line(char *line, char *end, struct header *ret)
{
	char *stop = memchr(line, '\n', (size_t)(end - line));
	char *colon = stop ? memchr(line, ':', (size_t)(stop - line)) : NULL;
	if (!colon || colon == line)
		return NULL;
	char *last = stop > colon && stop[-1] == '\r' ? stop - 1 : stop;
	char *name_end = colon;
	*colon = '\0';
	while (name_end > line && name_end[-1] == ' ')
		*--name_end = '\0';
	char *value = colon + 1;
	while (value < last && (*value == ' ' || *value == '\t'))
		value++;
	*last = *stop = '\0';
	*ret = (struct header){bytes_of(line, strlen(line)), bytes_of(value, strlen(value))};
	return stop + 1;
}

static void read_head(const struct request *req)
{
	struct host_list ours = {{"localhost", "127.0.0.1", "[::1]"}, 3};
	struct head head;
	struct sl_error err = {0};
	int rc = head_whole(req, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	for (int http_1_0 = 0; http_1_0 < 2; http_1_0++) {
		err = (struct sl_error){0};
		rc = head_framing(req, http_1_0, &head, &err);
		fuzz_holds((rc == 0) == (err.text[0] == '\0'));
		if (rc)
			continue;
		fuzz_holds(head.chunked == (head.length < 0) && head.length >= -1);
		fuzz_holds(request_header_count(req, "Content-Length") < 2);
		fuzz_holds(request_header_count(req, "Host") == 1);
		fuzz_holds(!head.chunked || !request_header(req, "Content-Length").at);
	}
	err = (struct sl_error){0};
	fuzz_holds(head_size(req, &err) == 0 || err.text[0]);
	err = (struct sl_error){0};
	fuzz_holds(head_host(req, &ours, &err) == 0 || err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct header header[REQUEST_HEADERS_MAX];
	/* "GET /" in front, and behind the last line the end of the head. */
	char *text = calloc(1, METHOD_LEN + len + 8);
	if (!text)
		return 0;
	memcpy(text, "POST\0", METHOD_LEN);
	memcpy(text + METHOD_LEN, at, len);
	struct request req = {
		.method = bytes_of(text, 4), .path = BYTES("/v1/job"), .header = header};
	char *line = text + METHOD_LEN, *end = line + len;
	for (char *nul = line; nul < end; nul++)
		if (*nul == '\0')
			*nul = ' '; /* The library refuses it before. */
	while (line && line < end && req.headers < REQUEST_HEADERS_MAX) {
		line = cut_line(line, end, &header[req.headers]);
		req.headers += line != NULL;
	}
	read_head(&req);
	free(text);
	return 0;
}
