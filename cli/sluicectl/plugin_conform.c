/* `plugin conform`: hold a running plugin to the protocol, and report. */
#include "cli/sluicectl/conform.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CHECKS_MAX = 64 };

struct options {
	const char *type, *key, *calls, *junit, *timeout;
	bool typed;
};

struct result {
	const struct check *check;
	enum outcome outcome;
	char why[CONFORM_WORDS];
	double took_s;
};

struct results {
	struct result one[CHECKS_MAX];
	size_t n, count[3];
};

static const struct command_option options[] = {
	{"type", 't', "TYPE", OPTION_TEXT, offsetof(struct options, type),
	 "translator, factors, gate, decorator, binder or hook", NULL,
	 "translator|factors|gate|decorator|binder|hook"},
	{"key", 'k', "KEY", OPTION_TEXT, offsetof(struct options, key),
	 "its signing key, whsec_...; or @FILE, which holds it", NULL, NULL},
	{"calls", 'c', "FILE", OPTION_TEXT, offsetof(struct options, calls),
	 "recorded calls to ask it with, instead of a made-up job", NULL, NULL},
	{"typed", 0, NULL, OPTION_FLAG, offsetof(struct options, typed),
	 "it is registered with \"answer\": \"typed\"", NULL, NULL},
	{"timeout", 0, "MS", OPTION_COUNT, offsetof(struct options, timeout),
	 "how long an answer may take (10000)", NULL, NULL},
	{"junit", 0, "FILE", OPTION_TEXT, offsetof(struct options, junit),
	 "write the results there as JUnit XML", NULL, NULL},
};

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Control characters of a plugin's answer must not reach the terminal. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

static void run_check(struct conform *c, const struct check *check, struct result *result)
{
	*result = (struct result){.check = check};
	if (check->needs_key && !c->feature.signing_key.len) {
		result->outcome = SKIPPED;
		snprintf(result->why, sizeof(result->why), "--key is not given");
		return;
	}
	double began = now_s();
	result->outcome = check->run(c, result->why);
	result->took_s = now_s() - began;
	clean(result->why);
}

static void tell(const struct result *r)
{
	static const char *const word[] = {"ok", "FAIL", "skip"};
	printf("%-5s %s%s%s\n", word[r->outcome], r->check->name,
	       r->outcome == PASSED ? "" : "\n        ", r->outcome == PASSED ? "" : r->why);
}

static void put_xml(FILE *to, const char *text)
{
	for (; *text; text++) {
		const char *name = *text == '<'   ? "&lt;"
				   : *text == '>' ? "&gt;"
				   : *text == '&' ? "&amp;"
				   : *text == '"' ? "&quot;"
						  : NULL;
		if (name)
			fputs(name, to);
		else
			fputc(*text, to);
	}
}

static int write_junit(const char *path, const char *type, const struct results *all)
{
	FILE *to = fopen(path, "w");
	if (!to)
		return ctl_fail(CTL_REFUSED, "%s: %s", path, strerror(errno));
	fprintf(to,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"conform.%s\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n",
		type, all->n, all->count[FAILED], all->count[SKIPPED]);
	for (size_t i = 0; i < all->n; i++) {
		const struct result *r = &all->one[i];
		fprintf(to, "  <testcase classname=\"%s\" name=\"", type);
		put_xml(to, r->check->name);
		fprintf(to, "\" time=\"%.3f\">", r->took_s);
		if (r->outcome != PASSED) {
			fprintf(to, "<%s message=\"", r->outcome == FAILED ? "failure" : "skipped");
			put_xml(to, r->why);
			fputs("\"/>", to);
		}
		fputs("</testcase>\n", to);
	}
	fputs("</testsuite>\n", to);
	return fclose(to) ? ctl_fail(CTL_REFUSED, "%s: %s", path, strerror(errno)) : CTL_DONE;
}

static int run_all(struct conform *c, const struct options *o)
{
	struct results *all = arena_alloc(c->ctl->arena, sizeof(*all));
	if (!all)
		return ctl_no_memory();
	for (size_t i = 0; i < conform_check_count && all->n < CHECKS_MAX; i++) {
		const struct check *check = &conform_checks[i];
		if (check->types && !(check->types & 1u << c->type))
			continue;
		struct result *result = &all->one[all->n++];
		run_check(c, check, result);
		all->count[result->outcome]++;
		tell(result);
		if (i == 0 && result->outcome == FAILED && c->not_its_job && !o->calls) {
			ctl_next("give it calls that it knows: --calls FILE (sluicectl plugin "
				 "record makes one of a job)");
		}
	}
	printf("%zu ok, %zu failed, %zu skipped\n", all->count[PASSED], all->count[FAILED],
	       all->count[SKIPPED]);
	int code = o->junit ? write_junit(o->junit, c->kind->name, all) : CTL_DONE;
	return code ? code : all->count[FAILED] ? CTL_REFUSED : CTL_DONE;
}

static int prepare(struct conform *c, const struct options *o)
{
	if (!o->type) {
		ctl_fail(CTL_USAGE, "--type is missing");
		ctl_next("sluicectl plugin conform %s --type gate", c->url);
		return CTL_USAGE;
	}
	int code = conform_begin(c, o->type, o->key, o->timeout);
	c->typed = o->typed;
	return code ? code : conform_samples(c, o->calls);
}

/* Without any answer there is nothing to report. */
static int reach(struct conform *c)
{
	scoped(conform_answer_finip) struct conform_answer answer = {0};
	char why[CONFORM_WORDS] = "";
	if (conform_ask(c, c->sample[0].body, &(struct way){0}, &answer, why) ||
	    answer.rc != SL_E_UNAVAILABLE)
		return CTL_DONE;
	clean(why);
	ctl_fail(CTL_OFFLINE, "%s", why);
	ctl_next("start the plugin, and give the address of its function: "
		 "http://127.0.0.1:9000%s",
		 c->kind->path);
	return CTL_OFFLINE;
}

static int run(struct ctl *ctl)
{
	struct conform *c = arena_alloc(ctl->arena, sizeof(*c));
	if (!c)
		return ctl_no_memory();
	c->ctl = ctl;
	c->url = ctl->args[0];
	int code = prepare(c, ctl->options);
	if (!code)
		code = reach(c);
	if (!code)
		code = run_all(c, ctl->options);
	conform_end(c);
	return code;
}

const struct command command_plugin_conform = {
	.group = "plugin",
	.name = "conform",
	.args = "URL",
	.args_min = 1,
	.args_max = 1,
	.summary = "Hold a running plugin, in any language, to the protocol",
	.about = "Asks it as a gateway would, and as none should: legal and broken calls, members "
		 "it does not know, big bodies, repeats, dry runs, its own output, good and bad "
		 "signatures. Tells what failed and why; exit code 1 when something did.\n\n"
		 "Example:\n"
		 "  sluicectl plugin conform http://127.0.0.1:9000/gate --type gate "
		 "--key @signing.key --junit gate.xml",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct options),
	.offline = true,
	.run = run,
};
