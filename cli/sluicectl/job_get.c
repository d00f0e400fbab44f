#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

static const struct column job_columns[] = {
	{"job", "job.id", CELL_TEXT, false},
	{"name", "job.name", CELL_TEXT, false},
	{"kind", "job.type", CELL_TEXT, false},
	{"user", "job.userID", CELL_TEXT, false},
	{"state", "job.state", CELL_TEXT, false},
	{"stopping", "job.stopping", CELL_TEXT, false},
	{"reason", "job.reason", CELL_TEXT, false},
	{"code", "job.reasonCode", CELL_TEXT, false},
	{"since", "job.since", CELL_TIME, false},
	{"plugin", "job.plugin", CELL_TEXT, false},
	{"next", "job.next", CELL_TIME, false},
	{"created", "job.createdAt", CELL_TIME, false},
	{"started", "job.startAt", CELL_TIME, false},
	{"finished", "job.finishedAt", CELL_TIME, false},
	{"exit code", "job.exitCode", CELL_TEXT, false},
	{"retries", "job.totalRetriedCount", CELL_TEXT, true},
	{"engine", "platformSpecificInfo.platform", CELL_TEXT, false},
};

static const struct column task_columns[] = {
	{"ROLE", "name", CELL_TEXT, false},
	{"STATE", "state", CELL_TEXT, false},
	{"REPLICAS", "replicaAmount", CELL_TEXT, false},
	{"MIN-SUCCEEDED", "minSucceededTaskCount", CELL_TEXT, true},
	{"MAX-FAILED", "maxFailedTaskCount", CELL_TEXT, true},
	{"IMAGE", "image", CELL_TEXT, true},
	{"COMMAND", "command", CELL_LINE, false},
};

static const struct column replica_columns[] = {
	{"REPLICA", "index", CELL_TEXT, false},       {"STATE", "state", CELL_TEXT, false},
	{"EXIT", "exitCode", CELL_TEXT, false},       {"RETRIES", "retriedCount", CELL_TEXT, false},
	{"STARTED", "startAt", CELL_TIME, false},     {"FINISHED", "finishedAt", CELL_TIME, false},
	{"HOST", "containerHostIP", CELL_TEXT, true}, {"WHY", "exitDiagnostics", CELL_TEXT, false},
};

static int print_replicas(struct ctl *ctl, const struct json *json, json_at task)
{
	static const struct column name = {"", "name", CELL_TEXT, false};
	json_at replicas = json_get(json, task, BYTES("replicas"));
	if (replicas == JSON_NONE || json_type(json, replicas) != JSON_ARRAY ||
	    !json_count(json, replicas))
		return CTL_DONE;
	scoped(buf_finip) struct buf title;
	buf_init(&title, 4096);
	output_cell(ctl, json, task, &name, &title);
	printf("\nreplicas of %s\n", buf_str(&title));
	struct listing list;
	listing_begin(&list, ctl, replica_columns, countof(replica_columns));
	listing_add(&list, json, replicas);
	return listing_end(&list);
}

static int print_tasks(struct ctl *ctl, const struct json *json, json_at detail)
{
	json_at tasks = json_get(json, detail, BYTES("tasks"));
	if (tasks == JSON_NONE || json_type(json, tasks) != JSON_ARRAY || !json_count(json, tasks))
		return CTL_DONE;
	putchar('\n');
	struct listing list;
	listing_begin(&list, ctl, task_columns, countof(task_columns));
	listing_add(&list, json, tasks);
	int code = listing_end(&list);
	for (json_at at = json_first(json, tasks); at != JSON_NONE && !code;
	     at = json_next(json, tasks, at))
		code = print_replicas(ctl, json, at);
	return code;
}

static int run(struct ctl *ctl)
{
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/detail/", ctl->args[0]);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	code = output_pairs(ctl, &answer.json, answer.payload, job_columns, countof(job_columns));
	if (code || ctl->format == FORMAT_PLAIN)
		return code;
	return print_tasks(ctl, &answer.json, answer.payload);
}

const struct command command_job_get = {
	.group = "job",
	.name = "get",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Show one job: its state, why, its roles and replicas",
	.about = "Example:\n  sluicectl job get 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35",
	.run = run,
};
