#include "api/handlers/artifact_file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SHOWN_MAX = 1024, TAG_SIZE = 64 };

/* ---- what is asked for ---- */

static bool take_number(struct bytes *text, int64_t *ret)
{
	const char *at = text->at;
	size_t i = 0;
	int64_t n = 0;
	for (; i < text->len && isdigit((unsigned char)at[i]); i++)
		n = n > INT64_MAX / 10 - 1 ? INT64_MAX / 10 : n * 10 + (at[i] - '0');
	*text = bytes_of(at + i, text->len - i);
	*ret = n;
	return i > 0;
}

static int last_bytes(int64_t n, int64_t size, struct byte_range *ret)
{
	if (n == 0 || size == 0)
		return SL_E_INVALID;
	n = n < size ? n : size;
	*ret = (struct byte_range){size - n, n, true};
	return 0;
}

int range_read(struct bytes header, int64_t size, struct byte_range *ret)
{
	int64_t from = 0, to = INT64_MAX - 1;
	*ret = (struct byte_range){0, size, false};
	if (header.len <= 6 || strncasecmp(header.at, "bytes=", 6) != 0)
		return 0;
	struct bytes rest = bytes_of((const char *)header.at + 6, header.len - 6);
	bool begins = take_number(&rest, &from);
	if (!bytes_starts(rest, "-"))
		return 0;
	rest = bytes_of((const char *)rest.at + 1, rest.len - 1);
	bool ends = rest.len > 0 && take_number(&rest, &to);
	if (rest.len || (!begins && !ends) || (begins && ends && to < from))
		return 0;
	if (!begins)
		return last_bytes(to, size, ret);
	if (from >= size)
		return SL_E_INVALID;
	to = to < size ? to : size - 1;
	*ret = (struct byte_range){from, to - from + 1, true};
	return 0;
}

/* ---- the stream ---- */

struct artifact {
	int fd;
	int64_t at, end;
};

static int run(void *user, struct stream *stream)
{
	struct artifact *a = user;
	char piece[STREAM_PIECE_MAX];
	int rc = 0;
	while (!rc && a->at < a->end) {
		int64_t left = a->end - a->at;
		size_t want = left < (int64_t)sizeof(piece) ? (size_t)left : sizeof(piece);
		ssize_t n = pread(a->fd, piece, want, a->at);
		if (n <= 0 || stream_ending(stream))
			return SL_E_CANCELED;
		a->at += n;
		rc = stream_write(stream, bytes_of(piece, (size_t)n));
	}
	return rc;
}

static void let_go(void *user)
{
	struct artifact *a = user;
	close(a->fd);
	free(a);
}

static const struct stream_ops file_ops = {.run = run, .free = let_go};

/* Takes the descriptor. */
static int make_stream(struct api *api, struct request *req, int fd, const struct byte_range *range,
		       struct reply *reply)
{
	struct artifact *a = calloc(1, sizeof(*a));
	if (!a) {
		close(fd);
		return SL_E_NO_MEMORY;
	}
	*a = (struct artifact){fd, range->from, range->from + range->length};
	int rc =
		stream_create(api->streams, req->caller, &file_ops, a, &reply->stream, &reply->err);
	if (rc) {
		let_go(a);
		return rc;
	}
	reply->stream_length = range->length;
	reply->type = "application/octet-stream";
	return 0;
}

/* ---- its head ---- */

void artifact_escape(struct buf *to, struct bytes text)
{
	const unsigned char *c = text.at;
	for (size_t i = 0; i < text.len; i++)
		if (isalnum(c[i]) || (c[i] && strchr("-._~", c[i])))
			buf_add_char(to, (char)c[i]);
		else
			buf_addf(to, "%%%02X", c[i]);
}

/* The first form is for old clients: what it cannot say is an underscore. */
static void put_name(struct reply *reply, const char *name)
{
	scoped(buf_finip) struct buf plain = {0};
	scoped(buf_finip) struct buf coded = {0};
	buf_init(&plain, NAME_SHOWN_MAX);
	buf_init(&coded, NAME_SHOWN_MAX);
	for (const char *c = name; *c; c++)
		buf_add_char(&plain, isalnum((unsigned char)*c) || strchr("-._ ", *c) ? *c : '_');
	artifact_escape(&coded, bytes_str(name));
	reply_header(reply, "Content-Disposition",
		     "attachment; filename=\"%s\"; filename*=UTF-8''%s", buf_str(&plain),
		     buf_str(&coded));
}

/* It changes whenever the file does, as far as its times tell. */
static const char *make_tag(const struct stat *st, char out[TAG_SIZE])
{
	snprintf(out, TAG_SIZE, "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_size,
		 (unsigned long long)st->st_mtim.tv_sec * 1000000000ULL +
			 (unsigned long long)st->st_mtim.tv_nsec);
	return out;
}

static int find_range(struct request *req, const struct stat *st, const char *tag,
		      struct byte_range *ret, struct reply *reply)
{
	struct bytes only_if = request_header(req, "If-Range");
	bool same = !only_if.at || bytes_is(only_if, tag);
	struct bytes asked = same ? request_header(req, "Range") : BYTES("");
	int rc = range_read(asked, st->st_size, ret);
	if (!rc)
		return 0;
	reply->status = 416;
	reply_header(reply, "Content-Range", "bytes */%" PRId64, (int64_t)st->st_size);
	return sl_fail(&reply->err, SL_E_INVALID, "Range: the file has %" PRId64 " bytes",
		       (int64_t)st->st_size);
}

int artifact_send(struct api *api, struct request *req, int fd, const char *name,
		  struct reply *reply)
{
	struct byte_range range;
	struct stat st;
	char tag[TAG_SIZE];
	int rc = fstat(fd, &st) < 0 ? SL_E_IO : 0;
	if (!rc)
		rc = find_range(req, &st, make_tag(&st, tag), &range, reply);
	if (rc) {
		close(fd);
		return rc;
	}
	rc = make_stream(api, req, fd, &range, reply);
	if (rc)
		return rc;
	put_name(reply, name);
	reply_header(reply, "ETag", "%s", tag);
	reply_header(reply, "Accept-Ranges", "bytes");
	if (range.part) {
		reply->status = 206;
		reply_header(reply, "Content-Range", "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
			     range.from, range.from + range.length - 1, (int64_t)st.st_size);
	}
	return 0;
}
