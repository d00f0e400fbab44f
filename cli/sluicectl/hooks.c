/* `hooks list` and `hooks redeliver`: what LifeHooks were not yet told, or refused. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/pages.h"
#include "core/base/clock.h"
#include "core/json/build.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 65536, LIMIT_DEFAULT = 100 };

/* ---- list ---- */

struct hooks_list {
	const char *state, *plugin, *job, *limit;
	bool all;
};

#define LIST_AT(member) offsetof(struct hooks_list, member)
static const struct command_option list_options[] = {
	{"state", 's', "STATE[,STATE...]", OPTION_TEXT, LIST_AT(state), "in these states", NULL,
	 "pending|retrying|dead"},
	{"plugin", 0, "KEY", OPTION_TEXT, LIST_AT(plugin), "for this LifeHook", NULL, NULL},
	{"job", 'j', "JOB", OPTION_TEXT, LIST_AT(job), "of this job", NULL, NULL},
	{"limit", 'l', "N", OPTION_COUNT, LIST_AT(limit), "at most so many (100)", NULL, NULL},
	{"all", 'a', NULL, OPTION_FLAG, LIST_AT(all), "all that match, however many", NULL, NULL},
};

static const struct column columns[] = {
	{"ID", "id", CELL_TEXT, false},
	{"PLUGIN", "plugin", CELL_TEXT, false},
	{"JOB", "jobID", CELL_TEXT, false},
	{"CHANGE", "currentState", CELL_TEXT, false},
	{"STATE", "state", CELL_TEXT, false},
	{"TRIES", "attempts", CELL_TEXT, false},
	{"TIME", "time", CELL_TIME, true},
	{"LAST TRY", "lastAttemptAt", CELL_TIME, true},
	{"NEXT TRY", "nextAttemptAt", CELL_TIME, true},
	{"LAST ANSWER", "lastAnswer", CELL_TEXT, false},
	{"REASON", "reason", CELL_TEXT, true},
};

static int run_list(struct ctl *ctl)
{
	const struct hooks_list *o = ctl->options;
	scoped(buf_finip) struct buf url;
	buf_init(&url, PAGES_URL_MAX);
	buf_add_str(&url, "/v1/hooks/deliveries");
	api_query(&url, "state", o->state);
	api_query(&url, "plugin", o->plugin);
	api_query(&url, "jobID", o->job);
	return pages_print(ctl, buf_str(&url), pages_most(o->all, o->limit, LIMIT_DEFAULT), columns,
			   countof(columns));
}

const struct command command_hooks_list = {
	.group = "hooks",
	.name = "list",
	.summary = "List what LifeHooks are still to be told, or refused",
	.about = "What was delivered is not kept. -o wide says why each one waits, and what to "
		 "do.\n\n"
		 "Example:\n"
		 "  sluicectl hooks list --state dead --plugin LifeHook.mail.ops -o wide",
	.option = list_options,
	.options = countof(list_options),
	.size = sizeof(struct hooks_list),
	.run = run_list,
};

/* ---- redeliver ---- */

struct hooks_redeliver {
	const char *plugin, *since;
};

#define AGAIN_AT(member) offsetof(struct hooks_redeliver, member)
static const struct command_option again_options[] = {
	{"plugin", 0, "KEY", OPTION_TEXT, AGAIN_AT(plugin), "all dead ones of this LifeHook", NULL,
	 NULL},
	{"since", 0, "WHEN", OPTION_TEXT, AGAIN_AT(since),
	 "of those the changes at or after: 2h, 3d (ago) or 2026-11-21T20:00:00Z", NULL, NULL},
};

static int ask(struct ctl *ctl, struct json_object *body, const char *what)
{
	scoped(buf_finip) struct buf text;
	scoped(buf_finip) struct buf count;
	scoped(api_answer_fini) struct api_answer answer = {0};
	static const struct column redelivered = {"", "redelivered", CELL_TEXT, false};
	buf_init(&text, TEXT_MAX);
	buf_init(&count, 64);
	if (jb_print(body, &text))
		return ctl_no_memory();
	struct api_call call = {
		.method = "POST", .path = "/v1/hooks/redeliver", .body = buf_bytes(&text)};
	int code = api_ask(ctl, &call, &answer);
	if (code || answer.payload == JSON_NONE)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	output_cell(ctl, &answer.json, answer.payload, &redelivered, &count);
	printf(ctl->format == FORMAT_PLAIN ? "%s\t%s\n" : "%s: %s to be sent again\n", what,
	       buf_str(&count));
	return CTL_DONE;
}

static int redeliver_plugin(struct ctl *ctl, const struct hooks_redeliver *o)
{
	scoped(jb_freep) struct json_object *body = jb_object();
	char time[TIME_TEXT_SIZE];
	int64_t ms;
	jb_put_str(body, "plugin", o->plugin);
	if (o->since) {
		if (when_parse(o->since, clock_wall_ms(&clock_system), -1, &ms)) {
			ctl_fail(CTL_USAGE, "--since %s: is not a time", o->since);
			ctl_next("write 90s, 15m, 2h or 3d (ago), or 2026-11-21T20:00:00Z");
			return CTL_USAGE;
		}
		jb_put_str(body, "since", time_format(ms, time));
	}
	return ask(ctl, body, o->plugin);
}

static int run_redeliver(struct ctl *ctl)
{
	const struct hooks_redeliver *o = ctl->options;
	int worst = CTL_DONE;
	if ((ctl->arg_count > 0) == (o->plugin != NULL) || (o->since && !o->plugin)) {
		ctl_fail(CTL_USAGE, "hooks redeliver: either ids, or --plugin with or without "
				    "--since");
		ctl_next("sluicectl hooks list --state dead has ids and plugins");
		return CTL_USAGE;
	}
	if (o->plugin)
		return redeliver_plugin(ctl, o);
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		scoped(jb_freep) struct json_object *body = jb_object();
		jb_put_str(body, "id", ctl->args[i]);
		int code = ask(ctl, body, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_hooks_redeliver = {
	.group = "hooks",
	.name = "redeliver",
	.args = "[ID...]",
	.args_min = 0,
	.args_max = -1,
	.summary = "Send dead deliveries again",
	.about = "They carry the same webhook-id as before, and have lifehook.retry_for anew.\n\n"
		 "Example:\n"
		 "  sluicectl hooks redeliver --plugin LifeHook.mail.ops --since 2h",
	.option = again_options,
	.options = countof(again_options),
	.size = sizeof(struct hooks_redeliver),
	.run = run_redeliver,
};
