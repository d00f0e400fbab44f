#include "cli/sluicectl/log_lines.h"

#include <inttypes.h>
#include <stdio.h>

enum { LINE_BYTES_MAX = 1 << 20, PREFIX_MAX = 1024 };

void log_lines_init(struct log_lines *l)
{
	*l = (struct log_lines){0};
	buf_init(&l->rest, LINE_BYTES_MAX);
	buf_init(&l->text, LINE_BYTES_MAX);
	buf_init(&l->last, PREFIX_MAX);
}

void log_lines_fini(struct log_lines *l)
{
	json_fini(&l->json);
	buf_fini(&l->rest);
	buf_fini(&l->text);
	buf_fini(&l->last);
}

/* "[worker 0 stderr] " */
static int put_prefix(const struct json *j, struct buf *to)
{
	scoped(buf_finip) struct buf word = {0};
	struct bytes role;
	int64_t replica;
	json_at name = json_get(j, 0, BYTES("role")), index = json_get(j, 0, BYTES("replica"));
	json_at stream = json_get(j, 0, BYTES("stream"));
	buf_init(&word, PREFIX_MAX);
	if (name == JSON_NONE || json_type(j, name) != JSON_STRING || index == JSON_NONE ||
	    json_int64(j, index, &replica) || json_string(j, name, &word, &role))
		return SL_E_PEER;
	buf_addf(to, "[%.*s %" PRId64 "%s] ", BYTES_FMT(role), replica,
		 stream != JSON_NONE && json_string_is(j, stream, BYTES("stderr")) ? " stderr"
										   : "");
	return to->rc;
}

static void put(struct bytes text) { fwrite(text.at, 1, text.len, stdout); }

/* A line in parts is put together again, unless another's comes between. */
static void print(struct log_lines *l, struct bytes prefix, struct bytes text, bool partial)
{
	if (!bytes_eq(prefix, buf_bytes(&l->last))) {
		if (l->last.len)
			putchar('\n');
		put(prefix);
	}
	put(text);
	buf_reset(&l->last);
	if (partial)
		buf_add_bytes(&l->last, prefix);
	else
		putchar('\n');
}

static int take_line(struct log_lines *l, struct bytes line)
{
	static const struct json_limits limits = {LINE_BYTES_MAX, 8};
	scoped(buf_finip) struct buf prefix = {0};
	struct bytes text;
	buf_init(&prefix, PREFIX_MAX);
	buf_reset(&l->text);
	if (json_parse(&l->json, line, &limits, NULL))
		return SL_E_PEER;
	json_at at = json_get(&l->json, 0, BYTES("line"));
	if (at == JSON_NONE || json_type(&l->json, at) != JSON_STRING ||
	    json_string(&l->json, at, &l->text, &text) || put_prefix(&l->json, &prefix))
		return SL_E_PEER;
	print(l, buf_bytes(&prefix), text, json_get(&l->json, 0, BYTES("partial")) != JSON_NONE);
	return 0;
}

int log_lines_take(struct log_lines *l, struct bytes piece)
{
	const char *nl;
	while (piece.len && (nl = memchr(piece.at, '\n', piece.len))) {
		size_t n = (size_t)(nl - (const char *)piece.at);
		buf_add(&l->rest, piece.at, n);
		int rc = l->rest.rc ? l->rest.rc : take_line(l, buf_bytes(&l->rest));
		if (rc)
			return rc;
		buf_reset(&l->rest);
		piece = bytes_of(nl + 1, piece.len - n - 1);
	}
	buf_add_bytes(&l->rest, piece);
	return l->rest.rc ? l->rest.rc : fflush(stdout) || ferror(stdout) ? SL_E_IO : 0;
}
