#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"
#include "core/json/build.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 65536, BODY_MAX = 65536 };

struct plugin_override_options {
	const char *timeout_ms, *retries, *in_flight, *policy;
	bool clear;
};

#define AT(member) offsetof(struct plugin_override_options, member)
static const struct command_option options[] = {
	{"timeout-ms", 't', "N", OPTION_COUNT, AT(timeout_ms), "time for one attempt", NULL, NULL},
	{"retries", 'r', "N", OPTION_COUNT, AT(retries), "further attempts when it cannot be asked",
	 NULL, NULL},
	{"max-in-flight", 'm', "N", OPTION_COUNT, AT(in_flight), "calls at once", NULL, NULL},
	{"failure-policy", 'p', "POLICY", OPTION_TEXT, AT(policy),
	 "what becomes of jobs that it gives no answer to: wait, fail or ignore",
	 "wait|fail|ignore", NULL},
	{"clear", 0, NULL, OPTION_FLAG, AT(clear), "what is registered holds again", NULL, NULL},
};

static const struct column override_column = {"", "override", CELL_TEXT, false};

static void put_count(struct json_object *root, const char *name, const char *count)
{
	if (count)
		jb_put_int(root, name, strtol(count, NULL, 10));
}

static int check(const struct plugin_override_options *o)
{
	bool sets = o->timeout_ms || o->retries || o->in_flight || o->policy;
	if (sets != o->clear)
		return CTL_DONE;
	ctl_fail(CTL_USAGE, o->clear ? "--clear clears all: it goes with no other option"
				     : "it is not said what to override");
	ctl_next("give --timeout-ms, --retries, --max-in-flight or --failure-policy; or --clear "
		 "alone");
	return CTL_USAGE;
}

/* A key that is registered no more has nothing to show when its override goes. */
static int print_override(struct ctl *ctl, const struct api_answer *answer)
{
	scoped(buf_finip) struct buf now = {0};
	buf_init(&now, BODY_MAX);
	if (answer->payload != JSON_NONE && output_is_raw(ctl))
		return output_value(ctl, &answer->json, answer->payload);
	if (answer->payload != JSON_NONE)
		output_cell(ctl, &answer->json, answer->payload, &override_column, &now);
	if (now.rc)
		return ctl_no_memory();
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\n", ctl->args[0], buf_str(&now));
	else if (!output_is_raw(ctl))
		printf("%s: %s\n", ctl->args[0],
		       now.len ? buf_str(&now) : "what is registered holds");
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct plugin_override_options *o = ctl->options;
	scoped(jb_freep) struct json_object *root = jb_object();
	scoped(buf_finip) struct buf url = {0};
	scoped(buf_finip) struct buf body = {0};
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	buf_init(&body, BODY_MAX);
	int code = check(o);
	if (code)
		return code;
	put_count(root, "timeoutMs", o->timeout_ms);
	put_count(root, "retries", o->retries);
	put_count(root, "maxInFlight", o->in_flight);
	if (o->policy)
		jb_put_str(root, "failurePolicy", o->policy);
	if (jb_print(root, &body))
		return ctl_no_memory();
	api_path(&url, "/v1/plugins/override/", ctl->args[0]);
	struct api_call call = {.method = "PUT", .path = buf_str(&url), .body = buf_bytes(&body)};
	code = api_ask(ctl, &call, &answer);
	return code ? code : print_override(ctl, &answer);
}

const struct command command_plugin_override = {
	.group = "plugin",
	.name = "override",
	.args = "KEY",
	.args_min = 1,
	.args_max = 1,
	.summary = "Set what wins over what is registered of a plugin",
	.about = "It holds at once and outlives every registration of the plugin. Each call says "
		 "all of it: what is not given is as registered. `plugin list -o wide` shows "
		 "it.\n\n"
		 "Example:\n"
		 "  sluicectl plugin override AccessGate.quota.ada --retries 0 --failure-policy "
		 "ignore\n"
		 "  sluicectl plugin override AccessGate.quota.ada --clear",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct plugin_override_options),
	.run = run,
};
