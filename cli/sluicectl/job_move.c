/* `job stop` and `job resume`: a request for each job named, or for each that a filter
 * finds (job_bulk.c), and its answer. */
#include "cli/sluicectl/job_bulk.h"
#include "cli/sluicectl/output.h"
#include "core/json/build.h"

#include <stdio.h>

enum { URL_MAX = 65536, BODY_MAX = 1 << 20 };

struct job_move {
	struct job_bulk_options bulk;
	const char *reason;
	bool recheck;
};

#define AT(member) offsetof(struct job_move, member)
#define MOVE_OPTIONS                                                                               \
	{"reason", 'r', "TEXT", OPTION_TEXT, AT(reason), "why; kept in the job's events",          \
	 NULL,     NULL},                                                                          \
		JOB_BULK_OPTIONS(struct job_move, bulk)

static const struct command_option stop_options[] = {MOVE_OPTIONS};
static const struct command_option resume_options[] = {
	MOVE_OPTIONS,
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

static int put(struct ctl *ctl, const char *prefix, const char *job, struct api_answer *answer)
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
	struct api_call call = {.method = "PUT", .path = buf_str(&url), .body = buf_bytes(&body)};
	return api_send(ctl, &call, answer);
}

static int move(struct ctl *ctl, const char *prefix, const char *did, const char *job)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	int code = put(ctl, prefix, job, &answer);
	return code ? api_tell(ctl, &answer, code) : print_answer(ctl, job, did, &answer);
}

/* All are tried; the worst outcome is the exit code. */
static int move_named(struct ctl *ctl, const char *prefix, const char *did)
{
	int worst = CTL_DONE;
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = move(ctl, prefix, did, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

static int run(struct ctl *ctl, const char *prefix, const char *verb, const char *did,
	       const char *states)
{
	const struct job_move *o = ctl->options;
	bool filter;
	int code = job_bulk_wanted(ctl, &o->bulk, verb, &filter);
	if (code)
		return code;
	if (!filter)
		return move_named(ctl, prefix, did);
	struct job_bulk bulk = {
		.o = o->bulk, .verb = verb, .did = did, .prefix = prefix, .put = put};
	if (!bulk.o.filter.state)
		bulk.o.filter.state = states;
	return job_bulk_run(ctl, &bulk);
}

static int run_stop(struct ctl *ctl)
{
	return run(ctl, "/v1/job/stop/", "stop", "stopping", "preparing,suspended,waiting,running");
}

static int run_resume(struct ctl *ctl)
{
	return run(ctl, "/v1/job/resume/", "resume", "resumed", "suspended");
}

const struct command command_job_stop = {
	.group = "job",
	.name = "stop",
	.args = "[JOB...]",
	.args_min = 0,
	.args_max = -1,
	.summary = "Stop jobs",
	.about =
		"Nothing new of them starts from then on; a job is `stopped` once all its replicas "
		"are gone. With a filter instead of names: all that it finds and that have not "
		"ended; they are counted first, and you are asked (or say --yes).\n\n"
		"Example:\n"
		"  sluicectl job stop 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 -r \"wrong data\"\n"
		"  sluicectl job stop --user ada --since 2h --dry-run",
	.option = stop_options,
	.options = countof(stop_options),
	.size = sizeof(struct job_move),
	.run = run_stop,
};

const struct command command_job_resume = {
	.group = "job",
	.name = "resume",
	.args = "[JOB...]",
	.args_min = 0,
	.args_max = -1,
	.summary = "Let suspended jobs go on",
	.about =
		"A job goes on with the next plugin that has not run. With a filter instead of "
		"names: all suspended ones that it finds, the oldest first; they are counted "
		"first, and you are asked (or say --yes).\n\n"
		"Example:\n"
		"  sluicectl job resume 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 -r \"quota granted\"\n"
		"  sluicectl job resume --plugin AccessGate.quota.ops --per-second 20 --yes",
	.option = resume_options,
	.options = countof(resume_options),
	.size = sizeof(struct job_move),
	.run = run_resume,
};
