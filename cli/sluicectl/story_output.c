/* What a job printed, replica by replica. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/story.h"

#include <stdio.h>

enum { URL_MAX = 65536, TEXT_MAX = 4 << 20, REPLICAS_SHOWN = 20, LINES_SHOWN = 50 };

struct output {
	struct ctl *ctl;
	const char *job;
	struct api_answer *answer;
	struct buf text; /* of one replica */
	uint32_t shown, left;
	bool any;
};

static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct output *o = user;
	const char *type = reply->headers[API_HEAD_TYPE].value;
	bool error = strncmp(type, "application/json", strlen("application/json")) == 0;
	struct buf *to = error ? &o->answer->reply.body : &o->text;
	buf_add_bytes(to, piece);
	return to->rc;
}

static void print_line(struct output *o, const char *name, struct bytes line)
{
	scoped(buf_finip) struct buf clean = {0};
	buf_init(&clean, TEXT_MAX);
	output_clean(&clean, line);
	if (!o->any)
		puts("\noutput");
	o->any = true;
	printf("  %-16s %s\n", name, buf_str(&clean));
}

static void print_lines(struct output *o, const char *name)
{
	size_t from = 0;
	for (size_t i = 0; i <= o->text.len; i++) {
		if (i < o->text.len && o->text.at[i] != '\n')
			continue;
		if (i < o->text.len || i > from)
			print_line(o, name, bytes_of(o->text.at + from, i - from));
		from = i + 1;
	}
}

static int print_replica(struct output *o, const char *role, const char *index)
{
	scoped(buf_finip) struct buf url = {0};
	scoped(buf_finip) struct buf name = {0};
	scoped(api_answer_fini) struct api_answer answer = {0};
	char tail[16];
	snprintf(tail, sizeof(tail), "%d", LINES_SHOWN);
	buf_init(&url, URL_MAX);
	buf_init(&name, URL_MAX);
	api_path(&url, "/v1/job/logs/", o->job);
	api_query(&url, "role", role);
	api_query(&url, "replica", index);
	api_query(&url, "tail", tail);
	buf_addf(&name, "%s[%s]", role, index);
	o->answer = &answer;
	buf_reset(&o->text);
	struct api_call call = {.method = "GET",
				.path = buf_str(&url),
				.accept = "text/plain",
				.piece_fn = on_piece,
				.user = o};
	int code = api_send(o->ctl, &call, &answer); /* no output, and no word about it */
	if (code == CTL_DONE)
		print_lines(o, buf_str(&name));
	return code;
}

static int print_role(struct output *o, const struct json *json, json_at task)
{
	static const struct column name = {"", "name", CELL_TEXT, false};
	static const struct column number = {"", "index", CELL_TEXT, false};
	scoped(buf_finip) struct buf role = {0};
	json_at list = json_get(json, task, BYTES("replicas"));
	int code = CTL_DONE;
	buf_init(&role, URL_MAX);
	output_cell(o->ctl, json, task, &name, &role);
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY)
		return code;
	for (json_at at = json_first(json, list); at != JSON_NONE && !code;
	     at = json_next(json, list, at)) {
		scoped(buf_finip) struct buf index = {0};
		buf_init(&index, URL_MAX);
		output_cell(o->ctl, json, at, &number, &index);
		if (o->shown == REPLICAS_SHOWN)
			o->left++;
		else
			code = print_replica(o, buf_str(&role), buf_str(&index));
		o->shown += o->shown < REPLICAS_SHOWN;
	}
	return code;
}

int story_output(struct story *s, const char *job, const struct json *json, json_at detail)
{
	struct output o = {.ctl = s->ctl, .job = job};
	json_at tasks = json_get(json, detail, BYTES("tasks"));
	int code = CTL_DONE;
	if (tasks == JSON_NONE || json_type(json, tasks) != JSON_ARRAY)
		return code;
	buf_init(&o.text, TEXT_MAX);
	for (json_at at = json_first(json, tasks); at != JSON_NONE && !code;
	     at = json_next(json, tasks, at))
		code = print_role(&o, json, at);
	buf_fini(&o.text);
	if (o.left)
		printf("  and %u more replica%s: sluicectl job logs %s\n", o.left,
		       o.left == 1 ? "" : "s", job);
	s->showed_output = o.any;
	return code;
}
