#include "cli/sluicectl/job_filter.h"
#include "cli/sluicectl/pages.h"

enum { LIMIT_DEFAULT = 20 };

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

static int run(struct ctl *ctl)
{
	const struct job_list *o = ctl->options;
	scoped(buf_finip) struct buf url;
	buf_init(&url, PAGES_URL_MAX);
	int code = job_filter_url(&url, &o->filter, o->oldest_first);
	return code ? code
		    : pages_print(ctl, buf_str(&url), pages_most(o->all, o->limit, LIMIT_DEFAULT),
				  columns, countof(columns));
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
