#include "cli/sluicectl/api.h"
#include "cli/sluicectl/document.h"
#include "cli/sluicectl/output.h"
#include "core/json/build.h"

#include <stdio.h>

enum { URL_MAX = 65536, BODY_MAX = 16 << 20 };

struct selector_test {
	const char *file, *feature, *job;
	struct texts header;
};

#define AT(member) offsetof(struct selector_test, member)
static const struct command_option options[] = {
	{"file", 'f', "FILE", OPTION_TEXT, AT(file), "a jobSelector, in YAML or JSON", NULL, NULL},
	{"feature", 0, "FEATURE", OPTION_TEXT, AT(feature), "this feature's jobSelector", NULL,
	 NULL},
	{"header", 'H', "NAME=VALUE", OPTION_TEXTS, AT(header),
	 "on a job with this label; may be repeated", NULL, NULL},
	{"job", 'j', "JOB", OPTION_TEXT, AT(job), "on this job", NULL, NULL},
};

static const struct column condition_columns[] = {
	{"CONDITION", "name", CELL_TEXT, false},
	{"VERDICT", "verdict", CELL_TEXT, false},
	{"VALUE", "value", CELL_TEXT, false},
};

/* The selector as JSON text. */
static int find_selector(struct ctl *ctl, struct buf *to)
{
	const struct selector_test *o = ctl->options;
	if (o->file) {
		scoped(document_finip) struct document d = {0};
		int code = document_load(o->file, &d);
		if (!code)
			buf_add_bytes(to, buf_bytes(&d.text));
		return code;
	}
	scoped(buf_finip) struct buf url;
	buf_init(&url, URL_MAX);
	api_path(&url, "/v1/features/detail/", o->feature);
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	json_at at = json_get(&answer.json, answer.payload, BYTES("jobSelector"));
	if (at == JSON_NONE || json_type(&answer.json, at) != JSON_OBJECT) {
		ctl_fail(CTL_REFUSED, "%s has no jobSelector of its own", o->feature);
		ctl_next("its plugins have theirs: copy one into a file and use -f FILE");
		return CTL_REFUSED;
	}
	buf_add_bytes(to, json_raw(&answer.json, at));
	return CTL_DONE;
}

static int print_result(struct ctl *ctl, const struct json *json, json_at payload)
{
	static const struct column error_column = {"error", "error", CELL_TEXT, false};
	if (output_is_raw(ctl))
		return output_value(ctl, json, payload);
	json_at matched = json_get(json, payload, BYTES("matched"));
	enum json_type type = matched == JSON_NONE ? JSON_NULL : json_type(json, matched);
	printf("%s\n", type == JSON_TRUE    ? "matched"
		       : type == JSON_FALSE ? "not matched"
					    : "undecided: a limit was hit");
	int code = output_pairs(ctl, json, payload, &error_column, 1);
	json_at list = json_get(json, payload, BYTES("conditions"));
	if (code || list == JSON_NONE || json_type(json, list) != JSON_ARRAY ||
	    !json_count(json, list))
		return code;
	if (ctl->format != FORMAT_PLAIN)
		putchar('\n');
	struct listing rows;
	listing_begin(&rows, ctl, condition_columns, countof(condition_columns));
	listing_add(&rows, json, list);
	return listing_end(&rows);
}

static int check_options(const struct selector_test *o)
{
	if (!o->file == !o->feature) {
		ctl_fail(CTL_USAGE,
			 "which selector? one of -f FILE and --feature FEATURE is needed");
		ctl_next("sluicectl selector test --help has an example");
		return CTL_USAGE;
	}
	if (o->job && o->header.n)
		return ctl_fail(CTL_USAGE, "--job and --header exclude each other");
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct selector_test *o = ctl->options;
	scoped(buf_finip) struct buf selector;
	scoped(buf_finip) struct buf body;
	buf_init(&selector, BODY_MAX);
	buf_init(&body, BODY_MAX);
	int code = check_options(o);
	if (!code)
		code = find_selector(ctl, &selector);
	if (code)
		return code;
	scoped(jb_freep) struct json_object *header = ctl_pairs(&o->header);
	if (!header)
		return CTL_USAGE;
	scoped(jb_freep) struct json_object *root = jb_object();
	jb_put_raw(root, "jobSelector", buf_bytes(&selector));
	if (o->job)
		jb_put_str(root, "jobID", o->job);
	else
		jb_put(root, "header", take_ptr(&header));
	if (selector.rc || jb_print(root, &body))
		return ctl_no_memory();
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {
		.method = "POST", .path = "/v1/selectors/test", .body = buf_bytes(&body)};
	code = api_ask(ctl, &call, &answer);
	return code ? code : print_result(ctl, &answer.json, answer.payload);
}

const struct command command_selector_test = {
	.group = "selector",
	.name = "test",
	.summary = "Try a jobSelector on a job or on labels",
	.about = "Prints whether it matches, and each condition's value and verdict. The exit code "
		 "is 0 whatever the verdict.\n\n"
		 "Example:\n"
		 "  sluicectl selector test --feature quota -H team=vision -H jobKind=train",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct selector_test),
	.run = run,
};
