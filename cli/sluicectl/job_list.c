#include "cli/sluicectl/job_filter.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 65536, PAGE_MAX = 1000, PAGE_DEFAULT = 20 };

struct job_list {
	struct job_filter_options filter;
	const char *limit;
	bool oldest_first, all;
};

#define AT(member) offsetof(struct job_list, member)
static const struct command_option options[] = {
	JOB_FILTER_OPTIONS(struct job_list, filter),
	{"limit", 'l', "N", OPTION_COUNT, AT(limit), "at most so many (20)", NULL, NULL},
	{"all", 'a', NULL, OPTION_FLAG, AT(all), "all that match, however many", NULL, NULL},
	{"oldest-first", 0, NULL, OPTION_FLAG, AT(oldest_first), "the other way round", NULL, NULL},
};

static const struct column columns[] = {
	{"JOB", "jobID", CELL_TEXT, false},          {"NAME", "jobName", CELL_TEXT, false},
	{"KIND", "jobKind", CELL_TEXT, false},       {"USER", "userID", CELL_TEXT, false},
	{"STATE", "state", CELL_TEXT, false},        {"CREATED", "createdAt", CELL_TIME, false},
	{"FINISHED", "finishedAt", CELL_TIME, true}, {"SINCE", "since", CELL_TIME, true},
	{"CODE", "reasonCode", CELL_TEXT, true},     {"PLUGIN", "plugin", CELL_TEXT, true},
	{"REASON", "reason", CELL_TEXT, false},
};

static int make_url(const struct job_list *o, const char *cursor, int64_t size, struct buf *url)
{
	buf_add_str(url, "/v1/job/list");
	int code = job_filter_query(url, &o->filter);
	job_filter_page(url, size, o->oldest_first, cursor);
	return code;
}

/* One page; `cursor` becomes that of the next one, "" behind the last. */
static int add_page(struct ctl *ctl, struct listing *list, char *cursor, size_t size, int64_t *left)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	int64_t page = *left < PAGE_MAX ? *left : PAGE_MAX;
	int code = make_url(ctl->options, *cursor ? cursor : NULL, page, &url);
	if (code)
		return code;
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	listing_add(list, &answer.json, answer.payload);
	snprintf(cursor, size, "%s", answer.head[API_HEAD_NEXT_CURSOR].value);
	uint32_t got = answer.payload == JSON_NONE ? 0 : json_count(&answer.json, answer.payload);
	*left -= got;
	if (!got)
		*cursor = '\0';
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct job_list *o = ctl->options;
	int64_t left = o->all ? INT64_MAX : o->limit ? strtoll(o->limit, NULL, 10) : PAGE_DEFAULT;
	struct listing list;
	char cursor[256] = "";
	listing_begin(&list, ctl, columns, countof(columns));
	int code;
	do
		code = add_page(ctl, &list, cursor, sizeof(cursor), &left);
	while (!code && *cursor && left > 0);
	if (!code)
		return listing_end(&list);
	listing_drop(&list);
	return code;
}

const struct command command_job_list = {
	.group = "job",
	.name = "list",
	.summary = "List jobs, the newest first",
	.about = "Only what the token may see. Lists in a filter stand for \"one of these\".\n\n"
		 "Example:\n"
		 "  sluicectl job list --state suspended,waiting --since 2h -o wide",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_list),
	.run = run,
};
