#include "cli/sluicectl/output.h"

#include "cli/yaml_json.h"
#include "core/base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

enum { TEXT_MAX = 256 << 20, COLUMNS_MAX = 24, GAP = 2, WIDTH_MIN = 20 };

/* ---- cells ---- */

/* One of the ways of a path, which ends at `len`. */
static json_at find_way(const struct json *json, json_at at, const char *path, size_t len)
{
	for (size_t from = 0; from < len && at != JSON_NONE;) {
		size_t n = strcspn(path + from, ".|");
		at = json_get(json, at, bytes_of(path + from, n));
		from += n + 1;
	}
	return at;
}

json_at output_find(const struct json *json, json_at object, const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "|");
		json_at at = find_way(json, object, path, len);
		if (at != JSON_NONE || !path[len])
			return at;
		path += len + 1;
	}
}

void output_clean(struct buf *to, struct bytes text)
{
	const unsigned char *at = text.at;
	for (size_t i = 0; i < text.len; i++) {
		bool c1 = at[i] == 0xc2 && i + 1 < text.len && at[i + 1] < 0xa0;
		if (at[i] == '\n')
			buf_add_str(to, "\\n");
		else if (at[i] == '\t')
			buf_add_str(to, "\\t");
		else if (c1)
			buf_addf(to, "\\x%02x", at[++i]);
		else if (at[i] < 0x20 || at[i] == 0x7f)
			buf_addf(to, "\\x%02x", at[i]);
		else
			buf_add_char(to, (char)at[i]);
	}
}

static void add_time(const struct ctl *ctl, struct bytes text, struct buf *to)
{
	char local[64];
	struct tm tm;
	int64_t ms;
	bool human = ctl->format == FORMAT_TABLE || ctl->format == FORMAT_WIDE;
	if (human && time_parse(text, &ms) == 0) {
		time_t seconds = (time_t)(ms / 1000);
		if (localtime_r(&seconds, &tm) &&
		    strftime(local, sizeof(local), "%Y-%m-%d %H:%M:%S", &tm)) {
			buf_add_str(to, local);
			return;
		}
	}
	output_clean(to, text);
}

static void add_value(const struct ctl *ctl, const struct json *json, json_at at,
		      enum cell_kind kind, struct buf *to)
{
	scoped(buf_finip) struct buf word;
	buf_init(&word, TEXT_MAX);
	struct bytes text;
	switch (json_type(json, at)) {
	case JSON_NULL:
		break;
	case JSON_STRING:
		if (json_string(json, at, &word, &text))
			to->rc = SL_E_NO_MEMORY;
		else if (kind == CELL_TIME)
			add_time(ctl, text, to);
		else if (kind == CELL_PATH && !text.len)
			buf_add_str(to, "(the whole TaskSet)");
		else
			output_clean(to, text);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		if (kind == CELL_SWITCH)
			buf_add_str(to, json_type(json, at) == JSON_TRUE ? "on" : "off");
		else
			buf_add_bytes(to, json_raw(json, at));
		break;
	default:
		json_compact(json, at, &word);
		output_clean(to, buf_bytes(&word));
	}
}

void output_cell(const struct ctl *ctl, const struct json *json, json_at row,
		 const struct column *column, struct buf *to)
{
	json_at at = output_find(json, row, column->path);
	if (at == JSON_NONE)
		return;
	bool list = column->kind == CELL_WORDS || column->kind == CELL_LINE;
	if (!list || json_type(json, at) != JSON_ARRAY) {
		add_value(ctl, json, at, column->kind, to);
		return;
	}
	for (json_at i = json_first(json, at); i != JSON_NONE; i = json_next(json, at, i)) {
		buf_add_str(to, i == json_first(json, at)   ? ""
				: column->kind == CELL_LINE ? " "
							    : ",");
		add_value(ctl, json, i, CELL_TEXT, to);
	}
}

/* ---- whole values ---- */

/* JSON with what a terminal would obey as escapes; other controls are escapes already. */
static void add_json(struct buf *to, struct bytes text)
{
	const unsigned char *at = text.at;
	for (size_t i = 0; i < text.len; i++) {
		bool c1 = at[i] == 0xc2 && i + 1 < text.len && at[i + 1] < 0xa0;
		if (c1 || at[i] == 0x7f)
			buf_addf(to, "\\u%04x", at[c1 ? ++i : i]);
		else
			buf_add_char(to, (char)at[i]);
	}
}

