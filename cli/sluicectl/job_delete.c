/* `job delete`: erase jobs that have ended, those named or those that a filter finds. */
#include "cli/sluicectl/job_bulk.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

struct job_delete {
	struct job_bulk_options bulk;
};

static const struct command_option options[] = {JOB_BULK_OPTIONS(struct job_delete, bulk)};

static int erase(struct ctl *ctl, const char *prefix, const char *job, struct api_answer *answer)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, prefix, job);
	struct api_call call = {.method = "DELETE", .path = buf_str(&url)};
	return api_send(ctl, &call, answer);
}

static int erase_named(struct ctl *ctl, const char *job)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	int code = erase(ctl, "/v1/job/", job, &answer);
	if (code)
		return api_tell(ctl, &answer, code);
	if (output_is_raw(ctl))
		return CTL_DONE;
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\tdeleted\n", job);
	else
		printf("%s: deleted\n", job);
	return CTL_DONE;
}

/* Others would each be refused. */
static int check_states(const char *states)
{
	static const char *const ended[] = {"succeeded", "failed", "stopped"};
	for (const char *at = states; *at;) {
		size_t len = strcspn(at, ","), i = 0;
		while (i < countof(ended) && !bytes_is(bytes_of(at, len), ended[i]))
			i++;
		if (i == countof(ended)) {
			ctl_fail(CTL_USAGE, "--state %.*s: only jobs that have ended are deleted",
				 (int)len, at);
			ctl_next("sluicectl job stop them first; succeeded, failed and stopped "
				 "ones can be deleted");
			return CTL_USAGE;
		}
		at += len + (at[len] == ',');
	}
	return CTL_DONE;
}

/* All are tried; the worst outcome is the exit code. */
static int run(struct ctl *ctl)
{
	const struct job_delete *o = ctl->options;
	struct job_bulk bulk = {.o = o->bulk,
				.verb = "delete",
				.did = "deleted",
				.prefix = "/v1/job/",
				.put = erase};
	bool filter;
	int worst = job_bulk_wanted(ctl, &o->bulk, bulk.verb, &filter);
	if (worst)
		return worst;
	if (!bulk.o.filter.state)
		bulk.o.filter.state = "succeeded,failed,stopped";
	if (filter) {
		worst = check_states(bulk.o.filter.state);
		return worst ? worst : job_bulk_run(ctl, &bulk);
	}
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = erase_named(ctl, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_job_delete = {
	.group = "job",
	.name = "delete",
	.args = "[JOB...]",
	.args_min = 0,
	.args_max = -1,
	.summary = "Erase jobs that have ended, with their logs and artifacts",
	.about =
		"There is no way back. A job that has not ended is stopped first: job stop. With a "
		"filter instead of names: all that it finds and that have ended, the oldest first; "
		"they are counted first, and you are asked (or say --yes).\n\n"
		"Example:\n"
		"  sluicectl job delete 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35\n"
		"  sluicectl job delete --state failed --until 30d --dry-run",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_delete),
	.run = run,
};
