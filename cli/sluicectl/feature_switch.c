/* `feature on`, `off` and `delete`: one request without a body for each feature named. */
#include "cli/sluicectl/api.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

static int change(struct ctl *ctl, const char *method, const char *prefix, const char *did,
		  const char *name)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, prefix, name);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = method, .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\n", name, did);
	else if (ctl->format == FORMAT_TABLE || ctl->format == FORMAT_WIDE)
		printf("%s: %s\n", name, did);
	return CTL_DONE;
}

static int change_all(struct ctl *ctl, const char *method, const char *prefix, const char *did)
{
	int worst = CTL_DONE;
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = change(ctl, method, prefix, did, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

static int run_on(struct ctl *ctl) { return change_all(ctl, "PUT", "/v1/features/turn-on/", "on"); }
static int run_off(struct ctl *ctl)
{
	return change_all(ctl, "PUT", "/v1/features/turn-off/", "off");
}
static int run_delete(struct ctl *ctl)
{
	return change_all(ctl, "DELETE", "/v1/features/", "deleted");
}

const struct command command_feature_on = {
	.group = "feature",
	.name = "on",
	.args = "FEATURE...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Turn features on",
	.about = "Jobs that begin a stage from then on see their plugins.\n\n"
		 "Example:\n"
		 "  sluicectl feature on quota priority",
	.run = run_on,
};

const struct command command_feature_off = {
	.group = "feature",
	.name = "off",
	.args = "FEATURE...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Turn features off",
	.about = "They stay registered; their plugins are asked no more.\n\n"
		 "Example:\n"
		 "  sluicectl feature off quota",
	.run = run_off,
};

const struct command command_feature_delete = {
	.group = "feature",
	.name = "delete",
	.args = "FEATURE...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Remove features",
	.about = "Keep a copy first: sluicectl feature get NAME -o yaml > NAME.yml\n\n"
		 "Example:\n"
		 "  sluicectl feature delete quota",
	.run = run_delete,
};