int output_value(const struct ctl *ctl, const struct json *json, json_at at)
{
	scoped(buf_finip) struct buf text;
	buf_init(&text, TEXT_MAX);
	int rc = 0;
	if (at == JSON_NONE)
		return CTL_DONE;
	if (ctl->format == FORMAT_YAML)
		rc = json_to_yaml(json, at, &text);
	else
		add_json(&text, json_raw(json, at));
	if (ctl->format != FORMAT_YAML)
		buf_add_char(&text, '\n');
	if (rc || text.rc)
		return ctl_no_memory();
	fwrite(text.at, 1, text.len, stdout);
	return CTL_DONE;
}

/* The cell of a pair, or nothing when it is not to be shown. */
static bool pair_cell(const struct ctl *ctl, const struct json *json, json_at object,
		      const struct column *column, struct buf *to)
{
	buf_reset(to);
	if (!column->wide || ctl->format == FORMAT_WIDE)
		output_cell(ctl, json, object, column, to);
	return to->len > 0;
}

int output_pairs(const struct ctl *ctl, const struct json *json, json_at object,
		 const struct column *column, size_t columns)
{
	scoped(buf_finip) struct buf cell;
	buf_init(&cell, TEXT_MAX);
	int wide = 0;
	for (size_t i = 0; i < columns; i++)
		if (pair_cell(ctl, json, object, &column[i], &cell) &&
		    (int)strlen(column[i].title) > wide)
			wide = (int)strlen(column[i].title);
	for (size_t i = 0; i < columns && !cell.rc; i++) {
		if (!pair_cell(ctl, json, object, &column[i], &cell))
			continue;
		if (ctl->format == FORMAT_PLAIN)
			printf("%s\t%s\n", column[i].title, buf_str(&cell));
		else
			printf("%-*s%*s%s\n", wide, column[i].title, GAP, "", buf_str(&cell));
	}
	return cell.rc ? ctl_no_memory() : CTL_DONE;
}

/* ---- tables ---- */

void listing_begin(struct listing *l, struct ctl *ctl, const struct column *column, size_t columns)
{
	*l = (struct listing){.ctl = ctl, .column = column, .columns = columns};
	buf_init(&l->raw, TEXT_MAX);
}

static char **new_row(struct listing *l)
{
	if (l->rows == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		char **cell = reallocarray(l->cell, cap * l->columns, sizeof(*cell));
		if (!cell)
			return NULL;
		l->cell = cell;
		l->cap = cap;
	}
	return l->cell + l->columns * l->rows;
}

static int add_row(struct listing *l, const struct json *json, json_at at)
{
	char **row = new_row(l);
	if (!row)
		return SL_E_NO_MEMORY;
	for (size_t i = 0; i < l->columns; i++) {
		scoped(buf_finip) struct buf text;
		buf_init(&text, TEXT_MAX);
		output_cell(l->ctl, json, at, &l->column[i], &text);
		row[i] = text.rc ? NULL : arena_strdup(l->ctl->arena, buf_bytes(&text));
		if (!row[i])
			return SL_E_NO_MEMORY;
	}
	l->rows++;
	return 0;
}

void listing_add(struct listing *l, const struct json *json, json_at array)
{
	if (array == JSON_NONE)
		return;
	for (json_at at = json_first(json, array); at != JSON_NONE && !l->rc;
	     at = json_next(json, array, at)) {
		if (!output_is_raw(l->ctl)) {
			l->rc = add_row(l, json, at);
			continue;
		}
		buf_add_str(&l->raw, l->raw.len ? "," : "");
		buf_add_bytes(&l->raw, json_raw(json, at));
		l->rc = l->raw.rc;
	}
}

/* How many places of the screen a text takes. */
static int text_width(const char *text)
{
	mbstate_t state = {0};
	int width = 0;
	for (wchar_t wc; *text;) {
		size_t n = mbrtowc(&wc, text, MB_LEN_MAX, &state);
		bool known = n != (size_t)-1 && n != (size_t)-2;
		int w = known ? wcwidth(wc) : ((unsigned char)*text & 0xc0) != 0x80;
		width += w > 0 ? w : 0;
		text += known ? n : 1;
		if (!known)
			state = (mbstate_t){0};
	}
	return width;
}

