/* `audit`: who changed what. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/pages.h"
#include "core/base/clock.h"

enum { LIMIT_DEFAULT = 100 };

struct audit {
	const char *since, *until, *action, *limit;
	bool all, oldest;
};

#define AT(member) offsetof(struct audit, member)
static const struct command_option options[] = {
	{"since", 0, "WHEN", OPTION_TEXT, AT(since),
	 "at or after: 2h, 3d (ago) or 2026-11-21T20:00:00Z", NULL, NULL},
	{"until", 0, "WHEN", OPTION_TEXT, AT(until), "before that", NULL, NULL},
	{"action", 0, "ACTION", OPTION_TEXT, AT(action),
	 "only this one: feature.register, say, or feature for all that begin with it", NULL,
	 "admin|admission|config|feature|hooks|job|plugin|token"},
	{"oldest-first", 0, NULL, OPTION_FLAG, AT(oldest), "not the newest first", NULL, NULL},
	{"limit", 'l', "N", OPTION_COUNT, AT(limit), "at most so many (100)", NULL, NULL},
	{"all", 'a', NULL, OPTION_FLAG, AT(all), "all that match, however many", NULL, NULL},
};

static const struct column columns[] = {
	{"TIME", "time", CELL_TIME, false},
	{"TOKEN", "token", CELL_TEXT, false},
	{"ADDRESS", "address", CELL_TEXT, false},
	{"ACTION", "action", CELL_TEXT, false},
	{"TARGET", "target", CELL_TEXT, false},
	{"REASON", "reason", CELL_TEXT, false},
	{"ID", "id", CELL_TEXT, true},
	{"BEFORE", "before", CELL_TEXT, true},
	{"AFTER", "after", CELL_TEXT, true},
};

static int add_time(struct buf *url, const char *name, const char *when)
{
	char time[TIME_TEXT_SIZE];
	int64_t ms;
	if (!when)
		return CTL_DONE;
	if (when_parse(when, clock_wall_ms(&clock_system), -1, &ms)) {
		ctl_fail(CTL_USAGE, "--%s %s: is not a time", name, when);
		ctl_next("write 90s, 15m, 2h or 3d (ago), or 2026-11-21T20:00:00Z");
		return CTL_USAGE;
	}
	api_query(url, name, time_format(ms, time));
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct audit *o = ctl->options;
	scoped(buf_finip) struct buf url;
	buf_init(&url, PAGES_URL_MAX);
	buf_add_str(&url, "/v1/audit");
	int code = add_time(&url, "since", o->since);
	if (!code)
		code = add_time(&url, "until", o->until);
	if (code)
		return code;
	api_query(&url, "action", o->action);
	api_query(&url, "order", o->oldest ? "asc" : NULL);
	return pages_print(ctl, buf_str(&url), pages_most(o->all, o->limit, LIMIT_DEFAULT), columns,
			   countof(columns));
}

const struct command command_audit = {
	.name = "audit",
	.summary = "List who changed what, and from where",
	.about = "For the admin. Every change of features, their order, overrides, tokens, the "
		 "admin's password and the configuration, every stop, resume, delete, rerun, hold, "
		 "release and redelivery; kept for 400 days. -o wide shows what it was before and "
		 "after, without secrets.\n\n"
		 "Example:\n"
		 "  sluicectl audit --since 2d --action feature -o wide",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct audit),
	.run = run,
};
