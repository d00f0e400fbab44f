#include "core/telemetry/trace.h"

#include "core/base/crypt.h"

#include <stdlib.h>

enum { PARENT_LEN = TRACE_TEXT_SIZE - 1, ID_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_hex(const char *from, size_t len, uint8_t *to)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(digit(from[2 * i]) << 4 | digit(from[2 * i + 1]));
}

static bool is_zero(const char *from, size_t len) { return strspn(from, "0") >= len; }

bool trace_is_parent(struct bytes text)
{
	const char *at = text.at;
	if (text.len != PARENT_LEN || !bytes_starts(text, "00-"))
		return false;
	for (size_t i = ID_AT; i < text.len; i++) {
		bool dash = i == SPAN_AT - 1 || i == FLAGS_AT - 1;
		if (dash ? at[i] != '-' : digit(at[i]) < 0)
			return false;
	}
	return !is_zero(at + ID_AT, 32) && !is_zero(at + SPAN_AT, 16);
}

/* Any 8 bytes that the job alone has, and that are not zero. */
static void name_span(struct uuid job, uint8_t ret[TRACE_SPAN_SIZE])
{
	uint8_t hash[CRYPT_HASH_SIZE];
	crypt_hash(bytes_of("", 0), bytes_of(job.at, sizeof(job.at)), hash);
	memcpy(ret, hash, TRACE_SPAN_SIZE);
	ret[0] |= 1;
}

void trace_of_job(struct uuid job, struct bytes parent, unsigned sample_percent, struct trace *ret)
{
	char text[TRACE_TEXT_SIZE] = "";
	unsigned lot = job.at[14] << 8 | job.at[15]; /* random bits of its id */
	*ret = (struct trace){.sampled = lot * 100 < sample_percent * 65536};
	name_span(job, ret->job);
	memcpy(ret->id, job.at, TRACE_ID_SIZE);
	if (!trace_is_parent(parent))
		return;
	memcpy(text, parent.at, parent.len);
	read_hex(text + ID_AT, TRACE_ID_SIZE, ret->id);
	read_hex(text + SPAN_AT, TRACE_SPAN_SIZE, ret->parent);
	ret->sampled = digit(text[FLAGS_AT + 1]) & 1;
}

void trace_hex(const uint8_t *at, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[at[i] >> 4];
		out[2 * i + 1] = digits[at[i] & 15];
	}
	out[2 * len] = '\0';
}

void trace_format(const struct trace *trace, const uint8_t span[TRACE_SPAN_SIZE],
		  char out[TRACE_TEXT_SIZE])
{
	memcpy(out, "00-", ID_AT);
	trace_hex(trace->id, TRACE_ID_SIZE, out + ID_AT);
	out[SPAN_AT - 1] = '-';
	trace_hex(span, TRACE_SPAN_SIZE, out + SPAN_AT);
	memcpy(out + FLAGS_AT - 1, trace->sampled ? "-01" : "-00", 4);
}

/* ---- spans ---- */

/* A copy in the span; NULL where there is no room for a part of it that is worth it. */
static const char *keep(struct span *s, struct bytes text)
{
	enum { LEAST = 8 };
	size_t room = sizeof(s->room) - s->used;
	if (room < LEAST)
		return NULL;
	struct bytes cut = bytes_cut(text, room - 1);
	char *at = s->room + s->used;
	if (cut.len)
		memcpy(at, cut.at, cut.len);
	at[cut.len] = '\0';
	s->used += cut.len + 1;
	return at;
}

struct span *span_create(const struct trace *trace, const uint8_t id[TRACE_SPAN_SIZE],
			 const uint8_t parent[TRACE_SPAN_SIZE], enum span_kind kind,
			 struct bytes name)
{
	struct span *s = malloc(sizeof(*s)); /* its room need not be cleared */
	if (!s)
		return NULL;
	memcpy(s->trace, trace->id, TRACE_ID_SIZE);
	memcpy(s->id, id, TRACE_SPAN_SIZE);
	memcpy(s->parent, parent, TRACE_SPAN_SIZE);
	s->kind = kind;
	s->begin_us = s->end_us = 0;
	s->attributes = s->used = 0;
	s->failure = NULL;
	s->name = keep(s, name);
	return s;
}

struct span *span_free(struct span *span)
{
	free(span);
	return NULL;
}

void span_fail(struct span *s, struct bytes why)
{
	const char *text = keep(s, bytes_cut(why, 256));
	s->failure = text ? text : "";
}

void span_add_text(struct span *s, const char *key, struct bytes text)
{
	const char *copy = text.len && s->attributes < SPAN_ATTRIBUTES ? keep(s, text) : NULL;
	if (copy)
		s->attribute[s->attributes++] = (struct span_attribute){.key = key, .text = copy};
}

void span_add_number(struct span *s, const char *key, int64_t number)
{
	if (s->attributes < SPAN_ATTRIBUTES)
		s->attribute[s->attributes++] =
			(struct span_attribute){.key = key, .number = number};
}
