#include "cli/sluicectl/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BLOCK_MAX = 1 << 20, CELL_MAX = 65536, WIDTH = 80, HEIGHT = 24, NAME_WIDTH_MAX = 32 };

/* ---- what the gateway says ---- */

struct counts {
	int all, done, running, failed, stopped;
};

static bool state_is(const struct json *json, json_at replica, const char *word)
{
	json_at state = json_get(json, replica, BYTES("state"));
	return state != JSON_NONE && json_string_is(json, state, bytes_str(word));
}

static struct counts count(const struct json *json, json_at task)
{
	struct counts c = {0};
	json_at list = json_get(json, task, BYTES("replicas"));
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY)
		return c;
	for (json_at at = json_first(json, list); at != JSON_NONE; at = json_next(json, list, at)) {
		c.all++;
		c.done += state_is(json, at, "succeeded");
		c.running += state_is(json, at, "running");
		c.failed += state_is(json, at, "failed");
		c.stopped += state_is(json, at, "stopped");
	}
	return c;
}

static void cell(const struct progress *p, const struct json *json, json_at at, const char *path,
		 struct buf *to)
{
	const struct column column = {"", path, CELL_TEXT, false};
	buf_init(to, CELL_MAX);
	output_cell(p->ctl, json, at, &column, to);
}

/* A role that has not begun when it is seen first is no news. */
static bool read_role(struct progress *p, int i, const struct json *json, json_at task)
{
	scoped(buf_finip) struct buf name = {0};
	scoped(buf_finip) struct buf state = {0};
	struct counts c = count(json, task);
	char text[PROGRESS_TEXT_SIZE], stopped[32] = "";
	cell(p, json, task, "name", &name);
	cell(p, json, task, "state", &state);
	if (c.stopped)
		snprintf(stopped, sizeof(stopped), ", %d stopped", c.stopped);
	snprintf(text, sizeof(text), "%.20s%s%d done, %d running, %d failed%s of %d",
		 buf_str(&state), state.len ? ", " : "", c.done, c.running, c.failed, stopped,
		 c.all);
	bool first = i >= p->count, begun = c.done || c.running || c.failed || c.stopped;
	bool same = !first && strcmp(p->role[i].text, text) == 0;
	snprintf(p->role[i].name, sizeof(p->role[i].name), "%s", buf_str(&name));
	snprintf(p->role[i].text, sizeof(p->role[i].text), "%s", text);
	bool news = !same && (begun || !first);
	p->role[i].news = p->role[i].news || news;
	return news;
}

static bool read_roles(struct progress *p, const struct json *json, json_at detail)
{
	json_at tasks = json_get(json, detail, BYTES("tasks"));
	bool news = false;
	int i = 0;
	if (tasks == JSON_NONE || json_type(json, tasks) != JSON_ARRAY)
		return false;
	for (json_at at = json_first(json, tasks); at != JSON_NONE && i < PROGRESS_ROLES_MAX;
	     at = json_next(json, tasks, at), i++)
		news |= read_role(p, i, json, at);
	p->count = i;
	return news;
}

bool progress_read(struct progress *p, const struct json *json, json_at detail)
{
	scoped(buf_finip) struct buf state = {0};
	scoped(buf_finip) struct buf reason = {0};
	scoped(buf_finip) struct buf head = {0};
	cell(p, json, detail, "job.state", &state);
	cell(p, json, detail, "job.reason", &reason);
	buf_init(&head, 2 * CELL_MAX + 8);
	buf_addf(&head, "%s: %s", buf_str(&state), buf_str(&reason));
	bool news = !bytes_eq(buf_bytes(&head), buf_bytes(&p->head));
	buf_reset(&p->head);
	buf_add_bytes(&p->head, buf_bytes(&head));
	if (p->roles)
		news |= read_roles(p, json, detail);
	return news;
}

/* ---- showing it ---- */

static void screen_size(int *ret_width, int *ret_height)
{
	struct winsize size = {0};
	bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
	*ret_width = known && size.ws_col ? size.ws_col : WIDTH;
	*ret_height = known && size.ws_row ? size.ws_row : HEIGHT;
}

static int name_width(const struct progress *p)
{
	size_t width = 0;
	for (int i = 0; i < p->count; i++) {
		size_t len = strlen(p->role[i].name);
		width = len > width ? len : width;
	}
	return width < NAME_WIDTH_MAX ? (int)width : NAME_WIDTH_MAX;
}

static void go_up(const struct progress *p, struct buf *to)
{
	buf_add_str(to, "\r");
	if (p->drawn > 1)
		buf_addf(to, "\033[%dA", p->drawn - 1);
}

/* The cursor stays behind the last line, so nothing scrolls without need. */
static void draw_roles(struct progress *p, struct buf *to, int width, int height)
{
	int room = height > 3 ? height - 3 : 0, names = name_width(p);
	int shown = p->count <= room ? p->count : room;
	for (int i = 0; i < shown; i++) {
		char line[PROGRESS_NAME_SIZE + PROGRESS_TEXT_SIZE + 8];
		snprintf(line, sizeof(line), "  %-*s  %s", names, p->role[i].name, p->role[i].text);
		buf_add_str(to, "\n");
		output_cut(to, line, width - 1);
		buf_add_str(to, "\033[K");
	}
	p->drawn += shown;
	if (shown == p->count)
		return;
	char more[48];
	snprintf(more, sizeof(more), "  and %d more role%s", p->count - shown,
		 p->count - shown == 1 ? "" : "s");
	buf_add_str(to, "\n");
	output_cut(to, more, width - 1);
	buf_add_str(to, "\033[K");
	p->drawn++;
}

static void draw(struct progress *p, int64_t seconds)
{
	scoped(buf_finip) struct buf block = {0};
	char time[32];
	int width, height;
	screen_size(&width, &height);
	snprintf(time, sizeof(time), " (%lld s)", (long long)seconds);
	buf_init(&block, BLOCK_MAX);
	go_up(p, &block);
	p->drawn = 1;
	output_cut(&block, buf_str(&p->head), width - 1 - (int)strlen(time));
	buf_addf(&block, "%s\033[K", time);
	draw_roles(p, &block, width, height);
	buf_add_str(&block, "\033[J");
	fputs(buf_str(&block), stderr);
	fflush(stderr);
}

static void tell(struct progress *p)
{
	for (int i = 0; i < p->count; i++) {
		if (p->lines && p->role[i].news)
			fprintf(stderr, "role %s: %s\n", p->role[i].name, p->role[i].text);
		p->role[i].news = false;
	}
	fflush(stderr);
}

void progress_show(struct progress *p, int64_t seconds)
{
	if (p->ctl->err_tty)
		draw(p, seconds);
	else
		tell(p);
}

void progress_clear(struct progress *p)
{
	scoped(buf_finip) struct buf back = {0};
	if (!p->drawn)
		return;
	buf_init(&back, CELL_MAX);
	go_up(p, &back);
	buf_add_str(&back, "\033[J");
	fputs(buf_str(&back), stderr);
	fflush(stderr);
	p->drawn = 0;
}
