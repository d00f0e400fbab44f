/* A replica's log of any bytes, read while it grows: as text it is what stands in the file, as
 * lines of JSON each is one document, and together they say the same. Input: flags (1 JSON, 2 a
 * damaged or absent file of times, then in the upper bits how often the log is repeated), where
 * the first reading ends, how many lines of the end are wanted (0: all), 16 bytes of times, the
 * log. */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/handlers/log_reader.h"
#include "core/base/clock.h"
#include "core/json/index.h"
#include "core/log_times.h"

enum { HEAD = 3 + LOG_TIME_SIZE, TEXT_MAX = 1 << 20 };

struct shelf {
	struct engine base; /* first */
	int log, times;
	struct log_reader reader;
	struct log_place place;
	struct bytes first, rest;
	int64_t tail;
	struct buf out;
};

static struct shelf *of(struct engine *e) { return container_of(e, struct shelf, base); }

static int open_log(struct engine *e, const struct uuid *job SL_UNUSED, struct bytes role SL_UNUSED,
		    uint32_t index SL_UNUSED, const char *stream SL_UNUSED)
{
	return dup(of(e)->log);
}

static int open_times(struct engine *e, const struct uuid *job SL_UNUSED,
		      struct bytes role SL_UNUSED, uint32_t index SL_UNUSED,
		      const char *stream SL_UNUSED)
{
	return of(e)->times < 0 ? -1 : dup(of(e)->times);
}

static int file_of(struct bytes text)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	fuzz_holds(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
	return fd;
}

static int write_out(void *user, struct bytes piece)
{
	buf_add_bytes(&((struct shelf *)user)->out, piece);
	return 0;
}

static int run(void *user, struct stream *s)
{
	struct shelf *h = user;
	h->reader.to = s;
	int rc = log_read(&h->reader, &h->place, BYTES("main"), h->tail, LOG_GOES_ON);
	fuzz_holds(rc == 0 && h->place.at <= (int64_t)h->first.len);
	fuzz_holds(write(h->log, h->rest.at, h->rest.len) == (ssize_t)h->rest.len);
	rc = log_read(&h->reader, &h->place, BYTES("main"), h->tail, LOG_ENDS);
	fuzz_holds(rc == 0 && h->place.at == (int64_t)(h->first.len + h->rest.len));
	return 0;
}

static void nothing(void *user SL_UNUSED) {}

static void read_all(struct shelf *h)
{
	static const struct stream_ops ops = {run, nothing, NULL};
	struct streams *all = NULL;
	struct stream *s = NULL;
	int pair[2];
	fuzz_holds(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	fuzz_holds(streams_create(4, 1000, &all) == 0);
	fuzz_holds(stream_create(all, NULL, &ops, h, &s, NULL) == 0);
	const struct stream_io io = {.fd = pair[0], .write = write_out, .user = h};
	fuzz_holds(stream_run(s, &io) == 0);
	stream_free(s);
	streams_free(all);
	close(pair[0]);
	close(pair[1]);
}

/* What is wanted of the log: all, or what of its first part are the last lines, and the rest. */
static struct bytes wanted(const struct shelf *h, struct bytes log)
{
	const char *at = log.at;
	size_t from = h->first.len;
	int64_t lines = h->tail;
	if (h->tail < 0)
		return log;
	while (from && !(at[from - 1] == '\n' && from < h->first.len && --lines == 0))
		from--;
	return bytes_of(at + from, log.len - from);
}

static void check_time(const struct json *json)
{
	char text[64];
	int64_t ms;
	json_at at = json_get(json, 0, BYTES("time"));
	fuzz_holds(at != JSON_NONE);
	struct bytes raw = json_raw(json, at);
	if (json_type(json, at) != JSON_STRING)
		return;
	fuzz_holds(raw.len < sizeof(text));
	fuzz_holds(time_parse(bytes_of((const char *)raw.at + 1, raw.len - 2), &ms) == 0);
}

/* Put the lines together again. */
static void join(struct bytes out, struct buf *to)
{
	static const struct json_limits limits = {TEXT_MAX, 4};
	const char *at = out.len ? out.at : "", *end = at + out.len, *stop;
	for (; at < end; at = stop + 1) {
		scoped(json_finip) struct json json = {0};
		scoped(buf_finip) struct buf room = {0};
		struct bytes line;
		stop = memchr(at, '\n', (size_t)(end - at));
		fuzz_holds(stop);
		fuzz_holds(json_parse(&json, bytes_of(at, (size_t)(stop - at)), &limits, NULL) ==
			   0);
		buf_init(&room, TEXT_MAX);
		fuzz_holds(json_string(&json, json_get(&json, 0, BYTES("line")), &room, &line) ==
			   0);
		check_time(&json);
		buf_add_bytes(to, line);
		if (json_get(&json, 0, BYTES("partial")) == JSON_NONE)
			buf_add_char(to, '\n');
	}
}

static void check(const struct shelf *h, struct bytes log)
{
	scoped(buf_finip) struct buf joined = {0};
	struct bytes want = wanted(h, log), got = buf_bytes(&h->out);
	buf_init(&joined, TEXT_MAX);
	if (h->reader.json) {
		join(got, &joined);
		got = buf_bytes(&joined);
		if (!json_is_utf8(want))
			return;
		if (want.len && ((const char *)want.at)[want.len - 1] != '\n' && got.len)
			got.len--; /* the end of the last line is no newline in the log */
	}
	fuzz_holds(bytes_eq(got, want));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static const struct engine_ops ops = {.open_log = open_log, .open_log_times = open_times};
	scoped(buf_finip) struct buf log = {0};
	if (len < HEAD)
		return 0;
	buf_init(&log, TEXT_MAX);
	for (unsigned i = 0; i <= at[0] >> 2; i++)
		buf_add(&log, at + HEAD, len - HEAD);
	if (log.rc || log.len > TEXT_MAX / 16)
		return 0;
	struct bytes text = bytes_of(log.len ? log.at : "", log.len);
	size_t cut = text.len * at[1] / 255;
	struct shelf h = {.base = {&ops},
			  .first = bytes_of(text.at, cut),
			  .rest = bytes_of((const char *)text.at + cut, text.len - cut),
			  .tail = at[2] ? at[2] : -1,
			  .times = at[0] & 2 ? -1 : file_of(bytes_of(at + 3, LOG_TIME_SIZE))};
	h.log = file_of(h.first);
	buf_init(&h.out, TEXT_MAX);
	log_reader_init(&h.reader);
	h.reader.engine = &h.base;
	h.reader.json = at[0] & 1;
	read_all(&h);
	check(&h, text);
	log_reader_fini(&h.reader);
	buf_fini(&h.out);
	close(h.log);
	if (h.times >= 0)
		close(h.times);
	return 0;
}
