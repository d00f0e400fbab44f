#include "cli/sluicectl/api.h"
#include "cli/sluicectl/document.h"
#include "cli/sluicectl/output.h"
#include "core/json/build.h"

#include <stdio.h>

enum { BODY_MAX = 16 << 20 };

struct plugin_test {
	const char *file, *job, *document;
};

#define AT(member) offsetof(struct plugin_test, member)
static const struct command_option options[] = {
	{"file", 'f', "FILE", OPTION_TEXT, AT(file),
	 "a plugin that is not registered: pluginType, callAddress, ...", NULL, NULL},
	{"job", 'j', "JOB", OPTION_TEXT, AT(job), "send what this job's stage was given", NULL,
	 NULL},
	{"document", 'd', "FILE", OPTION_TEXT, AT(document), "send this job document", NULL, NULL},
};

static int put_file(struct json_object *to, const char *key, const char *path)
{
	scoped(document_finip) struct document d = {0};
	int code = document_load(path, &d);
	if (!code)
		jb_put_raw(to, key, buf_bytes(&d.text));
	return code;
}

static int make_body(struct ctl *ctl, struct buf *body)
{
	const struct plugin_test *o = ctl->options;
	scoped(jb_freep) struct json_object *root = jb_object();
	int code = CTL_DONE;
	if (!o->file == !ctl->arg_count) {
		ctl_fail(CTL_USAGE, "which plugin? one of KEY and -f FILE is needed");
		ctl_next("sluicectl plugin list shows the keys");
		return CTL_USAGE;
	}
	if (o->job && o->document)
		return ctl_fail(CTL_USAGE, "--job and --document exclude each other");
	if (o->file)
		code = put_file(root, "plugin", o->file);
	else
		jb_put_str(root, "key", ctl->args[0]);
	if (!code && o->document)
		code = put_file(root, "job", o->document);
	if (o->job)
		jb_put_str(root, "jobID", o->job);
	return code ? code : jb_print(root, body) ? ctl_no_memory() : CTL_DONE;
}

static int run(struct ctl *ctl)
{
	static const struct column columns[] = {{"summary", "summary", CELL_TEXT, false},
						{"answer", "answer", CELL_TEXT, false}};
	scoped(buf_finip) struct buf body, text;
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&body, BODY_MAX);
	buf_init(&text, BODY_MAX);
	int code = make_body(ctl, &body);
	if (code)
		return code;
	struct api_call call = {
		.method = "POST", .path = "/v1/plugins/test", .body = buf_bytes(&body)};
	code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	json_at verdict = json_get(&answer.json, answer.payload, BYTES("verdict"));
	bool legal = verdict != JSON_NONE && json_string_is(&answer.json, verdict, BYTES("legal"));
	if (output_is_raw(ctl)) {
		code = output_value(ctl, &answer.json, answer.payload);
	} else {
		output_cell(ctl, &answer.json, answer.payload, &columns[0], &text);
		printf("%s\n", buf_str(&text));
		buf_reset(&text);
		output_cell(ctl, &answer.json, answer.payload, &columns[1], &text);
		if (!legal && text.len)
			printf("it said: %s\n", buf_str(&text));
	}
	return code ? code : legal ? CTL_DONE : CTL_REFUSED;
}

const struct command command_plugin_test = {
	.group = "plugin",
	.name = "test",
	.args = "[KEY]",
	.args_min = 0,
	.args_max = 1,
	.summary = "Send a plugin one sample call and judge its answer",
	.about = "KEY is a registered plugin, on or off; -f FILE one that is not: an object with "
		 "pluginType and callAddress, as in a feature. It is sent a signed call with "
		 "Sluice-Dry-Run: true: by default a small TaskSet, with --document a job of your "
		 "own (a translator needs one that it knows), with --job what a stored job's stage "
		 "was given. A LifeHook is sent a sample change of state, and told is what its OK, "
		 "RE "
		 "or EX would lead to. The exit code is 0 only if the answer is a legal one; "
		 "-o yaml shows "
		 "what was sent and what came back.\n\n"
		 "Example:\n"
		 "  sluicectl plugin test AccessGate.office.ops.quota",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct plugin_test),
	.run = run,
};
