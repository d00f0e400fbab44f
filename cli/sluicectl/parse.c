/* The command line, by glibc's argp: one parser for all commands, fed from their rows. */
#include "cli/sluicectl/ctl.h"

#include <argp.h>
#include <stdio.h>

enum {
	OPTIONS_MAX = 32,
	KEY_OWN = 0x1000, /* keys of options without a letter: beyond all characters */
	KEY_COMMON = 0x2000,
	TEXT_MAX = 8192,
};

struct parse {
	struct ctl *ctl;
	const struct command *command; /* NULL before the command's name was read */
	int args_at;                   /* where the name stands, or argc */
	char **args;
	int arg_count;
};

/* ---- values ---- */

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);
	for (const char *c = choices;; c++) {
		size_t n = strcspn(c, "|");
		if (n == len && memcmp(c, text, n) == 0)
			return true;
		c += n;
		if (!*c)
			return false;
	}
}

static void *need(void *at, const struct argp_state *state)
{
	if (!at)
		argp_failure(state, CTL_REFUSED, 0, "out of memory");
	return at;
}

static void add_text(struct ctl *ctl, struct texts *texts, const char *text,
		     const struct argp_state *state)
{
	const char **at = need(arena_alloc(ctl->arena, (texts->n + 1) * sizeof(*at)), state);
	if (texts->n)
		memcpy(at, texts->at, texts->n * sizeof(*at));
	at[texts->n] = text;
	*texts = (struct texts){at, texts->n + 1};
}

static void check_count(const struct command_option *o, const char *arg,
			const struct argp_state *state)
{
	size_t digits = strspn(arg, "0123456789");
	if (!digits || arg[digits] || digits > 9)
		argp_error(state, "--%s: \"%s\" is not a whole number", o->name, arg);
}

static void set_option(struct ctl *ctl, const struct command_option *o, void *base, char *arg,
		       const struct argp_state *state)
{
	void *at = (char *)base + o->at;
	if (o->choices && !is_choice(o->choices, arg))
		argp_error(state, "--%s: \"%s\" is not one of %s", o->name, arg, o->choices);
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		break;
	case OPTION_COUNT:
		check_count(o, arg, state);
		*(const char **)at = arg;
		break;
	case OPTION_TEXT:
		*(const char **)at = arg;
		break;
	case OPTION_TEXTS:
		add_text(ctl, at, arg, state);
		break;
	}
}

/* A token on the command line: kept aside, and gone from what `ps` shows. */
static void hide_token(struct ctl *ctl, char *arg, const struct argp_state *state)
{
	ctl->common.token = need(arena_strdup(ctl->arena, bytes_str(arg)), state);
	memset(arg, '*', strlen(arg));
}

/* ---- argp ---- */

static int key_of(const struct command_option *o, size_t i, int base)
{
	return o->letter ? o->letter : base + (int)i;
}

static void add_options(struct argp_option *to, size_t *n, const struct command_option *from,
			size_t count, int base, int group)
{
	for (size_t i = 0; i < count; i++)
		to[(*n)++] = (struct argp_option){.name = from[i].name,
						  .key = key_of(&from[i], i, base),
						  .arg = from[i].value,
						  .doc = from[i].help,
						  .group = group};
}

static const struct command_option *find_option(const struct command_option *in, size_t count,
						int base, int key)
{
	for (size_t i = 0; i < count; i++)
		if (key_of(&in[i], i, base) == key)
			return &in[i];
	return NULL;
}

static void check_args(const struct parse *p, const struct argp_state *state)
{
	const struct command *c = p->command;
	if (p->arg_count < c->args_min)
		argp_error(state, "%s is missing", c->args);
	if (c->args_max >= 0 && p->arg_count > c->args_max)
		argp_error(state, "one argument too many: \"%s\"", p->args[c->args_max]);
	for (int i = 0; i < p->arg_count; i++) {
		const char *a = p->args[i];
		if (!*a)
			argp_error(state, "an argument is empty");
		if (c->arg_kind == ARG_NAME && (strcmp(a, ".") == 0 || strcmp(a, "..") == 0))
			argp_error(state, "\"%s\" is not a name", a);
	}
}

