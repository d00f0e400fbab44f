#include "cli/sluicectl/api.h"
#include "cli/sluicectl/story.h"
#include "cli/sluicectl/watch.h"

enum { URL_MAX = 65536 };

struct job_events {
	bool follow;
};

static const struct command_option options[] = {
	{"follow", 'f', NULL, OPTION_FLAG, offsetof(struct job_events, follow),
	 "go on printing until the job is final", NULL, NULL},
};

static void tell_story(struct ctl *ctl, const struct json *json, json_at events)
{
	struct story story = {.ctl = ctl};
	for (json_at at = json_first(json, events); at != JSON_NONE;
	     at = json_next(json, events, at))
		story_event(&story, json, at);
}

static int run(struct ctl *ctl)
{
	const struct job_events *o = ctl->options;
	if (o->follow)
		return watch_job(ctl, ctl->args[0], WATCH_EVENTS);
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/events/", ctl->args[0]);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (ctl->format == FORMAT_TABLE && answer.payload != JSON_NONE) {
		tell_story(ctl, &answer.json, answer.payload);
		return CTL_DONE;
	}
	struct listing list;
	listing_begin(&list, ctl, event_columns, event_column_count);
	listing_add(&list, &answer.json, answer.payload);
	return listing_end(&list);
}

const struct command command_job_events = {
	.group = "job",
	.name = "events",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Show what happened to a job, in order",
	.about = "In a table, times count from the first event; -o wide, and lines for scripts, "
		 "have the moment and the plugin's key. With --follow the exit code is 0 only if "
		 "the job succeeded.\n\n"
		 "Example:\n"
		 "  sluicectl job events 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 --follow",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_events),
	.run = run,
};
