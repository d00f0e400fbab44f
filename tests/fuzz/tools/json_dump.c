/* Reads texts from standard input, each behind its length as four bytes (little endian),
 * and prints for each one line: "no", or the value in a form that a second reader can
 * make as well: no white space, members sorted by their UTF-8, strings in hexadecimal,
 * numbers as they are written. */
#include <stdio.h>
#include <stdlib.h>

#include "core/json/index.h"

struct member {
	struct buf name;
	json_at value;
};

static int by_name(const void *a, const void *b)
{
	return bytes_cmp(buf_bytes(&((const struct member *)a)->name),
			 buf_bytes(&((const struct member *)b)->name));
}

static void *need(void *at)
{
	if (!at)
		abort();
	return at;
}

static void decode(const struct json *j, json_at at, struct buf *to)
{
	struct bytes text;
	size_t before = to->len;
	if (json_string(j, at, to, &text) != 0)
		abort();
	if (to->len == before)
		buf_add_bytes(to, text);
}

static void dump_hex(struct bytes text)
{
	putchar('"');
	for (size_t i = 0; i < text.len; i++)
		printf("%02x", ((const uint8_t *)text.at)[i]);
	putchar('"');
}

static void dump(const struct json *j, json_at at);

static void dump_object(const struct json *j, json_at at)
{
	uint32_t n = json_count(j, at), i = 0;
	struct member *member = need(calloc(n + 1, sizeof(*member)));
	for (json_at k = json_first(j, at); k != JSON_NONE; k = json_next(j, at, k)) {
		buf_init(&member[i].name, 1 << 20);
		decode(j, k, &member[i].name);
		member[i++].value = k + 1;
	}
	qsort(member, n, sizeof(*member), by_name);
	for (i = 0; i < n; i++) {
		putchar(i ? ',' : '{');
		dump_hex(buf_bytes(&member[i].name));
		putchar(':');
		dump(j, member[i].value);
		buf_fini(&member[i].name);
	}
	printf(n ? "}" : "{}");
	free(member);
}

static void dump_array(const struct json *j, json_at at)
{
	char before = '[';
	for (json_at e = json_first(j, at); e != JSON_NONE; e = json_next(j, at, e)) {
		putchar(before);
		dump(j, e);
		before = ',';
	}
	printf(json_count(j, at) ? "]" : "[]");
}

static void dump(const struct json *j, json_at at)
{
	scoped(buf_finip) struct buf text;
	buf_init(&text, 1 << 20);
	switch (json_type(j, at)) {
	case JSON_OBJECT:
		dump_object(j, at);
		break;
	case JSON_ARRAY:
		dump_array(j, at);
		break;
	case JSON_STRING:
		decode(j, at, &text);
		dump_hex(buf_bytes(&text));
		break;
	default:
		printf("%.*s", BYTES_FMT(json_raw(j, at)));
	}
}

int main(void)
{
	static const struct json_limits limits = {1 << 20, 64};
	struct json j = {0};
	uint8_t size[4];
	while (fread(size, 1, 4, stdin) == 4) {
		size_t len = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16;
		char *text = need(malloc(len + 1));
		if (fread(text, 1, len, stdin) != len)
			return 1;
		if (json_parse(&j, bytes_of(text, len), &limits, NULL) == 0)
			dump(&j, 0);
		else
			printf("no");
		putchar('\n');
		free(text);
	}
	json_fini(&j);
	return 0;
}