static error_t on_key(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	const struct command *c = p->command;
	const struct command_option *o =
		find_option(common_options, common_option_count, KEY_COMMON, key);
	if (o) {
		set_option(p->ctl, o, &p->ctl->common, arg, state);
		if (arg == p->ctl->common.token)
			hide_token(p->ctl, arg, state);
		return 0;
	}
	if (c && (o = find_option(c->option, c->options, KEY_OWN, key))) {
		set_option(p->ctl, o, p->ctl->options, arg, state);
		return 0;
	}
	if (key == ARGP_KEY_ARG && !c) {
		p->args_at = state->next - 1;
		state->next = state->argc;
		return 0;
	}
	if (key == ARGP_KEY_ARG) {
		p->args[p->arg_count++] = arg;
		return 0;
	}
	if (key == ARGP_KEY_END && c)
		check_args(p, state);
	return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

/* ---- help ---- */

static void add_command_line(struct buf *to, const struct command *c)
{
	char name[64];
	snprintf(name, sizeof(name), "%s%s%s", c->group ? c->group : "", c->group ? " " : "",
		 c->name);
	buf_addf(to, "  %-18s %s\n", name, c->summary);
}

/* The commands of a group, or all of them. */
static void add_commands(struct buf *to, const char *group)
{
	buf_add_str(to, "Commands:\n");
	for (size_t i = 0; commands[i]; i++)
		if (!group || (commands[i]->group && strcmp(commands[i]->group, group) == 0))
			add_command_line(to, commands[i]);
	buf_add_str(to, "\nsluicectl COMMAND --help explains one of them, with an example.");
}

static int run_argp(struct parse *p, const struct argp *argp, int argc, char **argv)
{
	unsigned flags = p->command ? 0 : ARGP_IN_ORDER;
	return argp_parse(argp, argc, argv, flags, NULL, p);
}

/* Options in front of the command; where its name begins. */
static int parse_front(struct ctl *ctl, const char *group, int argc, char **argv, int *ret)
{
	struct parse p = {.ctl = ctl, .args_at = argc};
	char name[64];
	snprintf(name, sizeof(name), "sluicectl%s%s", group ? " " : "", group ? group : "");
	struct argp_option option[OPTIONS_MAX] = {{0}};
	size_t n = 0;
	add_options(option, &n, common_options, common_option_count, KEY_COMMON, 0);
	scoped(buf_finip) struct buf doc;
	buf_init(&doc, TEXT_MAX);
	buf_add_str(&doc, "The command line of the Sluice admission gateway.\v");
	add_commands(&doc, group);
	struct argp argp = {.options = option,
			    .parser = on_key,
			    .args_doc = "COMMAND [ARG...]",
			    .doc = buf_str(&doc)};
	argv[0] = name;
	int rc = run_argp(&p, &argp, argc, argv);
	argv[0] = (char *)"sluicectl";
	*ret = p.args_at;
	return rc ? CTL_USAGE : CTL_DONE;
}

static bool is_group(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (commands[i]->group && strcmp(commands[i]->group, name) == 0)
			return true;
	return false;
}

static const struct command *find_command(const char *group, const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		bool same = group ? c->group && strcmp(c->group, group) == 0 : !c->group;
		if (same && strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static int unknown_command(const char *group, const char *name)
{
	scoped(buf_finip) struct buf text;
	buf_init(&text, TEXT_MAX);
	add_commands(&text, group);
	if (name)
		ctl_fail(CTL_USAGE, "unknown command \"%s%s%s\"", group ? group : "",
			 group ? " " : "", name);
	fprintf(stderr, "%s\n", buf_str(&text));
	return CTL_USAGE;
}

/* What stands behind the command's name. */
static int parse_command(struct ctl *ctl, const struct command *c, int argc, char **argv)
{
	char name[96];
	snprintf(name, sizeof(name), "sluicectl %s%s%s", c->group ? c->group : "",
		 c->group ? " " : "", c->name);
	struct parse p = {.ctl = ctl, .command = c};
	struct argp_option option[OPTIONS_MAX] = {{0}};
	size_t n = 0;
	add_options(option, &n, c->option, c->options, KEY_OWN, 0);
	option[n++] = (struct argp_option){.doc = "Common options:", .group = 1};
	add_options(option, &n, common_options, common_option_count, KEY_COMMON, 1);
	scoped(buf_finip) struct buf doc;
	buf_init(&doc, TEXT_MAX);
	buf_addf(&doc, "%s.\v%s", c->summary, c->about);
	struct argp argp = {
		.options = option, .parser = on_key, .args_doc = c->args, .doc = buf_str(&doc)};
	ctl->command = c;
	ctl->options = arena_alloc(ctl->arena, c->size + 1);
	p.args = arena_alloc(ctl->arena, (size_t)argc * sizeof(*p.args));
	if (!ctl->options || !p.args)
		return ctl_no_memory();
	argv[0] = name;
	int rc = run_argp(&p, &argp, argc, argv);
	argv[0] = (char *)"sluicectl";
	ctl->args = p.args;
	ctl->arg_count = p.arg_count;
	return rc ? CTL_USAGE : CTL_DONE;
}

int ctl_parse(struct ctl *ctl, int argc, char **argv)
{
	int at;
	int rc = parse_front(ctl, NULL, argc, argv, &at);
	if (rc)
		return rc;
	if (at == argc)
		return unknown_command(NULL, NULL);
	const char *group = NULL;
	if (is_group(argv[at])) {
		group = argv[at];
		int in; /* where the second word stands */
		rc = parse_front(ctl, group, argc - at, argv + at, &in);
		if (rc)
			return rc;
		at += in;
		if (at == argc)
			return unknown_command(group, NULL);
	}
	const struct command *c = find_command(group, argv[at]);
	return c ? parse_command(ctl, c, argc - at, argv + at) : unknown_command(group, argv[at]);
}
