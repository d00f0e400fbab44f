/* The factors of a stage put together: grouped by topic, in plugin order. */
#include "core/base/arena.h"
#include "core/calls/answer.h"

#include <stdlib.h>

struct factor {
	const struct json *body;
	json_at at;
	struct bytes topic; /**< Decoded. */
	size_t order;       /**< Of appearance. */
	size_t group;       /**< Order of the first factor with this topic. */
};

static size_t count_factors(const struct json *const *answer, size_t n)
{
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		if (answer[i])
			total += json_type(answer[i], 0) == JSON_ARRAY ? json_count(answer[i], 0)
								       : 1;
	return total;
}

static int add_factor(struct factor *f, const struct json *body, json_at at, size_t order,
		      struct arena *texts)
{
	scoped(buf_finip) struct buf text = {0};
	struct bytes topic;
	buf_init(&text, SIZE_MAX / 2);
	int rc = json_string(body, json_get(body, at, BYTES("topic")), &text, &topic);
	*f = (struct factor){.body = body, .at = at, .order = order, .group = order};
	return rc ? rc : arena_copy(texts, topic, &f->topic);
}

static int collect(const struct json *const *answer, size_t n, struct factor *f,
		   struct arena *texts)
{
	size_t k = 0;
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		if (!answer[i])
			continue;
		if (json_type(answer[i], 0) != JSON_ARRAY) {
			rc = add_factor(&f[k], answer[i], 0, k, texts);
			k++;
			continue;
		}
		for (json_at at = json_first(answer[i], 0); at != JSON_NONE && !rc;
		     at = json_next(answer[i], 0, at), k++)
			rc = add_factor(&f[k], answer[i], at, k, texts);
	}
	return rc;
}

static int by_topic(const void *a, const void *b)
{
	const struct factor *x = a, *y = b;
	int c = bytes_cmp(x->topic, y->topic);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int by_group(const void *a, const void *b)
{
	const struct factor *x = a, *y = b;
	return x->group != y->group ? (x->group > y->group) - (x->group < y->group)
				    : (x->order > y->order) - (x->order < y->order);
}

static void group(struct factor *f, size_t n)
{
	qsort(f, n, sizeof(*f), by_topic);
	for (size_t i = 1; i < n; i++)
		if (bytes_eq(f[i].topic, f[i - 1].topic))
			f[i].group = f[i - 1].group;
	qsort(f, n, sizeof(*f), by_group);
}

/* Strings stay as they are; numbers and booleans become the string of their JSON text. */
static void put_text(struct buf *to, const struct factor *f, const char *key)
{
	json_at at = json_get(f->body, f->at, bytes_str(key));
	if (at == JSON_NONE || json_type(f->body, at) == JSON_NULL)
		buf_add_str(to, "\"\"");
	else if (json_type(f->body, at) == JSON_STRING)
		buf_add_bytes(to, json_raw(f->body, at));
	else
		buf_addf(to, "\"%.*s\"", BYTES_FMT(json_raw(f->body, at)));
}

static void print(struct buf *to, const struct factor *f, size_t n)
{
	buf_add_char(to, '{');
	for (size_t i = 0; i < n; i++) {
		bool first = i == 0 || f[i].group != f[i - 1].group;
		if (first) {
			buf_add_str(to, i ? "]," : "");
			put_text(to, &f[i], "topic");
			buf_add_str(to, ":[");
		}
		buf_add_str(to, first ? "{\"topic\":" : ",{\"topic\":");
		put_text(to, &f[i], "topic");
		buf_add_str(to, ",\"advice\":");
		put_text(to, &f[i], "advice");
		buf_add_str(to, ",\"reason\":");
		put_text(to, &f[i], "reason");
		buf_add_char(to, '}');
	}
	buf_add_str(to, n ? "]}" : "}");
}

int factors_compose(const struct json *const *answer, size_t n, struct buf *to)
{
	size_t total = count_factors(answer, n);
	struct factor *f = calloc(total ? total : 1, sizeof(*f));
	scoped(arena_freep) struct arena *texts = NULL;
	int rc = f ? arena_create(SIZE_MAX / 2, &texts) : SL_E_NO_MEMORY;
	if (!rc)
		rc = collect(answer, n, f, texts);
	if (!rc) {
		group(f, total);
		print(to, f, total);
		rc = to->rc;
	}
	free(f);
	return rc;
}
