#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

struct job_explain {
	const char *plugin;
};

static const struct command_option options[] = {
	{"plugin", 'p', "KEY", OPTION_TEXT, offsetof(struct job_explain, plugin),
	 "why this plugin does or does not match the job", NULL, NULL},
};

static const struct column call_columns[] = {
	{"PLUGIN", "plugin", CELL_TEXT, false},
	{"ANSWER", "decision|outcome", CELL_TEXT, false},
	{"MICROSECONDS", "durationUs", CELL_TEXT, true},
	{"ATTEMPTS", "attempts", CELL_TEXT, false},
	{"TIMES", "count", CELL_TEXT, true},
	{"REASON", "reason", CELL_TEXT, false},
};

static const struct column provenance_columns[] = {
	{"ADDED", "path", CELL_TEXT, false},
	{"BY", "plugin", CELL_TEXT, false},
};

static const struct column condition_columns[] = {
	{"CONDITION", "name", CELL_TEXT, false}, {"KEY", "key", CELL_TEXT, false},
	{"EXPECT", "expect", CELL_TEXT, false},  {"VALUE", "value", CELL_TEXT, false},
	{"HOLDS", "verdict", CELL_TEXT, false},
};

static int print_list(struct ctl *ctl, const struct json *json, json_at list,
		      const struct column *column, size_t columns)
{
	struct listing listing;
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY || !json_count(json, list))
		return CTL_DONE;
	listing_begin(&listing, ctl, column, columns);
	listing_add(&listing, json, list);
	return listing_end(&listing);
}

static void print_text(const struct ctl *ctl, const struct json *json, json_at row,
		       const char *member)
{
	const struct column column = {"", member, CELL_TEXT, false};
	scoped(buf_finip) struct buf text;
	buf_init(&text, 1 << 20);
	output_cell(ctl, json, row, &column, &text);
	printf("%s\n", buf_str(&text));
}

static int print_stages(struct ctl *ctl, const struct json *json, json_at stages)
{
	int code = CTL_DONE;
	if (stages == JSON_NONE || json_type(json, stages) != JSON_ARRAY)
		return code;
	for (json_at at = json_first(json, stages); at != JSON_NONE && !code;
	     at = json_next(json, stages, at)) {
		json_at calls = json_get(json, at, BYTES("calls"));
		if (calls == JSON_NONE || !json_count(json, calls))
			continue;
		putchar('\n');
		print_text(ctl, json, at, "stage");
		code = print_list(ctl, json, calls, call_columns, countof(call_columns));
	}
	return code;
}

static int print_all(struct ctl *ctl, const struct json *json, json_at payload)
{
	json_at added = json_get(json, payload, BYTES("provenance"));
	print_text(ctl, json, payload, "summary");
	int code = print_stages(ctl, json, json_get(json, payload, BYTES("stages")));
	if (code || added == JSON_NONE || !json_count(json, added))
		return code;
	printf("\nWho added what\n");
	return print_list(ctl, json, added, provenance_columns, countof(provenance_columns));
}

static int print_match(struct ctl *ctl, const struct json *json, json_at payload)
{
	static const struct column columns[] = {{"plugin", "plugin", CELL_TEXT, false},
						{"turned", "enabled", CELL_SWITCH, false},
						{"matches", "matched", CELL_TEXT, false},
						{"error", "error", CELL_TEXT, false}};
	int code = output_pairs(ctl, json, payload, columns, countof(columns));
	if (code)
		return code;
	putchar('\n');
	return print_list(ctl, json, json_get(json, payload, BYTES("conditions")),
			  condition_columns, countof(condition_columns));
}

static int run(struct ctl *ctl)
{
	const struct job_explain *o = ctl->options;
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/explain/", ctl->args[0]);
	api_query(&url, "plugin", o->plugin);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	return o->plugin ? print_match(ctl, &answer.json, answer.payload)
			 : print_all(ctl, &answer.json, answer.payload);
}

const struct command command_job_explain = {
	.group = "job",
	.name = "explain",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Say why a job is where it is, and who did what to it",
	.about = "First a sentence, then every plugin that was asked, then who added what.\n\n"
		 "Example:\n"
		 "  sluicectl job explain 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_explain),
	.run = run,
};
