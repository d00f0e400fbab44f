/* `job stop` and `job resume`: a request for each job named, and its answer. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"
#include "core/json/build.h"

#include <stdio.h>

enum { URL_MAX = 65536, BODY_MAX = 1 << 20 };

struct job_move {
	const char *reason;
	bool recheck;
};

#define AT(member) offsetof(struct job_move, member)
static const struct command_option stop_options[] = {
	{"reason", 'r', "TEXT", OPTION_TEXT, AT(reason), "why; kept in the job's events", NULL,
	 NULL},
};
static const struct command_option resume_options[] = {
	{"reason", 'r', "TEXT", OPTION_TEXT, AT(reason), "why; kept in the job's events", NULL,
	 NULL},
	{"recheck", 0, NULL, OPTION_FLAG, AT(recheck),
	 "ask the gate that suspended the job again, instead of passing it by", NULL, NULL},
};

static int print_answer(struct ctl *ctl, const char *job, const char *did,
			const struct api_answer *answer)
{
	static const struct column state = {"", "state", CELL_TEXT, false};
	scoped(buf_finip) struct buf text;
	buf_init(&text, BODY_MAX);
	if (output_is_raw(ctl))
		return output_value(ctl, &answer->json, answer->payload);
	if (answer->payload != JSON_NONE)
		output_cell(ctl, &answer->json, answer->payload, &state, &text);
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\n", job, text.len ? buf_str(&text) : did);
	else
		printf("%s: %s%s%s\n", job, did, text.len ? ", now " : "", buf_str(&text));
	return CTL_DONE;
}

static int move(struct ctl *ctl, const char *prefix, const char *did, const char *job)
{
	const struct job_move *o = ctl->options;
	scoped(jb_freep) struct json_object *root = jb_object();
	if (o->reason)
		jb_put_str(root, "reason", o->reason);
	if (o->recheck)
		jb_put_bool(root, "recheck", true);
	scoped(buf_finip) struct buf body;
	scoped(buf_finip) struct buf url;
	buf_init(&body, BODY_MAX);
	buf_init(&url, URL_MAX);
	api_path(&url, prefix, job);
	if (jb_print(root, &body))
		return ctl_no_memory();
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "PUT", .path = buf_str(&url), .body = buf_bytes(&body)};
	int code = api_ask(ctl, &call, &answer);
	return code ? code : print_answer(ctl, job, did, &answer);
}

/* All are tried; the worst outcome is the exit code. */
static int move_all(struct ctl *ctl, const char *prefix, const char *did)
{
	int worst = CTL_DONE;
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = move(ctl, prefix, did, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

static int run_stop(struct ctl *ctl) { return move_all(ctl, "/v1/job/stop/", "stopping"); }
static int run_resume(struct ctl *ctl) { return move_all(ctl, "/v1/job/resume/", "resumed"); }

const struct command command_job_stop = {
	.group = "job",
	.name = "stop",
	.args = "JOB...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Stop jobs",
	.about =
		"Nothing new of them starts from then on; a job is `stopped` once all its replicas "
		"are gone.\n\n"
		"Example:\n"
		"  sluicectl job stop 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 -r \"wrong data\"",
	.option = stop_options,
	.options = countof(stop_options),
	.size = sizeof(struct job_move),
	.run = run_stop,
};

const struct command command_job_resume = {
	.group = "job",
	.name = "resume",
	.args = "JOB...",
	.args_min = 1,
	.args_max = -1,
	.summary = "Let suspended jobs go on",
	.about = "A job goes on with the next plugin that has not run.\n\n"
		 "Example:\n"
		 "  sluicectl job resume 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 -r \"quota granted\"",
	.option = resume_options,
	.options = countof(resume_options),
	.size = sizeof(struct job_move),
	.run = run_resume,
};