static int screen_width(const struct ctl *ctl)
{
	struct winsize size = {0};
	bool known = ctl->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
	return known && size.ws_col && ctl->format == FORMAT_TABLE ? size.ws_col : 0;
}

void output_cut(struct buf *to, const char *text, int room)
{
	if (text_width(text) <= room) {
		buf_add_str(to, text);
		return;
	}
	char piece[8];
	for (int used = 0; *text && used < room - 1;) {
		size_t n = 1;
		while (((unsigned char)text[n] & 0xc0) == 0x80 && n < sizeof(piece) - 1)
			n++;
		memcpy(piece, text, n);
		piece[n] = '\0';
		used += text_width(piece);
		if (used < room)
			buf_add_str(to, piece);
		text += n;
	}
	buf_add_str(to, "~");
}

static void print_cut(const char *text, int room)
{
	scoped(buf_finip) struct buf cut = {0};
	buf_init(&cut, strlen(text) + 1);
	output_cut(&cut, text, room);
	fputs(buf_str(&cut), stdout);
}

static bool is_shown(const struct listing *l, size_t i)
{
	return !l->column[i].wide || l->ctl->format == FORMAT_WIDE;
}

static void print_row(const struct listing *l, const char *const *cell, const int *width,
		      int screen)
{
	size_t last = l->columns;
	int used = 0;
	while (last > 0 && (!is_shown(l, last - 1) || !*cell[last - 1]))
		last--;
	for (size_t i = 0; i < last; i++) {
		if (!is_shown(l, i))
			continue;
		int room = screen - used;
		if (i + 1 < last)
			printf("%s%*s", cell[i], width[i] + GAP - text_width(cell[i]), "");
		else if (screen && room >= WIDTH_MIN)
			print_cut(cell[i], room);
		else
			fputs(cell[i], stdout);
		used += width[i] + GAP;
	}
	putchar('\n');
}

static void print_table(const struct listing *l)
{
	const char *title[COLUMNS_MAX];
	int width[COLUMNS_MAX];
	for (size_t i = 0; i < l->columns; i++) {
		title[i] = l->column[i].title;
		width[i] = text_width(title[i]);
		for (size_t r = 0; r < l->rows; r++) {
			int w = text_width(l->cell[r * l->columns + i]);
			width[i] = w > width[i] ? w : width[i];
		}
	}
	int screen = screen_width(l->ctl);
	print_row(l, title, width, screen);
	for (size_t r = 0; r < l->rows; r++)
		print_row(l, (const char *const *)l->cell + r * l->columns, width, screen);
}

static void print_plain(const struct listing *l)
{
	for (size_t r = 0; r < l->rows; r++) {
		const char *gap = "";
		for (size_t i = 0; i < l->columns; i++) {
			if (!is_shown(l, i))
				continue;
			printf("%s%s", gap, l->cell[r * l->columns + i]);
			gap = "\t";
		}
		putchar('\n');
	}
}

static int print_raw(const struct listing *l)
{
	static const struct json_limits limits = {.bytes_max = TEXT_MAX, .depth_max = 1024};
	scoped(json_finip) struct json json = {0};
	scoped(buf_finip) struct buf text;
	buf_init(&text, TEXT_MAX);
	buf_add_char(&text, '[');
	buf_add_bytes(&text, buf_bytes(&l->raw));
	buf_add_char(&text, ']');
	if (text.rc || json_parse(&json, buf_bytes(&text), &limits, NULL))
		return ctl_no_memory();
	return output_value(l->ctl, &json, 0);
}

int listing_end(struct listing *l)
{
	int rc = CTL_DONE;
	if (l->rc)
		rc = ctl_no_memory();
	else if (output_is_raw(l->ctl))
		rc = print_raw(l);
	else if (l->ctl->format == FORMAT_PLAIN)
		print_plain(l);
	else if (l->rows)
		print_table(l);
	else if (l->ctl->err_tty)
		fputs("none\n", stderr);
	listing_drop(l);
	return rc;
}

void listing_drop(struct listing *l)
{
	free(l->cell);
	buf_fini(&l->raw);
	*l = (struct listing){0};
}
