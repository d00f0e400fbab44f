#include "cli/sluicectl/api.h"
#include "cli/sluicectl/document.h"
#include "cli/sluicectl/output.h"

#include <stdio.h>

enum { URL_MAX = 65536, TEXT_MAX = 1 << 20 };

struct feature_apply {
	struct texts file;
	bool enable;
};

#define AT(member) offsetof(struct feature_apply, member)
static const struct command_option options[] = {
	{"file", 'f', "FILE", OPTION_TEXTS, AT(file),
	 "a feature, or a list of features; - is standard input; may be repeated", NULL, NULL},
	{"enable", 'e', NULL, OPTION_FLAG, AT(enable), "turn them on as well", NULL, NULL},
};

static const struct column name_column = {"", "name", CELL_TEXT, false};
static const struct column revision_column = {"", "revision", CELL_TEXT, false};
static const struct column enabled_column = {"", "enabled", CELL_SWITCH, false};
static const struct column key_column = {"", "signingKey", CELL_TEXT, false};

static void print_warnings(const struct json *json, json_at payload)
{
	json_at list = json_get(json, payload, BYTES("warnings"));
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY)
		return;
	for (json_at at = json_first(json, list); at != JSON_NONE; at = json_next(json, list, at)) {
		scoped(buf_finip) struct buf word;
		scoped(buf_finip) struct buf text;
		buf_init(&word, TEXT_MAX);
		buf_init(&text, TEXT_MAX);
		struct bytes got = json_raw(json, at);
		if (json_type(json, at) == JSON_STRING && json_string(json, at, &word, &got))
			continue;
		output_clean(&text, got);
		fprintf(stderr, "warning: %s\n", buf_str(&text));
	}
}

/* Only its making shows a signing key; it is a secret, so it goes to a terminal or into the
 * JSON that was asked for, and not into the log of some pipeline. */
static void print_key(struct ctl *ctl, const struct json *json, json_at payload)
{
	scoped(buf_finip) struct buf key;
	buf_init(&key, TEXT_MAX);
	output_cell(ctl, json, payload, &key_column, &key);
	if (!bytes_starts(buf_bytes(&key), "whsec_"))
		return;
	if (ctl->out_tty) {
		printf("  signing key (shown only now): %s\n", buf_str(&key));
		return;
	}
	fputs("a signing key was made; it is a secret and not shown off a terminal\n", stderr);
	ctl_next(
		"if the plugin checks signatures: put a signingKey of your own (whsec_ and base64) "
		"into the file and apply it again; or delete the feature and apply it with -o "
		"json");
}

static int print_feature(struct ctl *ctl, const struct json *json, json_at payload, bool enabled)
{
	scoped(buf_finip) struct buf name;
	scoped(buf_finip) struct buf revision;
	scoped(buf_finip) struct buf state;
	buf_init(&name, TEXT_MAX);
	buf_init(&revision, TEXT_MAX);
	buf_init(&state, TEXT_MAX);
	print_warnings(json, payload);
	if (output_is_raw(ctl))
		return output_value(ctl, json, payload);
	output_cell(ctl, json, payload, &name_column, &name);
	output_cell(ctl, json, payload, &revision_column, &revision);
	output_cell(ctl, json, payload, &enabled_column, &state);
	const char *on = enabled ? "on" : buf_str(&state);
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\t%s\n", buf_str(&name), buf_str(&revision), on);
	else
		printf("%s: revision %s, %s\n", buf_str(&name), buf_str(&revision), on);
	if (ctl->out_tty && strcmp(on, "off") == 0)
		ctl_next("sluicectl feature on %s", buf_str(&name));
	return CTL_DONE;
}

static int turn_on(struct ctl *ctl, const struct json *json, json_at payload)
{
	scoped(buf_finip) struct buf name;
	scoped(buf_finip) struct buf url;
	buf_init(&name, TEXT_MAX);
	buf_init(&url, URL_MAX);
	output_cell(ctl, json, payload, &name_column, &name);
	api_path(&url, "/v1/features/turn-on/", buf_str(&name));
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "PUT", .path = buf_str(&url)};
	return api_ask(ctl, &call, &answer);
}

/* Only a key that the gateway made is news; one from the file is known. */
static bool brings_key(const struct json *json, json_at feature)
{
	json_at key = json_get(json, feature, BYTES("signingKey"));
	return key != JSON_NONE && json_type(json, key) == JSON_STRING &&
	       json_string_starts(json, key, BYTES("whsec_"));
}

static int apply(struct ctl *ctl, const struct json *json, json_at feature)
{
	const struct feature_apply *o = ctl->options;
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {
		.method = "POST", .path = "/v1/features", .body = json_raw(json, feature)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	int on = o->enable ? turn_on(ctl, &answer.json, answer.payload) : CTL_DONE;
	code = print_feature(ctl, &answer.json, answer.payload, o->enable && on == CTL_DONE);
	if (code == CTL_DONE && !output_is_raw(ctl) && !brings_key(json, feature))
		print_key(ctl, &answer.json, answer.payload);
	return on ? on : code;
}

static int apply_file(struct ctl *ctl, const char *path)
{
	scoped(document_finip) struct document d = {0};
	int code = document_load(path, &d);
	if (code)
		return code;
	if (json_type(&d.json, 0) != JSON_ARRAY)
		return apply(ctl, &d.json, 0);
	for (json_at at = json_first(&d.json, 0); at != JSON_NONE && code != CTL_OFFLINE;
	     at = json_next(&d.json, 0, at)) {
		int one = apply(ctl, &d.json, at);
		code = one > code ? one : code;
	}
	return code;
}

/* Which file went wrong is worth saying where there are several. */
static int apply_named(struct ctl *ctl, const char *path)
{
	int code = apply_file(ctl, path);
	if (code && code != CTL_OFFLINE)
		fprintf(stderr, "  in %s\n", path);
	return code;
}

static int run(struct ctl *ctl)
{
	const struct feature_apply *o = ctl->options;
	int worst = CTL_DONE;
	if (!o->file.n && !ctl->arg_count) {
		ctl_fail(CTL_USAGE, "no file was given");
		ctl_next("sluicectl feature apply -f FILE...");
		return CTL_USAGE;
	}
	for (size_t i = 0; i < o->file.n && worst != CTL_OFFLINE; i++) {
		int code = apply_named(ctl, o->file.at[i]);
		worst = code > worst ? code : worst;
	}
	for (int i = 0; i < ctl->arg_count && worst != CTL_OFFLINE; i++) {
		int code = apply_named(ctl, ctl->args[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_feature_apply = {
	.group = "feature",
	.name = "apply",
	.args = "[FILE...]",
	.args_max = -1,
	.arg_kind = ARG_FILE,
	.summary = "Register features, or replace what is registered",
	.about = "FILE is YAML or JSON: a feature as `feature get -o yaml` shows it. A new feature "
		 "is off until it is turned on; one that is there keeps whether it is on. Warnings "
		 "go to standard error.\n\n"
		 "Example:\n"
		 "  sluicectl feature apply -f quota.yml priority.yml --enable",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct feature_apply),
	.run = run,
};
