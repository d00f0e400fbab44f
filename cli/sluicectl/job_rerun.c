/* `job rerun`: jobs that have ended, submitted once more. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

static int rerun(struct ctl *ctl, const char *job)
{
	static const struct column fresh = {"", "jobID", CELL_TEXT, false};
	scoped(buf_finip) struct buf url = {0}, text = {0};
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	buf_init(&text, URL_MAX);
	api_path(&url, "/v1/job/rerun/", job);
	struct api_call call = {.method = "POST", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	if (answer.payload != JSON_NONE)
		output_cell(ctl, &answer.json, answer.payload, &fresh, &text);
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\n", job, buf_str(&text));
	else
		printf("%s: runs again as %s\n", job, buf_str(&text));
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	int worst = CTL_DONE;
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = rerun(ctl, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_job_rerun = {
	.group = "job",
	.name = "rerun",
	.args = "JOB...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Submit jobs that have ended once more",
	.about = "A new job is made of what was submitted; the old one stays and shows the new "
		 "one's "
		 "id.\n\n"
		 "Example:\n"
		 "  sluicectl job rerun 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35",
	.run = run,
};
