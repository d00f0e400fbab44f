#include "cli/sluicectl/api.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

struct job_logs {
	const char *role, *stream, *replica, *tail;
	bool follow;
};

#define AT(member) offsetof(struct job_logs, member)
static const struct command_option options[] = {
	{"role", 'r', "ROLE", OPTION_TEXT, AT(role), "only this role", NULL, NULL},
	{"replica", 0, "N", OPTION_COUNT, AT(replica), "only the replica of this number", NULL,
	 NULL},
	{"stream", 0, "STREAM", OPTION_TEXT, AT(stream), "only stdout, or only stderr",
	 "stdout|stderr", NULL},
	{"tail", 0, "N", OPTION_COUNT, AT(tail), "only the last so many lines", NULL, NULL},
	{"follow", 'f', NULL, OPTION_FLAG, AT(follow), "go on until the job is final", NULL, NULL},
};

/* The log goes out as it comes in, byte for byte; an error in JSON is kept for api_send(). */
static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct api_answer *answer = user;
	const char *type = reply->headers[API_HEAD_TYPE].value;
	if (strncmp(type, "application/json", strlen("application/json")) == 0) {
		buf_add_bytes(&answer->reply.body, piece);
		return answer->reply.body.rc;
	}
	bool written = fwrite(piece.at, 1, piece.len, stdout) == piece.len;
	return written && fflush(stdout) == 0 ? 0 : -1;
}

static int run(struct ctl *ctl)
{
	const struct job_logs *o = ctl->options;
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/logs/", ctl->args[0]);
	api_query(&url, "role", o->role);
	api_query(&url, "replica", o->replica);
	api_query(&url, "stream", o->stream);
	api_query(&url, "tail", o->tail);
	api_query(&url, "follow", o->follow ? "true" : NULL);
	bool lines = ctl->format == FORMAT_JSON;
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET",
				.path = buf_str(&url),
				.accept = lines ? "application/x-ndjson" : "text/plain",
				.piece_fn = on_piece,
				.user = &answer};
	return api_ask(ctl, &call, &answer);
}

const struct command command_job_logs = {
	.group = "job",
	.name = "logs",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Print what a job wrote",
	.about =
		"With -o json each line is an object with role, replica, stream, time and line.\n\n"
		"Example:\n"
		"  sluicectl job logs 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 --role worker -f",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_logs),
	.run = run,
};
