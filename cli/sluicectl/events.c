/* `events`: state changes of all jobs, as they happen. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>
#include <time.h>

enum { URL_MAX = 65536, LINE_MAX_BYTES = 1 << 20, AGAIN_MS = 1000 };

struct events {
	const char *user, *kind, *state, *job, *since;
	bool follow;
};

#define AT(member) offsetof(struct events, member)
static const struct command_option options[] = {
	{"follow", 'f', NULL, OPTION_FLAG, AT(follow),
	 "go on with what comes; without --since only that", NULL, NULL},
	{"since", 0, "ID", OPTION_COUNT, AT(since), "those behind this one; 0: all that are kept",
	 NULL, NULL},
	{"user", 'u', "USER[,USER...]", OPTION_TEXT, AT(user), "jobs of these users", NULL, NULL},
	{"kind", 'k', "KIND[,KIND...]", OPTION_TEXT, AT(kind), "jobs of these kinds", NULL, NULL},
	{"state", 's', "STATE[,STATE...]", OPTION_TEXT, AT(state), "changes to these states", NULL,
	 "preparing|suspended|waiting|running|succeeded|failed|stopped"},
	{"job", 'j', "JOB", OPTION_TEXT, AT(job), "of this job", NULL, NULL},
};

static const struct column columns[] = {
	{"TIME", "time", CELL_TIME, false},           {"JOB", "id", CELL_TEXT, false},
	{"STATE", "current_state", CELL_TEXT, false}, {"USER", "userID", CELL_TEXT, false},
	{"KIND", "jobKind", CELL_TEXT, true},         {"NAME", "jobName", CELL_TEXT, false},
	{"CODE", "reasonCode", CELL_TEXT, true},      {"REASON", "reason", CELL_TEXT, false},
};

/** The stream as it comes in, and where to go on when it breaks off. */
struct reading {
	struct ctl *ctl;
	struct api_answer *answer;
	struct buf line;
	char last[24]; /* id of the newest event that was printed, or "" */
	bool follow, begun, over;
};

/* ---- one event ---- */

static int print_cells(struct ctl *ctl, const struct json *json)
{
	const char *between = "";
	for (size_t i = 0; i < countof(columns); i++) {
		scoped(buf_finip) struct buf cell;
		if (columns[i].wide && ctl->format == FORMAT_TABLE)
			continue;
		buf_init(&cell, LINE_MAX_BYTES);
		output_cell(ctl, json, 0, &columns[i], &cell);
		printf("%s%s", between, buf_str(&cell));
		between = ctl->format == FORMAT_PLAIN ? "\t" : "  ";
	}
	return putchar('\n') == EOF ? -1 : 0;
}

static int print_event(struct ctl *ctl, struct bytes text)
{
	static const struct json_limits limits = {LINE_MAX_BYTES, 16};
	scoped(json_finip) struct json json = {0};
	if (json_parse(&json, text, &limits, NULL))
		return 0; /* none of ours */
	if (ctl->format == FORMAT_JSON)
		return printf("%.*s\n", BYTES_FMT(text)) < 0 ? -1 : 0;
	if (ctl->format == FORMAT_YAML)
		return printf("---\n") < 0 || output_value(ctl, &json, 0) ? -1 : 0;
	return print_cells(ctl, &json);
}

static int take_line(struct reading *r, struct bytes line)
{
	const char *at = line.at;
	if (bytes_starts(line, "id: "))
		snprintf(r->last, sizeof(r->last), "%.*s", (int)(line.len - 4), at + 4);
	if (bytes_starts(line, "data: "))
		return print_event(r->ctl, bytes_of(at + 6, line.len - 6));
	if (bytes_is(line, ": all so far") && !r->follow) {
		r->over = true;
		return -1; /* ends the request */
	}
	return 0;
}

static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct reading *r = user;
	const char *type = reply->headers[API_HEAD_TYPE].value;
	const char *at = piece.at, *end = at + piece.len;
	int rc = 0;
	if (strncmp(type, "application/json", strlen("application/json")) == 0) {
		buf_add_bytes(&r->answer->reply.body, piece);
		return r->answer->reply.body.rc;
	}
	r->begun = true;
	for (const char *stop; !rc && (stop = memchr(at, '\n', (size_t)(end - at)));
	     at = stop + 1) {
		buf_add(&r->line, at, (size_t)(stop - at));
		rc = r->line.rc ? r->line.rc : take_line(r, buf_bytes(&r->line));
		buf_reset(&r->line);
	}
	if (!rc)
		buf_add(&r->line, at, (size_t)(end - at));
	return rc || r->line.rc || fflush(stdout) ? -1 : 0;
}

/* ---- the stream ---- */

static void make_url(const struct reading *r, struct buf *url)
{
	const struct events *o = r->ctl->options;
	const char *since = o->since ? o->since : o->follow ? NULL : "0";
	buf_add_str(url, "/v1/events");
	api_query(url, "since", *r->last ? r->last : since);
	api_query(url, "userID", o->user);
	api_query(url, "kind", o->kind);
	api_query(url, "state", o->state);
	api_query(url, "jobID", o->job);
}

static int read_once(struct reading *r)
{
	scoped(buf_finip) struct buf url;
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	make_url(r, &url);
	r->answer = &answer;
	buf_reset(&r->line);
	struct api_call call = {.method = "GET",
				.path = buf_str(&url),
				.accept = "text/event-stream",
				.piece_fn = on_piece,
				.user = r};
	int code = api_send(r->ctl, &call, &answer);
	if (r->over || ferror(stdout))
		return CTL_DONE;
	if (code == CTL_REFUSED && r->begun && answer.err.code == SL_E_GONE) {
		ctl_fail(code, "events were missed: they are kept for a day");
		snprintf(r->last, sizeof(r->last), "0");
		return CTL_DONE;
	}
	bool broken = r->begun && (!code || answer.again || answer.err.code == SL_E_PEER);
	return broken ? CTL_DONE : api_tell(r->ctl, &answer, code);
}

static int run(struct ctl *ctl)
{
	const struct events *o = ctl->options;
	const struct timespec pause = {.tv_sec = AGAIN_MS / 1000};
	struct reading r = {.ctl = ctl, .follow = o->follow};
	buf_init(&r.line, LINE_MAX_BYTES);
	int code = read_once(&r);
	while (!code && !r.over && !ferror(stdout)) {
		nanosleep(&pause, NULL);
		code = read_once(&r);
	}
	buf_fini(&r.line);
	return code;
}

const struct command command_events = {
	.name = "events",
	.summary = "Show state changes of all jobs, as they happen",
	.about = "Without --follow those that are kept (a day) are printed. With it sluicectl "
		 "takes\n"
		 "up the stream again by itself when the connection breaks, and misses nothing.\n\n"
		 "Example:\n"
		 "  sluicectl events -f --state failed,stopped -o json",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct events),
	.run = run,
};
