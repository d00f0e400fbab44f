#include "cli/sluicectl/token.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

static int delete_one(struct ctl *ctl, const char *id)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	buf_add_str(&url, "/v1/tokens");
	api_query(&url, "id", id);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "DELETE", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\tdeleted\n", id);
	else if (ctl->format == FORMAT_TABLE || ctl->format == FORMAT_WIDE)
		printf("%s: deleted\n", id);
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	int worst = CTL_DONE;
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = delete_one(ctl, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_token_delete = {
	.group = "token",
	.name = "delete",
	.args = "ID...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Delete tokens: they end at once",
	.about = "ID is what `token list` shows, not the token itself.\n\n"
		 "Example:\n"
		 "  sluicectl token delete 7",
	.run = run,
};
