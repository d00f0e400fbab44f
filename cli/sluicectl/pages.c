#include "cli/sluicectl/pages.h"

#include "cli/sluicectl/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE_MAX = 1000, CURSOR_MAX = 256 };

int64_t pages_most(bool all, const char *limit, int64_t otherwise)
{
	return all ? INT64_MAX : limit ? strtoll(limit, NULL, 10) : otherwise;
}

/* One page; `cursor` becomes that of the next one, "" behind the last. */
static int one_page(struct ctl *ctl, const char *base, char *cursor, int64_t *left, pages_fn each,
		    void *user)
{
	scoped(buf_finip) struct buf url;
	scoped(api_answer_fini) struct api_answer answer = {0};
	char size[24];
	buf_init(&url, PAGES_URL_MAX);
	snprintf(size, sizeof(size), "%" PRId64, *left < PAGE_MAX ? *left : PAGE_MAX);
	buf_add_str(&url, base);
	api_query(&url, "pageSize", size);
	api_query(&url, "cursor", *cursor ? cursor : NULL);
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	snprintf(cursor, CURSOR_MAX, "%s", answer.head[API_HEAD_NEXT_CURSOR].value);
	if (answer.payload == JSON_NONE)
		return CTL_DONE;
	*left -= json_count(&answer.json, answer.payload);
	return each(user, &answer.json, answer.payload);
}

int pages_each(struct ctl *ctl, const char *url, int64_t most, pages_fn each, void *user)
{
	char cursor[CURSOR_MAX] = "";
	int code;
	do
		code = one_page(ctl, url, cursor, &most, each, user);
	while (!code && *cursor && most > 0);
	return code;
}

static int add_to(void *user, const struct json *json, json_at page)
{
	listing_add(user, json, page);
	return CTL_DONE;
}

int pages_print(struct ctl *ctl, const char *url, int64_t most, const struct column *column,
		size_t columns)
{
	struct listing list;
	listing_begin(&list, ctl, column, columns);
	int code = pages_each(ctl, url, most, add_to, &list);
	if (!code)
		return listing_end(&list);
	listing_drop(&list);
	return code;
}
