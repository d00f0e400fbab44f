/* `hold` and `release`: admission as a whole, of a kind, of a user. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"
#include "core/json/build.h"

#include <stdio.h>

enum { BODY_MAX = 1 << 20 };

struct hold_options {
	const char *kind, *user, *reason;
	bool list;
};

#define AT(member) offsetof(struct hold_options, member)
#define WHICH_OPTIONS                                                                              \
	{"kind", 'k', "KIND", OPTION_TEXT, AT(kind), "jobs of this kind only", NULL, NULL},        \
	{                                                                                          \
		"user", 'u', "USER", OPTION_TEXT, AT(user), "jobs of this user only", NULL, NULL   \
	}

static const struct command_option hold_options[] = {
	WHICH_OPTIONS,
	{"reason", 'r', "TEXT", OPTION_TEXT, AT(reason), "why; submitters see it", NULL, NULL},
	{"list", 0, NULL, OPTION_FLAG, AT(list), "change nothing, only list what is held", NULL,
	 NULL},
};
static const struct command_option release_options[] = {WHICH_OPTIONS};

static const struct column hold_columns[] = {
	{"SINCE", "since", CELL_TIME, false},
	{"BY", "who", CELL_TEXT, false},
	{"REASON", "reason", CELL_TEXT, false},
};

/* "jobs of kind K of user U", "all jobs". */
static void add_which(const struct ctl *ctl, const struct json *json, json_at hold, struct buf *to)
{
	static const struct column kind = {"", "kind", CELL_TEXT, false},
				   user = {"", "userID", CELL_TEXT, false};
	bool has_kind = json_get(json, hold, BYTES("kind")) != JSON_NONE;
	bool has_user = json_get(json, hold, BYTES("userID")) != JSON_NONE;
	buf_add_str(to, has_kind || has_user ? "jobs" : "all jobs");
	if (has_kind)
		buf_add_str(to, " of kind ");
	if (has_kind)
		output_cell(ctl, json, hold, &kind, to);
	if (has_user)
		buf_add_str(to, " of user ");
	if (has_user)
		output_cell(ctl, json, hold, &user, to);
}

static void print_hold(const struct ctl *ctl, const struct json *json, json_at hold)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, BODY_MAX);
	buf_add_str(&text, "held: ");
	add_which(ctl, json, hold, &text);
	static const char *const before[] = {", since ", ", by ", ", because: "};
	for (size_t i = 0; i < countof(hold_columns); i++) {
		size_t len = text.len;
		buf_add_str(&text, before[i]);
		size_t filled = text.len;
		output_cell(ctl, json, hold, &hold_columns[i], &text);
		if (text.len == filled)
			text.len = len;
	}
	printf("%s\n", buf_str(&text));
}

static int print_state(struct ctl *ctl, const struct json *json, json_at payload)
{
	static const struct column held = {"", "heldJobs", CELL_TEXT, false};
	scoped(buf_finip) struct buf jobs = {0};
	if (output_is_raw(ctl))
		return output_value(ctl, json, payload);
	json_at holds = json_get(json, payload, BYTES("holds"));
	if (holds == JSON_NONE || json_type(json, holds) != JSON_ARRAY)
		return CTL_DONE;
	for (json_at at = json_first(json, holds); at != JSON_NONE; at = json_next(json, holds, at))
		print_hold(ctl, json, at);
	if (!json_count(json, holds))
		printf("nothing is held\n");
	buf_init(&jobs, 100);
	output_cell(ctl, json, payload, &held, &jobs);
	printf("held jobs: %s\n", buf_str(&jobs));
	return CTL_DONE;
}

static void warn_of_nothing_released(const struct json *json, json_at payload)
{
	json_at changed = json_get(json, payload, BYTES("changed"));
	if (changed == JSON_NONE || json_type(json, changed) == JSON_TRUE)
		return;
	fprintf(stderr, "sluicectl: exactly these jobs were not held\n");
	ctl_next("sluicectl hold --list shows what is held: name it with --kind and --user");
}

static int ask(struct ctl *ctl, const char *path)
{
	const struct hold_options *o = ctl->options;
	scoped(jb_freep) struct json_object *root = jb_object();
	scoped(buf_finip) struct buf body = {0};
	buf_init(&body, BODY_MAX);
	if (o->kind)
		jb_put_str(root, "kind", o->kind);
	if (o->user)
		jb_put_str(root, "userID", o->user);
	if (o->reason)
		jb_put_str(root, "reason", o->reason);
	if (jb_print(root, &body))
		return ctl_no_memory();
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "PUT", .path = path, .body = buf_bytes(&body)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	warn_of_nothing_released(&answer.json, answer.payload);
	return print_state(ctl, &answer.json, answer.payload);
}

static int list(struct ctl *ctl)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = "/v1/admission"};
	int code = api_ask(ctl, &call, &answer);
	return code ? code : print_state(ctl, &answer.json, answer.payload);
}

static int run_hold(struct ctl *ctl)
{
	const struct hold_options *o = ctl->options;
	return o->list ? list(ctl) : ask(ctl, "/v1/admission/hold");
}

static int run_release(struct ctl *ctl) { return ask(ctl, "/v1/admission/release"); }

const struct command command_hold = {
	.name = "hold",
	.summary = "Hold admission: jobs are stored, not admitted",
	.about =
		"Submitters are not refused: their jobs wait, `preparing`, until the release. Jobs "
		"that are in admission or run go on. A hold lasts over restarts.\n\n"
		"Example:\n"
		"  sluicectl hold -r \"the quota service is being moved\"\n"
		"  sluicectl hold --kind training --user ada\n"
		"  sluicectl hold --list",
	.option = hold_options,
	.options = countof(hold_options),
	.size = sizeof(struct hold_options),
	.run = run_hold,
};

const struct command command_release = {
	.name = "release",
	.summary = "Lift a hold; held jobs go on in their order",
	.about = "Lifts exactly the hold that was made with the same --kind and --user, and lists "
		 "the others. Held jobs go on as there are places, the oldest first.\n\n"
		 "Example:\n"
		 "  sluicectl release --kind training --user ada",
	.option = release_options,
	.options = countof(release_options),
	.size = sizeof(struct hold_options),
	.run = run_release,
};
