#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"
#include "cli/sluicectl/stages.h"

#include <stdio.h>

enum { URL_MAX = 65536, PAGES_MAX = 1000 };

struct job_explain {
	const char *plugin;
	bool all;
};

static const struct command_option options[] = {
	{"plugin", 'p', "KEY", OPTION_TEXT, offsetof(struct job_explain, plugin),
	 "why this plugin does or does not match the job", NULL, NULL},
	{"all", 'a', NULL, OPTION_FLAG, offsetof(struct job_explain, all),
	 "likewise for every plugin there is", NULL, NULL},
};

static const struct column condition_columns[] = {
	{"CONDITION", "name", CELL_TEXT, false}, {"KEY", "key", CELL_TEXT, false},
	{"EXPECT", "expect", CELL_TEXT, false},  {"VALUE", "value", CELL_TEXT, false},
	{"HOLDS", "verdict", CELL_TEXT, false},
};

static int print_match(struct ctl *ctl, const struct json *json, json_at payload)
{
	static const struct column columns[] = {{"plugin", "plugin", CELL_TEXT, false},
						{"turned", "enabled", CELL_SWITCH, false},
						{"matches", "matched", CELL_TEXT, false},
						{"note", "note", CELL_TEXT, false},
						{"error", "error", CELL_TEXT, false}};
	int code = output_pairs(ctl, json, payload, columns, countof(columns));
	if (code)
		return code;
	putchar('\n');
	return stages_list(ctl, json, json_get(json, payload, BYTES("conditions")),
			   condition_columns, countof(condition_columns));
}

/* ---- every plugin ---- */

static enum json_type type_of(const struct json *json, json_at at)
{
	return at == JSON_NONE ? JSON_NULL : json_type(json, at);
}

static struct bytes text_of(const struct json *json, json_at at)
{
	return type_of(json, at) == JSON_NULL ? BYTES("absent") : json_raw(json, at);
}

/* The conditions that do not hold: "team" is "red", not "blue". */
static void add_misses(const struct json *json, json_at row, struct buf *to)
{
	json_at list = json_get(json, row, BYTES("conditions"));
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY)
		return;
	for (json_at c = json_first(json, list); c != JSON_NONE; c = json_next(json, list, c)) {
		if (type_of(json, json_get(json, c, BYTES("verdict"))) == JSON_TRUE)
			continue;
		buf_add_str(to, to->len ? "; " : "");
		buf_add_bytes(to, text_of(json, json_get(json, c, BYTES("key"))));
		buf_add_str(to, " is ");
		buf_add_bytes(to, text_of(json, json_get(json, c, BYTES("value"))));
		buf_add_str(to, ", not ");
		buf_add_bytes(to, text_of(json, json_get(json, c, BYTES("expect"))));
	}
}

static void print_every(const struct ctl *ctl, const struct json *json, json_at row)
{
	static const struct column key = {"", "plugin", CELL_TEXT, false},
				   note = {"", "note|error", CELL_TEXT, false};
	scoped(buf_finip) struct buf name, misses, words, why;
	buf_init(&name, 1 << 16);
	buf_init(&misses, 1 << 20);
	buf_init(&words, 1 << 20);
	buf_init(&why, 1 << 16);
	output_cell(ctl, json, row, &key, &name);
	output_cell(ctl, json, row, &note, &why);
	enum json_type matched = type_of(json, json_get(json, row, BYTES("matched")));
	if (matched != JSON_TRUE)
		add_misses(json, row, &misses);
	output_clean(&words, buf_bytes(&misses));
	const char *verdict = matched == JSON_TRUE ? "matches" : matched == JSON_FALSE ? "no" : "?";
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\t%s\t%s\n", buf_str(&name), verdict, buf_str(&words), buf_str(&why));
	else
		printf("%-8s %s%s%s%s%s\n", verdict, buf_str(&name), words.len ? ": " : "",
		       buf_str(&words), why.len ? "; " : "", buf_str(&why));
}

static int explain_every(struct ctl *ctl)
{
	scoped(buf_finip) struct buf cursor;
	struct listing raw; /* for JSON and YAML */
	int code = CTL_DONE;
	buf_init(&cursor, 4096);
	listing_begin(&raw, ctl, NULL, 0);
	for (int page = 0; !code && page < PAGES_MAX; page++) {
		scoped(buf_finip) struct buf url;
		scoped(api_answer_fini) struct api_answer answer = {0};
		struct api_call call = {.method = "GET"};
		buf_init(&url, URL_MAX);
		api_path(&url, "/v1/job/explain/", ctl->args[0]);
		api_query(&url, "all", "true");
		api_query(&url, "cursor", cursor.len ? buf_str(&cursor) : NULL);
		call.path = buf_str(&url);
		code = api_ask(ctl, &call, &answer);
		if (code)
			break;
		if (output_is_raw(ctl))
			listing_add(&raw, &answer.json, answer.payload);
		else if (type_of(&answer.json, answer.payload) == JSON_ARRAY)
			for (json_at e = json_first(&answer.json, answer.payload); e != JSON_NONE;
			     e = json_next(&answer.json, answer.payload, e))
				print_every(ctl, &answer.json, e);
		buf_reset(&cursor);
		buf_add_str(&cursor, answer.head[API_HEAD_NEXT_CURSOR].value);
		if (!cursor.len)
			break;
	}
	if (code || !output_is_raw(ctl)) {
		listing_drop(&raw);
		return code;
	}
	return listing_end(&raw);
}

static int run(struct ctl *ctl)
{
	const struct job_explain *o = ctl->options;
	if (o->all && o->plugin)
		return ctl_fail(CTL_USAGE, "--all and --plugin exclude each other");
	if (o->all)
		return explain_every(ctl);
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/job/explain/", ctl->args[0]);
	api_query(&url, "plugin", o->plugin);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	return o->plugin ? print_match(ctl, &answer.json, answer.payload)
			 : stages_print(ctl, &answer.json, answer.payload);
}

const struct command command_job_explain = {
	.group = "job",
	.name = "explain",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Say why a job is where it is, and who did what to it",
	.about = "First a sentence: what holds the job, since when, and who or what can move it. "
		 "Then "
		 "every plugin that was asked, stage by stage: how long it took and what it said, "
		 "below it what it added to the TaskSet. A job in admission shows also the plugins "
		 "that are still to come.\n\n"
		 "Example:\n"
		 "  sluicectl job explain 0193a1c2-5d7e-7b3a-9f00-2a4c6e8d1b35",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct job_explain),
	.run = run,
};
