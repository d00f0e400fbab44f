/* `job delete`: erase jobs that have ended. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

static int erase(struct ctl *ctl, const char *job)
{
	scoped(buf_finip) struct buf url;
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/", job);
	struct api_call call = {.method = "DELETE", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code || output_is_raw(ctl))
		return code;
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\tdeleted\n", job);
	else
		printf("%s: deleted\n", job);
	return CTL_DONE;
}

/* All are tried; the worst outcome is the exit code. */
static int run(struct ctl *ctl)
{
	int worst = CTL_DONE;
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = erase(ctl, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_job_delete = {
	.group = "job",
	.name = "delete",
	.args = "JOB...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Erase jobs that have ended, with their logs and artifacts",
	.about = "There is no way back. A job that has not ended is stopped first: job stop.\n\n"
		 "Example:\n"
		 "  sluicectl job delete 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35",
	.run = run,
};
