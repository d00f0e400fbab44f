/* Answers on standard output: tables for people, tabs for scripts, JSON or YAML as the
 * gateway gave it.
 *
 * Text from outside is cleaned on its way: control characters become escapes, so that no
 * job name can play with a terminal. Times are local in tables and as the gateway gave
 * them elsewhere. One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"
#include "core/json/index.h"

enum cell_kind {
	CELL_TEXT,
	CELL_TIME,
	CELL_WORDS,  /**< A list (or one) of texts: "a,b". */
	CELL_LINE,   /**< Likewise, with spaces between: a command line. */
	CELL_SWITCH, /**< true: on, false: off. */
	CELL_PATH,   /**< A place in a TaskSet; the empty one is all of it. */
};

struct column {
	const char *title;
	const char *path; /**< Members from the row inwards: "job.state"; "a|b": a, else b. */
	enum cell_kind kind;
	bool wide; /**< Only under -o wide. */
};

/** Rows that are gathered before they are printed: their widths depend on all of them. */
struct listing {
	struct ctl *ctl;
	const struct column *column;
	size_t columns;
	char **cell; /**< columns for each row, in the arena. */
	size_t rows, cap;
	struct buf raw; /**< Instead of cells for JSON and YAML: the elements, with commas. */
	int rc;
};

SL_BEGIN_DECLS

/** Does the format ask for the gateway's own answer? */
static inline bool output_is_raw(const struct ctl *ctl)
{
	return ctl->format == FORMAT_JSON || ctl->format == FORMAT_YAML;
}

/** Print a value as JSON or YAML; nothing for JSON_NONE. */
int output_value(const struct ctl *ctl, const struct json *json, json_at at);

void listing_begin(struct listing *l, struct ctl *ctl, const struct column *column, size_t columns);
/** Add every element of an array (its text may go away afterwards). */
void listing_add(struct listing *l, const struct json *json, json_at array);
/** Print all and free; returns an enum ctl_exit. */
int listing_end(struct listing *l);
void listing_drop(struct listing *l); /**< Free without printing. */

/** "title  value" lines for the members that are there. */
int output_pairs(const struct ctl *ctl, const struct json *json, json_at object,
		 const struct column *column, size_t columns);

/** Append one cell as text; what is absent or null adds nothing. */
void output_cell(const struct ctl *ctl, const struct json *json, json_at row,
		 const struct column *column, struct buf *to);
/** The value at "a.b" (or "a|b") within an object, or JSON_NONE. */
json_at output_find(const struct json *json, json_at object, const char *path);
/** Append as much of the text as fits on so many places of the screen, with a sign ("~")
 * when something was cut off. */
void output_cut(struct buf *to, const char *text, int room);
/** Append text with control characters escaped. */
void output_clean(struct buf *to, struct bytes text);

SL_END_DECLS
