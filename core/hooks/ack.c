#include "core/hooks/ack.h"

#include <ctype.h>
#include <strings.h>

enum { SHOWN_MAX = 200 };

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static struct bytes trim_space(struct bytes text)
{
	const char *at = text.at, *end = at + text.len;
	while (at < end && is_space(*at))
		at++;
	while (end > at && is_space(end[-1]))
		end--;
	return bytes_of(at, (size_t)(end - at));
}

/* White space and quotes around it do not matter, also within one another. */
static struct bytes bare(struct bytes text)
{
	for (;;) {
		text = trim_space(text);
		const char *at = text.at;
		if (text.len < 2 || (*at != '"' && *at != '\'') || at[text.len - 1] != *at)
			return text;
		text = bytes_of(at + 1, text.len - 2);
	}
}

static bool begins(struct bytes text, const char *word)
{
	return text.len >= 2 && strncasecmp(text.at, word, 2) == 0;
}

/* "EX", "EX: no such job", "ex because", but not "EXPIRED". */
static bool is_exception(struct bytes text, struct bytes *ret_words)
{
	const char *at = text.at;
	if (!begins(text, "EX") || (text.len > 2 && isalnum((unsigned char)at[2])))
		return false;
	struct bytes rest = trim_space(bytes_of(at + 2, text.len - 2));
	while (rest.len && strchr(":,;-.", *(const char *)rest.at))
		rest = trim_space(bytes_of((const char *)rest.at + 1, rest.len - 1));
	*ret_words = rest;
	return true;
}

static bool is_retry(struct bytes body)
{
	struct bytes text = bare(body);
	return text.len == 2 && begins(text, "RE");
}

bool ack_is_retry(const struct ask_result *r)
{
	return r->answered && !r->rc && r->status == 200 && is_retry(r->body);
}

static enum ack read_text(struct bytes body, struct buf *words)
{
	struct bytes text = bare(body), reason;
	if (text.len == 2 && begins(text, "OK"))
		return ACK_OK;
	if (is_retry(body)) {
		buf_add_str(words, "it answered RE");
		return ACK_AGAIN;
	}
	if (is_exception(text, &reason)) {
		buf_add_bytes(words, reason);
		return ACK_EXCEPTION;
	}
	buf_addf(words, "it answered neither OK, RE nor EX but \"%.*s\"%s",
		 BYTES_FMT(bytes_cut(text, SHOWN_MAX)), text.len > SHOWN_MAX ? "..." : "");
	return ACK_AGAIN;
}

enum ack ack_read(const struct ask_result *r, struct buf *words)
{
	if (!r->answered) {
		buf_add_str(words, r->why ? r->why : "it cannot be asked");
		return ACK_AGAIN;
	}
	if (r->rc) {
		buf_add_str(words, "its answer is too long; OK, RE or EX is enough");
		return ACK_AGAIN;
	}
	if (r->status == 204)
		return ACK_OK;
	if (r->status == 200)
		return read_text(r->body, words);
	buf_addf(words, "it answered with status %u", r->status);
	return r->status == 410 ? ACK_GONE : ACK_AGAIN;
}
