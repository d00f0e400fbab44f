#include "cli/sluicectl/output.h"
#include "cli/sluicectl/token.h"
#include "core/json/build.h"

#include <stdio.h>

enum { BODY_MAX = 1 << 20 };

struct token_update {
	struct texts privilege;
};

static const struct command_option options[] = {
	{"privilege", 'p', "NAME[,NAME...]", OPTION_TEXTS, offsetof(struct token_update, privilege),
	 "all that it shall allow from now on; may be repeated", NULL, TOKEN_PRIVILEGES},
};

static int run(struct ctl *ctl)
{
	const struct token_update *o = ctl->options;
	struct json_object *privileges = token_privileges(&o->privilege);
	if (!privileges)
		return CTL_USAGE;
	scoped(jb_freep) struct json_object *root = jb_object();
	jb_put_str(root, "id", ctl->args[0]);
	jb_put(root, "privileges", privileges);
	scoped(buf_finip) struct buf body;
	buf_init(&body, BODY_MAX);
	if (jb_print(root, &body))
		return ctl_no_memory();
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {
		.method = "PUT", .path = "/v1/tokens/normal", .body = buf_bytes(&body)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	printf(ctl->format == FORMAT_PLAIN ? "%s\tupdated\n" : "%s: updated\n", ctl->args[0]);
	return CTL_DONE;
}

const struct command command_token_update = {
	.group = "token",
	.name = "update",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.summary = "Change what a token allows",
	.about = "Example:\n"
		 "  sluicectl token update 7 -p read_job,write_job,resume_job",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct token_update),
	.run = run,
};
