#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

enum { URL_MAX = 65536 };

/* In the order in which a job meets them. */
static const char *const types[] = {"TemplateTranslator", "FactorGenerator", "AccessGate",
				    "TemplateDecorator",  "SchedulerBinder", "LifeHook"};

static const struct column columns[] = {
	{"SEQUENCE", "sequence", CELL_TEXT, false},
	{"PLUGIN", "key", CELL_TEXT, false},
	{"STATE", "enabled", CELL_SWITCH, false},
	{"TIMEOUT-MS", "timeoutMs", CELL_TEXT, true},
	{"RETRIES", "retries", CELL_TEXT, true},
	{"ON-FAILURE", "failurePolicy", CELL_TEXT, true},
	{"MAX-IN-FLIGHT", "maxInFlight", CELL_TEXT, true},
	{"OVERRIDE", "override", CELL_TEXT, true},
	{"ADDRESS", "callAddress", CELL_WORDS, false},
};

static int add_type(struct ctl *ctl, struct listing *list, const char *type)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/plugins/list/", type);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (!code)
		listing_add(list, &answer.json, answer.payload);
	return code;
}

static int run(struct ctl *ctl)
{
	struct listing list;
	listing_begin(&list, ctl, columns, countof(columns));
	int code = CTL_DONE;
	if (ctl->arg_count)
		code = add_type(ctl, &list, ctl->args[0]);
	for (size_t i = 0; i < countof(types) && !ctl->arg_count && !code; i++)
		code = add_type(ctl, &list, types[i]);
	if (!code)
		return listing_end(&list);
	listing_drop(&list);
	return code;
}

const struct command command_plugin_list = {
	.group = "plugin",
	.name = "list",
	.args = "[TYPE]",
	.args_max = 1,
	.arg_hints = "TemplateTranslator|FactorGenerator|AccessGate|TemplateDecorator|"
		     "SchedulerBinder|LifeHook",
	.summary = "List plugins in the order in which they run",
	.about = "TYPE is TemplateTranslator, FactorGenerator, AccessGate, TemplateDecorator, "
		 "SchedulerBinder or LifeHook; without it all are listed, stage by stage. "
		 "-o wide adds what is registered of calls, and what an operator set over it.\n\n"
		 "Example:\n"
		 "  sluicectl plugin list AccessGate",
	.run = run,
};
