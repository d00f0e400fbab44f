#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

static const struct column feature_columns[] = {
	{"feature", "name", CELL_TEXT, false},
	{"author", "author", CELL_TEXT, false},
	{"state", "enabled", CELL_SWITCH, false},
	{"revision", "revision", CELL_TEXT, false},
	{"created", "createdAt", CELL_TIME, false},
	{"updated", "updatedAt", CELL_TIME, false},
	{"description", "description", CELL_TEXT, false},
	{"authorization", "authorization", CELL_TEXT, false},
	{"expression", "jobSelector.expression", CELL_TEXT, false},
};

static const struct column condition_columns[] = {
	{"CONDITION", "name", CELL_TEXT, false},
	{"KEY", "key", CELL_TEXT, false},
	{"MATCH", "match", CELL_TEXT, true},
	{"EXPECT", "expect", CELL_TEXT, false},
};

static const struct column plugin_columns[] = {
	{"PLUGIN", "key", CELL_TEXT, false},
	{"SEQUENCE", "sequence", CELL_TEXT, false},
	{"EXPRESSION", "jobSelector.expression", CELL_TEXT, false},
	{"ON-FAILURE", "failurePolicy", CELL_TEXT, true},
	{"ADDRESS", "callAddress", CELL_WORDS, false},
};

static int print_list(struct ctl *ctl, const struct json *json, json_at array,
		      const struct column *column, size_t columns)
{
	if (array == JSON_NONE || json_type(json, array) != JSON_ARRAY || !json_count(json, array))
		return CTL_DONE;
	putchar('\n');
	struct listing list;
	listing_begin(&list, ctl, column, columns);
	listing_add(&list, json, array);
	return listing_end(&list);
}

static int run(struct ctl *ctl)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/features/detail/", ctl->args[0]);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	const struct json *json = &answer.json;
	if (output_is_raw(ctl))
		return output_value(ctl, json, answer.payload);
	code = output_pairs(ctl, json, answer.payload, feature_columns, countof(feature_columns));
	if (code || ctl->format == FORMAT_PLAIN)
		return code;
	code = print_list(ctl, json, output_find(json, answer.payload, "jobSelector.conditions"),
			  condition_columns, countof(condition_columns));
	return code ? code
		    : print_list(ctl, json, output_find(json, answer.payload, "plugins"),
				 plugin_columns, countof(plugin_columns));
}

const struct command command_feature_get = {
	.group = "feature",
	.name = "get",
	.args = "FEATURE",
	.args_min = 1,
	.args_max = 1,
	.summary = "Show one feature",
	.about = "-o yaml gives what `feature apply` takes; secrets are left out.\n\n"
		 "Example:\n"
		 "  sluicectl feature get quota -o yaml > quota.yml",
	.run = run,
};
