/* `job artifacts`: what a job has left in its work directory. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/disk.h"
#include "cli/sluicectl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { URL_MAX = 65536 };

struct job_artifacts {
	const char *file;
};

#define AT(member) offsetof(struct job_artifacts, member)
static const struct command_option options[] = {
	{"file", 'O', "FILE", OPTION_TEXT, AT(file),
	 "write it to this file, or into this directory; - is standard output", NULL, NULL},
};

static const struct column columns[] = {
	{"NAME", "name", CELL_TEXT, false},
	{"TYPE", "type", CELL_TEXT, false},
	{"SIZE", "size", CELL_TEXT, false},
	{"MODIFIED", "modified", CELL_TIME, false},
};

/* ---- where a file goes ---- */

struct sink {
	struct api_answer *answer;
	char path[PATH_MAX]; /* "": standard output */
	char part[PATH_MAX]; /* what it is until it is whole; "": written directly */
	int fd;              /* -1: not opened yet */
	bool to_terminal;    /* where only text goes */
	int error;           /* why it could not be written */
	bool binary;         /* refused, as it is none */
};

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int sink_init(struct sink *s, struct ctl *ctl, struct api_answer *answer)
{
	const struct job_artifacts *o = ctl->options;
	const char *from = ctl->arg_count > 1 ? ctl->args[1] : "";
	struct stat st;
	*s = (struct sink){.answer = answer, .fd = -1};
	if (!o->file || strcmp(o->file, "-") == 0) {
		s->to_terminal = !o->file && ctl->out_tty;
		return CTL_DONE;
	}
	bool folder = stat(o->file, &st) == 0 && S_ISDIR(st.st_mode);
	int n = folder ? snprintf(s->path, sizeof(s->path), "%s/%s", o->file, last_part(from))
		       : snprintf(s->path, sizeof(s->path), "%s", o->file);
	/* What is there and no file, as a pipe or /dev/null, is written to, not replaced. */
	bool direct = stat(s->path, &st) == 0 && !S_ISREG(st.st_mode);
	if (!direct && n < PATH_MAX)
		n = snprintf(s->part, sizeof(s->part), "%s.part", s->path);
	return n < PATH_MAX ? CTL_DONE : ctl_fail(CTL_USAGE, "%s: the name is too long", o->file);
}

static int sink_open(struct sink *s)
{
	if (s->fd >= 0)
		return 0;
	if (!s->path[0])
		s->fd = STDOUT_FILENO;
	else if (s->part[0])
		s->fd = open(s->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	else
		s->fd = open(s->path, O_WRONLY | O_CLOEXEC);
	s->error = s->fd < 0 ? errno : 0;
	return s->fd < 0 ? -1 : 0;
}

static int sink_write(struct sink *s, struct bytes piece)
{
	int rc = disk_write(s->fd, piece);
	s->error = rc ? errno : 0;
	return rc;
}

/* A listing and an error are JSON; a file never is said to be. */
static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct sink *s = user;
	const char *type = reply->headers[API_HEAD_TYPE].value;
	if (strncmp(type, "application/json", strlen("application/json")) == 0) {
		buf_add_bytes(&s->answer->reply.body, piece);
		return s->answer->reply.body.rc;
	}
	s->binary = s->to_terminal && memchr(piece.at, '\0', piece.len);
	return s->binary || sink_open(s) ? -1 : sink_write(s, piece);
}

/* The file is whole, or it is as it was before. */
static int sink_end(struct sink *s, bool whole)
{
	bool closed = !s->path[0] || s->fd < 0 || close(s->fd) == 0;
	if (!closed && !s->error)
		s->error = errno;
	whole = whole && !s->error;
	if (whole && s->part[0] && rename(s->part, s->path) < 0)
		s->error = errno;
	if (s->part[0] && s->fd >= 0 && (!whole || s->error))
		unlink(s->part);
	if (s->error)
		return ctl_fail(CTL_REFUSED, "%s: %s", s->path[0] ? s->path : "standard output",
				strerror(s->error));
	return CTL_DONE;
}

/* ---- asking ---- */

/* Slashes stay; those in front, behind and doubled go. */
static void add_path(struct buf *url, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");
		if (len) {
			buf_add_char(url, '/');
			request_url_escape(url, bytes_of(path, len));
		}
		path += len + (path[len] == '/');
	}
}

static int show_listing(struct ctl *ctl, const struct api_answer *answer)
{
	const struct json *json = &answer->json;
	if (output_is_raw(ctl))
		return output_value(ctl, json, answer->payload);
	struct listing list;
	listing_begin(&list, ctl, columns, countof(columns));
	listing_add(&list, json, output_find(json, answer->payload, "entries"));
	int code = listing_end(&list);
	json_at cut = output_find(json, answer->payload, "cut");
	if (!code && cut != JSON_NONE && json_type(json, cut) == JSON_TRUE)
		ctl_next("there is more in this folder than a listing shows; ask for a file by its "
			 "name");
	return code;
}

static int take_answer(struct ctl *ctl, struct sink *s, int code)
{
	bool file = s->answer->payload == JSON_NONE;
	int failed = code == CTL_DONE && file && sink_open(s) ? CTL_REFUSED : CTL_DONE;
	int ended = sink_end(s, code == CTL_DONE && file);
	if (s->binary) {
		ctl_fail(CTL_REFUSED, "%s: not text, and this is a terminal", ctl->args[1]);
		ctl_next("-O FILE writes it to a file, -O - shows it all the same");
		return CTL_REFUSED;
	}
	if (ended || failed)
		return CTL_REFUSED;
	if (code)
		return api_tell(ctl, s->answer, code);
	if (!file && s->path[0])
		return ctl_fail(CTL_REFUSED, "a folder: -O takes one file at a time");
	return file ? CTL_DONE : show_listing(ctl, s->answer);
}

static int run(struct ctl *ctl)
{
	scoped(buf_finip) struct buf url = {0};
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct sink sink;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/artifacts/", ctl->args[0]);
	if (ctl->arg_count > 1)
		add_path(&url, ctl->args[1]);
	struct api_call call = {.method = "GET",
				.path = buf_str(&url),
				.accept = "*/*",
				.piece_fn = on_piece,
				.user = &sink};
	int code = sink_init(&sink, ctl, &answer);
	return code ? code : take_answer(ctl, &sink, api_send(ctl, &call, &answer));
}

const struct command command_job_artifacts = {
	.group = "job",
	.name = "artifacts",
	.args = "JOB [PATH]",
	.args_min = 1,
	.args_max = 2,
	.summary = "List or fetch what a job left in its work directory",
	.about =
		"Without PATH, and for a folder, a list; for a file its bytes. A file appears\n"
		"under its name when it is whole.\n\n"
		"Example:\n"
		"  sluicectl job artifacts 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 out\n"
		"  sluicectl job artifacts 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35 out/model.bin -O x",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_artifacts),
	.run = run,
};
