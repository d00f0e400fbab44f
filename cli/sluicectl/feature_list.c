#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

enum { URL_MAX = 65536 };

static const struct column columns[] = {
	{"FEATURE", "name", CELL_TEXT, false},
	{"AUTHOR", "author", CELL_TEXT, false},
	{"STATE", "enabled", CELL_SWITCH, false},
	{"REVISION", "revision", CELL_TEXT, false},
	{"CREATED", "createdAt", CELL_TIME, true},
	{"UPDATED", "updatedAt", CELL_TIME, false},
	{"DESCRIPTION", "description", CELL_TEXT, false},
};

static int run(struct ctl *ctl)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/features/list/", ctl->arg_count ? ctl->args[0] : "all");
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	struct listing list;
	listing_begin(&list, ctl, columns, countof(columns));
	listing_add(&list, &answer.json, answer.payload);
	return listing_end(&list);
}

const struct command command_feature_list = {
	.group = "feature",
	.name = "list",
	.args = "[AUTHOR]",
	.args_max = 1,
	.summary = "List features, of one author or of all",
	.about = "Example:\n  sluicectl feature list ada",
	.run = run,
};
