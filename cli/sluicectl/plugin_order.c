#include "cli/sluicectl/api.h"
#include "core/json/build.h"

#include <stdio.h>

enum { BODY_MAX = 65536 };

struct plugin_order {
	const char *before;
};

static const struct command_option options[] = {
	{"before", 'b', "KEY", OPTION_TEXT, offsetof(struct plugin_order, before),
	 "the plugin that it shall run before", NULL, NULL},
};

static int run(struct ctl *ctl)
{
	const struct plugin_order *o = ctl->options;
	const char *key = ctl->args[0];
	if (!o->before) {
		ctl_fail(CTL_USAGE, "--before is missing");
		ctl_next("sluicectl plugin order %s --before OTHER; sluicectl plugin list has the "
			 "keys",
			 key);
		return CTL_USAGE;
	}
	scoped(jb_freep) struct json_object *root = jb_object();
	jb_put_str(root, "beforeKey", key);
	jb_put_str(root, "afterKey", o->before);
	jb_put_bytes(root, "pluginType", bytes_of(key, strcspn(key, ".")));
	scoped(buf_finip) struct buf body;
	buf_init(&body, BODY_MAX);
	if (jb_print(root, &body))
		return ctl_no_memory();
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {
		.method = "PUT", .path = "/v1/plugins/sequence", .body = buf_bytes(&body)};
	int code = api_ask(ctl, &call, &answer);
	if (!code && (ctl->format == FORMAT_TABLE || ctl->format == FORMAT_WIDE))
		printf("%s runs before %s\n", key, o->before);
	return code;
}

const struct command command_plugin_order = {
	.group = "plugin",
	.name = "order",
	.args = "KEY",
	.args_min = 1,
	.args_max = 1,
	.summary = "Let a plugin run before another of its type",
	.about = "If it does already, nothing changes; else it is put directly in front of the "
		 "other one.\n\n"
		 "Example:\n"
		 "  sluicectl plugin order AccessGate.quota.ada --before AccessGate.night.bob",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct plugin_order),
	.run = run,
};
