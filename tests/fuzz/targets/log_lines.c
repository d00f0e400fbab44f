/* Logs as `sluicectl logs` prints them: lines of JSON of any bytes print the same however they
 * arrive in pieces, and lines of any text are printed as that text behind their replica's name.
 * Input: a byte, odd for lines of text instead of JSON; a byte that says how long pieces are; the
 * lines. */
#include "tests/fuzz/fuzz.h"

#include "cli/sluicectl/log_lines.h"

enum { TEXT_MAX = 1 << 20 };

/** What was printed, and how it went. */
struct printed {
	char *text;
	size_t len;
	int rc;
};

static void take(struct bytes all, size_t step, struct printed *ret)
{
	struct log_lines lines;
	FILE *real = stdout;
	const char *at = all.len ? all.at : "", *end = at + all.len;
	*ret = (struct printed){0};
	stdout = open_memstream(&ret->text, &ret->len);
	fuzz_holds(stdout);
	log_lines_init(&lines);
	while (at < end && !ret->rc) {
		size_t n = (size_t)(end - at) < step ? (size_t)(end - at) : step;
		ret->rc = log_lines_take(&lines, bytes_of(at, n));
		at += n;
	}
	log_lines_fini(&lines);
	fclose(stdout);
	stdout = real;
}

static void same_in_pieces(struct bytes all, size_t step, struct printed *ret)
{
	struct printed pieces;
	take(all, all.len + 1, ret);
	take(all, step, &pieces);
	fuzz_holds((ret->rc == 0) == (pieces.rc == 0));
	fuzz_holds(bytes_eq(bytes_of(ret->text, ret->len), bytes_of(pieces.text, pieces.len)));
	free(pieces.text);
}

/* The lines as the gateway sends them, and as they are to be printed. */
static void make(struct bytes text, struct buf *json, struct buf *wanted)
{
	const char *at = text.at, *end = at + text.len, *stop;
	for (; (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1) {
		struct bytes line = bytes_of(at, (size_t)(stop - at));
		bool err = line.len % 2;
		buf_addf(json, "{\"role\":\"main\",\"replica\":7,\"stream\":\"%s\",\"line\":",
			 err ? "stderr" : "stdout");
		json_quote(json, line);
		buf_add_str(json, "}\n");
		buf_add_str(wanted, err ? "[main 7 stderr] " : "[main 7] ");
		buf_add_bytes(wanted, line);
		buf_add_char(wanted, '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(buf_finip) struct buf json = {0};
	scoped(buf_finip) struct buf wanted = {0};
	struct printed printed;
	if (len < 2)
		return 0;
	struct bytes all = bytes_of(at + 2, len - 2);
	buf_init(&json, TEXT_MAX);
	buf_init(&wanted, TEXT_MAX);
	if (at[0] % 2) {
		make(all, &json, &wanted);
		if (json.rc || wanted.rc)
			return 0;
		all = buf_bytes(&json);
	}
	same_in_pieces(all, 1u + at[1], &printed);
	fuzz_holds(!(at[0] % 2) || printed.rc == 0);
	if (at[0] % 2 && json_is_utf8(buf_bytes(&wanted)))
		fuzz_holds(bytes_eq(bytes_of(printed.text, printed.len), buf_bytes(&wanted)));
	free(printed.text);
	return 0;
}
