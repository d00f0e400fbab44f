#include "cli/sluicectl/job_filter.h"

#include "core/base/clock.h"

#include <inttypes.h>
#include <stdio.h>

static int add_time(struct buf *url, const char *query, const char *option, const char *when)
{
	int64_t ms;
	char seconds[32];
	if (!when)
		return CTL_DONE;
	if (when_parse(when, clock_wall_ms(&clock_system), -1, &ms)) {
		ctl_fail(CTL_USAGE, "--%s %s: is not a time", option, when);
		ctl_next("write 90s, 15m, 2h or 3d (ago), or 2026-11-21T20:00:00Z");
		return CTL_USAGE;
	}
	snprintf(seconds, sizeof(seconds), "%" PRId64, ms / 1000);
	api_query(url, query, seconds);
	return CTL_DONE;
}

bool job_filter_given(const struct job_filter_options *o)
{
	return o->user || o->kind || o->state || o->name || o->code || o->plugin || o->since ||
	       o->until;
}

int job_filter_url(struct buf *url, const struct job_filter_options *o, bool oldest_first)
{
	buf_add_str(url, "/v1/job/list");
	api_query(url, "userID", o->user);
	api_query(url, "kind", o->kind);
	api_query(url, "state", o->state);
	api_query(url, "name", o->name);
	api_query(url, "reasonCode", o->code);
	api_query(url, "plugin", o->plugin);
	int code = add_time(url, "startAt", "since", o->since);
	if (!code)
		code = add_time(url, "endAt", "until", o->until);
	api_query(url, "order", oldest_first ? "asc" : NULL);
	return code;
}
