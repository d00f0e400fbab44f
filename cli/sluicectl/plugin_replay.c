/* `plugin replay`: recorded calls, sent to a plugin under development; what it answers. */
#include "cli/sluicectl/conform.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 400 };

struct plugin_replay {
	const char *type, *key;
	bool typed;
};

static const struct command_option options[] = {
	{"type", 't', "TYPE", OPTION_TEXT, offsetof(struct plugin_replay, type),
	 "only calls to plugins of this type (the type of the first one)", NULL,
	 "translator|factors|gate|decorator|binder|hook"},
	{"key", 'k', "KEY", OPTION_TEXT, offsetof(struct plugin_replay, key),
	 "its signing key, whsec_...; or @FILE, which holds it", NULL, NULL},
	{"typed", 0, NULL, OPTION_FLAG, offsetof(struct plugin_replay, typed),
	 "members missing in an answer count as unchanged", NULL, NULL},
};

/* The answer's beginning, without what a terminal would obey. */
static void print_body(struct buf *body)
{
	const char *text = buf_str(body);
	for (size_t i = 0; i < body->len && i < SHOWN_MAX; i++)
		putchar((unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
	puts(body->len > SHOWN_MAX ? " ..." : "");
}

/* True when the answer is legal, and as recorded where that is known. */
static bool replay_one(struct conform *c, const struct sample *sample)
{
	scoped(conform_answer_finip) struct conform_answer answer = {0};
	char why[CONFORM_WORDS] = "";
	bool good = conform_ask(c, sample->body, &(struct way){0}, &answer, why);
	if (!good) {
		printf("FAIL  %s: %s\n", sample->name, why);
		return false;
	}
	good = sample->wanted_code && sample->wanted_code != 200
		       ? sample->wanted_code == answer.reply.status
		       : conform_judge(c, sample->body, &answer, why) &&
				 conform_as_recorded(sample, &answer, why);
	printf("%s  %s: status %u%s%s\n      ", good ? "ok  " : "FAIL", sample->name,
	       answer.reply.status, *why ? ": " : "", why);
	print_body(&answer.reply.body);
	return good;
}

static int replay_all(struct conform *c)
{
	size_t bad = 0;
	for (size_t i = 0; i < c->samples; i++)
		bad += replay_one(c, &c->sample[i]) ? 0 : 1;
	printf("%zu call%s, %zu not as it must be\n", c->samples, c->samples == 1 ? "" : "s", bad);
	return bad ? CTL_REFUSED : CTL_DONE;
}

static int prepare(struct conform *c, const struct plugin_replay *o)
{
	int code = conform_begin(c, o->type, o->key, NULL);
	c->typed = o->typed;
	return code ? code : conform_samples(c, c->ctl->args[0]);
}

static int run(struct ctl *ctl)
{
	struct conform *c = arena_alloc(ctl->arena, sizeof(*c));
	if (!c)
		return ctl_no_memory();
	c->ctl = ctl;
	c->url = ctl->args[1];
	int code = prepare(c, ctl->options);
	if (!code)
		code = replay_all(c);
	conform_end(c);
	return code;
}

const struct command command_plugin_replay = {
	.group = "plugin",
	.name = "replay",
	.args = "FILE URL",
	.args_min = 2,
	.args_max = 2,
	.arg_kind = ARG_FILE,
	.summary = "Send recorded calls to a plugin, and show what it answers",
	.about =
		"FILE is one of `plugin record`, or written by hand. Tells each answer, whether it "
		"is legal, and where the file says what it must be, whether it is that. Exit code "
		"1 when one is not.\n\n"
		"Example:\n"
		"  sluicectl plugin replay calls.json http://127.0.0.1:9000/gate -t gate",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct plugin_replay),
	.offline = true,
	.run = run,
};
