#include "cli/sluicectl/api.h"
#include "cli/sluicectl/log_lines.h"

#include <stdio.h>

enum { URL_MAX = 65536 };

struct job_logs {
	const char *role, *stream, *replica, *tail;
	bool follow, raw;
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
	{"raw", 0, NULL, OPTION_FLAG, AT(raw), "byte for byte, without replicas in front", NULL,
	 NULL},
};

struct log_out {
	struct api_answer *answer;
	struct log_lines *lines; /* NULL: byte for byte */
};

/* The log goes out as it comes in; an error in JSON is kept for api_send(). */
static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct log_out *out = user;
	const char *type = reply->headers[API_HEAD_TYPE].value;
	if (strncmp(type, "application/json", strlen("application/json")) == 0) {
		buf_add_bytes(&out->answer->reply.body, piece);
		return out->answer->reply.body.rc;
	}
	if (out->lines)
		return log_lines_take(out->lines, piece);
	bool written = fwrite(piece.at, 1, piece.len, stdout) == piece.len;
	return written && fflush(stdout) == 0 ? 0 : -1;
}

static size_t count_replicas(const struct json *json, json_at detail, const char *role)
{
	json_at tasks = json_get(json, detail, BYTES("tasks"));
	size_t n = 0;
	if (tasks == JSON_NONE || json_type(json, tasks) != JSON_ARRAY)
		return 0;
	for (json_at at = json_first(json, tasks); at != JSON_NONE;
	     at = json_next(json, tasks, at)) {
		json_at name = json_get(json, at, BYTES("name"));
		json_at replicas = json_get(json, at, BYTES("replicas"));
		if (replicas != JSON_NONE && json_type(json, replicas) == JSON_ARRAY &&
		    (!role || (name != JSON_NONE && json_string_is(json, name, bytes_str(role)))))
			n += json_count(json, replicas);
	}
	return n;
}

/* Do lines of several replicas come? What cannot be asked is told by the next call. */
static bool has_several(struct ctl *ctl)
{
	const struct job_logs *o = ctl->options;
	scoped(buf_finip) struct buf url;
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	if (o->raw || (o->role && o->replica))
		return false;
	api_path(&url, "/v1/job/detail/", ctl->args[0]);
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	if (api_send(ctl, &call, &answer) != CTL_DONE || answer.payload == JSON_NONE)
		return false;
	size_t n = count_replicas(&answer.json, answer.payload, o->role);
	return o->replica ? n == 0 : n != 1; /* none yet: it may become many */
}

static int run(struct ctl *ctl)
{
	const struct job_logs *o = ctl->options;
	bool json = ctl->format == FORMAT_JSON, prefixed = !json && has_several(ctl);
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/logs/", ctl->args[0]);
	api_query(&url, "role", o->role);
	api_query(&url, "replica", o->replica);
	api_query(&url, "stream", o->stream);
	api_query(&url, "tail", o->tail);
	api_query(&url, "follow", o->follow ? "true" : NULL);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct log_lines lines;
	struct log_out out = {&answer, prefixed ? &lines : NULL};
	struct api_call call = {.method = "GET",
				.path = buf_str(&url),
				.accept = json || prefixed ? "application/x-ndjson" : "text/plain",
				.piece_fn = on_piece,
				.user = &out};
	log_lines_init(&lines);
	int code = api_ask(ctl, &call, &answer);
	log_lines_fini(&lines);
	return code;
}

const struct command command_job_logs = {
	.group = "job",
	.name = "logs",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Print what a job wrote",
	.about = "Where several replicas write, each line begins with its replica. With -o json\n"
		 "each line is an object with role, replica, stream, time and line.\n\n"
		 "Example:\n"
		 "  sluicectl job logs 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 --role worker -f",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_logs),
	.run = run,
};
