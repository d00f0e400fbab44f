#include "cli/sluicectl/stages.h"

#include "cli/sluicectl/story.h"

#include <stdio.h>

enum { ADDITIONS_SHOWN = 10 };

static const struct column call_columns[] = {
	{"PLUGIN", "plugin", CELL_TEXT, false},
	{"ANSWER", "decision|outcome", CELL_TEXT, false},
	{"MICROSECONDS", "durationUs", CELL_TEXT, true},
	{"ATTEMPTS", "attempts", CELL_TEXT, false},
	{"TIMES", "count", CELL_TEXT, true},
	{"REASON", "reason", CELL_TEXT, false},
};

static const struct column provenance_columns[] = {
	{"ADDED", "path", CELL_PATH, false},
	{"BY", "plugin", CELL_TEXT, false},
};

int stages_list(struct ctl *ctl, const struct json *json, json_at list, const struct column *column,
		size_t columns)
{
	struct listing listing;
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY || !json_count(json, list))
		return CTL_DONE;
	listing_begin(&listing, ctl, column, columns);
	listing_add(&listing, json, list);
	return listing_end(&listing);
}

static void print_text(const struct ctl *ctl, const struct json *json, json_at row,
		       const char *member)
{
	const struct column column = {"", member, CELL_TEXT, false};
	scoped(buf_finip) struct buf text;
	buf_init(&text, 1 << 20);
	output_cell(ctl, json, row, &column, &text);
	printf("%s\n", buf_str(&text));
}

/* The paths that a plugin added, below its line. */
static void print_additions(const struct json *json, json_at call)
{
	json_at list = json_get(json, call, BYTES("additions"));
	uint32_t i = 0;
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY)
		return;
	for (json_at e = json_first(json, list); e != JSON_NONE; e = json_next(json, list, e)) {
		scoped(buf_finip) struct buf held, text;
		struct bytes path;
		buf_init(&held, 1 << 20);
		buf_init(&text, 1 << 20);
		if (i++ >= ADDITIONS_SHOWN || json_type(json, e) != JSON_STRING ||
		    json_string(json, e, &held, &path))
			continue;
		output_clean(&text, path);
		printf("%20s+ %s\n", "", *buf_str(&text) ? buf_str(&text) : "the whole TaskSet");
	}
	if (i > ADDITIONS_SHOWN)
		printf("%20s+ %u more (-o wide shows them all)\n", "", i - ADDITIONS_SHOWN);
}

static void print_story(struct ctl *ctl, const struct json *json, json_at stage, json_at calls)
{
	static const struct column name = {"", "stage", CELL_TEXT, false};
	scoped(buf_finip) struct buf text;
	buf_init(&text, 1 << 16);
	output_cell(ctl, json, stage, &name, &text);
	const char *label = buf_str(&text);
	for (json_at e = json_first(json, calls); e != JSON_NONE; e = json_next(json, calls, e)) {
		story_call(ctl, json, e, label);
		print_additions(json, e);
		label = "";
	}
}

static int print_stages(struct ctl *ctl, const struct json *json, json_at stages)
{
	int code = CTL_DONE;
	bool story = ctl->format == FORMAT_TABLE;
	if (stages == JSON_NONE || json_type(json, stages) != JSON_ARRAY)
		return code;
	if (story)
		putchar('\n');
	for (json_at at = json_first(json, stages); at != JSON_NONE && !code;
	     at = json_next(json, stages, at)) {
		json_at calls = json_get(json, at, BYTES("calls"));
		if (calls == JSON_NONE || json_type(json, calls) != JSON_ARRAY ||
		    !json_count(json, calls))
			continue;
		if (story) {
			print_story(ctl, json, at, calls);
			continue;
		}
		putchar('\n');
		print_text(ctl, json, at, "stage");
		code = stages_list(ctl, json, calls, call_columns, countof(call_columns));
	}
	return code;
}

int stages_print(struct ctl *ctl, const struct json *json, json_at payload)
{
	json_at added = json_get(json, payload, BYTES("provenance"));
	print_text(ctl, json, payload, "summary");
	int code = print_stages(ctl, json, json_get(json, payload, BYTES("stages")));
	if (code || ctl->format == FORMAT_TABLE || added == JSON_NONE || !json_count(json, added))
		return code;
	printf("\nWho added what\n");
	return stages_list(ctl, json, added, provenance_columns, countof(provenance_columns));
}
