#include "api/handlers/log_reader.h"

#include "core/base/clock.h"
#include "core/json/index.h"
#include "core/log_times.h"

#include <sys/stat.h>
#include <unistd.h>

enum { TIMES_AT_ONCE = 64, OUT_MAX = 8 * LOG_LINE_MAX };

const char *const log_stream_name[2] = {"stdout", "stderr"};

void log_reader_init(struct log_reader *r)
{
	*r = (struct log_reader){0};
	buf_init(&r->out, OUT_MAX);
}

void log_reader_fini(struct log_reader *r) { buf_fini(&r->out); }

/* ---- where the tail begins ---- */

static int64_t find_tail(int fd, int64_t size, int64_t lines)
{
	char piece[LOG_LINE_MAX];
	int64_t at = size, found = 0;
	while (lines && at > 0) {
		size_t want = at < (int64_t)sizeof(piece) ? (size_t)at : sizeof(piece);
		ssize_t got = pread(fd, piece, want, at - (off_t)want);
		if (got <= 0)
			return at;
		for (ssize_t i = got; i-- > 0;) {
			bool last = at - (off_t)want + i == size - 1; /* ends the last line */
			if (piece[i] == '\n' && !last && ++found == lines)
				return at - (off_t)want + i + 1;
		}
		at -= (off_t)want;
	}
	return at;
}

/* ---- when a byte came ---- */

/* Go on in the records up to the last one that is not behind `at->at`. */
static void find_time(int fd, struct log_place *at)
{
	uint8_t record[TIMES_AT_ONCE * LOG_TIME_SIZE];
	ssize_t n;
	while ((n = pread(fd, record, sizeof(record), (off_t)at->time_next * LOG_TIME_SIZE)) >=
	       LOG_TIME_SIZE) {
		for (ssize_t i = 0; i + LOG_TIME_SIZE <= n; i += LOG_TIME_SIZE) {
			struct log_time t = log_time_get(record + i);
			if (t.offset > at->at)
				return;
			at->wall_ms = t.wall_ms > 0 && t.wall_ms <= LOG_TIME_MAX_MS ? t.wall_ms : 0;
			at->time_next++;
		}
	}
}

/* ---- handing on ---- */

static int flush(struct log_reader *r)
{
	int rc = r->out.rc ? r->out.rc : stream_write(r->to, buf_bytes(&r->out));
	buf_reset(&r->out);
	return rc;
}

static int put_json(struct log_reader *r, const struct log_place *at, struct bytes role,
		    struct bytes line, bool partial)
{
	char time[TIME_TEXT_SIZE];
	buf_add_str(&r->out, "{\"role\":");
	json_quote(&r->out, role);
	buf_addf(&r->out, ",\"replica\":%u,\"stream\":\"%s\",\"time\":", at->index,
		 log_stream_name[at->stream]);
	if (at->wall_ms)
		buf_addf(&r->out, "\"%s\"", time_format(at->wall_ms, time));
	else
		buf_add_str(&r->out, "null");
	buf_add_str(&r->out, ",\"line\":");
	json_quote(&r->out, line);
	buf_add_str(&r->out, partial ? ",\"partial\":true}\n" : "}\n");
	return r->out.len > STREAM_PIECE_MAX ? flush(r) : 0;
}

/* What one log says does not go on in another's line. */
static int put_text(struct log_reader *r, const struct log_place *at, struct bytes text)
{
	struct log_place *last = &r->last;
	bool same =
		last->role == at->role && last->index == at->index && last->stream == at->stream;
	int rc = r->broken && !same ? stream_write(r->to, BYTES("\n")) : 0;
	*last = *at;
	r->broken = ((const char *)text.at)[text.len - 1] != '\n';
	return rc ? rc : stream_write(r->to, text);
}

/* How much of a piece is whole lines, or all of it where it cannot wait for more. */
static size_t whole_part(struct bytes piece, bool must_go)
{
	const char *end = memrchr(piece.at, '\n', piece.len);
	if (end)
		return (size_t)(end - (const char *)piece.at) + 1;
	return must_go ? piece.len : 0;
}

struct reading {
	struct log_reader *r;
	struct log_place *at;
	struct bytes role;
	int times; /* of open_log_times, or -1 */
};

static int hand_on_line(struct reading *q, struct bytes line, size_t taken, bool partial)
{
	if (q->times >= 0)
		find_time(q->times, q->at);
	q->at->at += (int64_t)taken;
	return put_json(q->r, q->at, q->role, line, partial);
}

static int hand_on_lines(struct reading *q, struct bytes piece, bool must_go)
{
	const char *from = piece.at, *end = from + piece.len, *nl;
	int rc = 0;
	while (!rc && from < end && (nl = memchr(from, '\n', (size_t)(end - from)))) {
		rc = hand_on_line(q, bytes_of(from, (size_t)(nl - from)), (size_t)(nl - from) + 1,
				  false);
		from = nl + 1;
	}
	if (rc || from == end)
		return rc;
	bool full = from == piece.at && piece.len == LOG_LINE_MAX;
	struct bytes rest = bytes_of(from, (size_t)(end - from));
	if (full && bytes_cut(rest, rest.len - 1).len >= rest.len - 4)
		rest = bytes_cut(rest, rest.len - 1); /* not through a character */
	return full || must_go ? hand_on_line(q, rest, rest.len, full) : 0;
}

static int hand_on_text(struct reading *q, struct bytes piece, bool must_go)
{
	bool full = piece.len == LOG_LINE_MAX;
	size_t n = q->r->raw ? piece.len : whole_part(piece, full || must_go);
	q->at->at += (int64_t)n;
	return n ? put_text(q->r, q->at, bytes_of(piece.at, n)) : 0;
}

static int read_up_to(struct reading *q, int fd, int64_t size, enum log_end end)
{
	char text[LOG_LINE_MAX];
	int rc = 0;
	while (!rc && q->at->at < size) {
		int64_t left = size - q->at->at, before = q->at->at;
		size_t want = left < (int64_t)sizeof(text) ? (size_t)left : sizeof(text);
		ssize_t got = pread(fd, text, want, q->at->at);
		if (got <= 0)
			break;
		struct bytes piece = bytes_of(text, (size_t)got);
		bool must_go = end == LOG_ENDS && got == left;
		rc = q->r->json ? hand_on_lines(q, piece, must_go)
				: hand_on_text(q, piece, must_go);
		if (q->at->at == before)
			break; /* no whole line yet */
	}
	return rc ? rc : flush(q->r);
}

int log_read(struct log_reader *r, struct log_place *at, struct bytes role_name, int64_t tail,
	     enum log_end end)
{
	const struct engine_ops *ops = r->engine->ops;
	const char *stream = log_stream_name[at->stream];
	struct stat st;
	int fd = ops->open_log(r->engine, &r->job, role_name, at->index, stream);
	bool there = fd >= 0 && fstat(fd, &st) == 0;
	if (!at->begun && tail >= 0 && there)
		at->at = find_tail(fd, st.st_size, tail);
	at->begun = true;
	struct reading q = {r, at, role_name, -1};
	int rc = 0;
	if (there && at->at < st.st_size) {
		if (r->json && ops->open_log_times)
			q.times = ops->open_log_times(r->engine, &r->job, role_name, at->index,
						      stream);
		rc = read_up_to(&q, fd, st.st_size, end);
	}
	if (q.times >= 0)
		close(q.times);
	if (fd >= 0)
		close(fd);
	return rc;
}
