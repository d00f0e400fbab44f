/* `plugin record`: what plugins were asked about a job, as a file to ask them again with. */
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/plugin_kind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { URL_MAX = 4096, FILE_MAX = 64 << 20 };

struct plugin_record {
	const char *file, *type;
};

static const struct command_option options[] = {
	{"file", 'f', "FILE", OPTION_TEXT, offsetof(struct plugin_record, file),
	 "write it there, and not to standard output", NULL, NULL},
	{"type", 't', "TYPE", OPTION_TEXT, offsetof(struct plugin_record, type),
	 "only calls to plugins of this type", NULL, "translator|factors|gate|decorator|binder"},
};

/* The calls of this type (NULL: all), one a line. */
static size_t put_calls(const struct json *json, json_at calls, const struct plugin_kind *kind,
			struct buf *to)
{
	size_t n = 0;
	buf_add_str(to, "{\"protocol\": 1, \"calls\": [");
	for (json_at at = json_first(json, calls); at != JSON_NONE;
	     at = json_next(json, calls, at)) {
		json_at type = json_get(json, at, BYTES("pluginType"));
		if (kind && !json_string_is(json, type, bytes_of(kind->name, strlen(kind->name))))
			continue;
		buf_add_str(to, n++ ? ",\n  " : "\n  ");
		buf_add_bytes(to, json_raw(json, at));
	}
	buf_add_str(to, "\n]}\n");
	return n;
}

static int write_to(const char *path, struct bytes text)
{
	FILE *file = path ? fopen(path, "w") : stdout;
	if (!file)
		return ctl_fail(CTL_REFUSED, "%s: %s", path, strerror(errno));
	bool good = fwrite(text.at, 1, text.len, file) == text.len;
	if ((path ? fclose(file) : fflush(file)) || !good)
		return ctl_fail(CTL_REFUSED, "%s: %s", path ? path : "standard output",
				strerror(errno));
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct plugin_record *o = ctl->options;
	const struct plugin_kind *kind = o->type ? plugin_kind_find(o->type) : NULL;
	scoped(buf_finip) struct buf url = {0};
	scoped(buf_finip) struct buf text = {0};
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	buf_init(&text, FILE_MAX);
	if (o->type && !kind)
		return plugin_kind_unknown(o->type);
	api_path(&url, "/v1/job/calls/", ctl->args[0]);
	struct api_call call = {.method = "GET", .path = buf_str(&url)};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	json_at calls = json_get(&answer.json, answer.payload, BYTES("calls"));
	size_t n = put_calls(&answer.json, calls, kind, &text);
	if (text.rc)
		return ctl_no_memory();
	if (!n)
		return ctl_fail(CTL_REFUSED, "%s: no plugin%s was asked about it", ctl->args[0],
				kind ? " of this type" : "");
	code = write_to(o->file, buf_bytes(&text));
	if (!code && o->file)
		printf("%s: %zu call%s. Next: sluicectl plugin replay %s URL\n", o->file, n,
		       n == 1 ? "" : "s", o->file);
	return code;
}

const struct command command_plugin_record = {
	.group = "plugin",
	.name = "record",
	.args = "JOB",
	.args_min = 1,
	.args_max = 1,
	.summary = "Make a file of the calls that plugins got about a job",
	.about = "The requests are made again, byte for byte, from what each stage was given; they "
		 "are kept for store.keep_stages after the job's end. The file goes to `plugin "
		 "replay`, `plugin conform --calls` and the test kits of the SDKs.\n\n"
		 "Example:\n"
		 "  sluicectl plugin record 01a200aa-b256-7000-92e5-148469c5c019 -t gate -f "
		 "calls.json",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct plugin_record),
	.run = run,
};
