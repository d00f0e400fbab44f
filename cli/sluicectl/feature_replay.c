#include "cli/sluicectl/api.h"
#include "cli/sluicectl/document.h"
#include "cli/sluicectl/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_MAX = 16 << 20, PAGES_MAX = 2000, OUTCOMES = 5 };

struct feature_replay {
	const char *last;
	struct texts job;
};

#define AT(member) offsetof(struct feature_replay, member)
static const struct command_option options[] = {
	{"last", 'l', "N", OPTION_COUNT, AT(last), "so many jobs, the newest first (20)", NULL,
	 NULL},
	{"job", 'j', "JOB", OPTION_TEXTS, AT(job), "this job; may be repeated", NULL, NULL},
};

static const char *const outcomes[OUTCOMES] = {"changed", "failed", "same", "notConcerned",
					       "leftOut"};
static const char *const words[OUTCOMES] = {"would change", "would fail", "stay the same",
					    "are not concerned", "cannot be replayed"};

struct course {
	struct ctl *ctl;
	int64_t sum[OUTCOMES], jobs;
	struct listing raw; /* for JSON and YAML */
};

/* ---- what is asked ---- */

/* FILE|NAME: a file where there is one, else a registered feature. */
static int candidate(struct ctl *ctl, struct buf *to)
{
	scoped(document_finip) struct document d = {0};
	const char *name = ctl->args[0];
	if (strcmp(name, "-") != 0 && access(name, R_OK) != 0) {
		buf_add_str(to, "\"name\":");
		json_quote(to, bytes_str(name));
		return CTL_DONE;
	}
	int code = document_load(name, &d);
	buf_add_str(to, "\"feature\":");
	buf_add_bytes(to, buf_bytes(&d.text));
	return code;
}

static void first_page(const struct feature_replay *o, struct buf *to)
{
	if (!o->job.n) {
		buf_addf(to, ",\"last\":%s", o->last ? o->last : "20");
		return;
	}
	buf_add_str(to, ",\"jobIDs\":[");
	for (size_t i = 0; i < o->job.n; i++) {
		buf_add_str(to, i ? "," : "");
		json_quote(to, bytes_str(o->job.at[i]));
	}
	buf_add_char(to, ']');
}

/* `next` holds the members to be sent for the rest. */
static void next_page(const struct json *json, json_at next, struct buf *to)
{
	struct bytes raw = json_raw(json, next);
	buf_reset(to);
	buf_add_char(to, ',');
	buf_add(to, (const char *)raw.at + 1, raw.len - 2);
}

/* ---- what is told ---- */

static const char *cell(const struct ctl *ctl, const struct json *json, json_at at,
			const char *path, struct buf *to)
{
	struct column column = {"", path, CELL_TEXT, false};
	buf_init(to, 1 << 20);
	output_cell(ctl, json, at, &column, to);
	return buf_str(to);
}

static void print_change(const struct ctl *ctl, const struct json *json, json_at change)
{
	scoped(buf_finip) struct buf what = {0}, where = {0}, old = {0}, new = {0}, why = {0};
	const char *kind = cell(ctl, json, change, "what", &what);
	const char *place = cell(ctl, json, change, "path|plugin", &where);
	const char *was = cell(ctl, json, change, "old", &old);
	const char *is = cell(ctl, json, change, "new", &new);
	const char *reason = cell(ctl, json, change, "reason", &why);
	printf("    %-9s %s%s%s -> %s%s%s\n", kind, place, *place ? ": " : "",
	       *was ? was : "nothing", *is ? is : "nothing", *reason ? ": " : "", reason);
}

static void print_job(const struct ctl *ctl, const struct json *json, json_at job)
{
	scoped(buf_finip) struct buf id = {0}, outcome = {0}, why = {0};
	const char *came = cell(ctl, json, job, "outcome", &outcome);
	if (strcmp(came, "same") == 0 || strcmp(came, "notConcerned") == 0)
		return;
	const char *name = cell(ctl, json, job, "jobID", &id);
	const char *reason = cell(ctl, json, job, "reason", &why);
	printf("%s  %s%s%s\n", name, strcmp(came, "leftOut") == 0 ? "cannot be replayed" : came,
	       *reason ? ": " : "", reason);
	json_at list = json_get(json, job, BYTES("changes"));
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY)
		return;
	for (json_at e = json_first(json, list); e != JSON_NONE; e = json_next(json, list, e))
		print_change(ctl, json, e);
}

static void take_page(struct course *c, const struct json *json, json_at payload)
{
	json_at sum = json_get(json, payload, BYTES("sum"));
	json_at results = json_get(json, payload, BYTES("results"));
	int64_t n;
	for (int i = 0; i < OUTCOMES && sum != JSON_NONE; i++) {
		json_at at = json_get(json, sum, bytes_str(outcomes[i]));
		if (at != JSON_NONE && json_int64(json, at, &n) == 0) {
			c->sum[i] += n;
			c->jobs += n;
		}
	}
	if (results == JSON_NONE || json_type(json, results) != JSON_ARRAY)
		return;
	if (output_is_raw(c->ctl)) {
		listing_add(&c->raw, json, results);
		return;
	}
	for (json_at e = json_first(json, results); e != JSON_NONE; e = json_next(json, results, e))
		print_job(c->ctl, json, e);
	fflush(stdout);
	if (c->ctl->err_tty)
		fprintf(stderr, "%" PRId64 " jobs replayed\n", c->jobs);
}

static int end(struct course *c)
{
	if (output_is_raw(c->ctl))
		return listing_end(&c->raw);
	printf("%" PRId64 " job%s:", c->jobs, c->jobs == 1 ? "" : "s");
	for (int i = 0, n = 0; i < OUTCOMES; i++)
		if (c->sum[i])
			printf("%s %" PRId64 " %s", n++ ? "," : "", c->sum[i], words[i]);
	putchar('\n');
	return c->sum[1] ? CTL_REFUSED : CTL_DONE;
}

static int ask_page(struct course *c, const struct buf *who, struct buf *page, bool *ret_more)
{
	scoped(buf_finip) struct buf body;
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&body, BODY_MAX);
	buf_add_char(&body, '{');
	buf_add_bytes(&body, buf_bytes(who));
	buf_add_bytes(&body, buf_bytes(page));
	buf_add_char(&body, '}');
	if (body.rc)
		return ctl_no_memory();
	struct api_call call = {
		.method = "POST", .path = "/v1/features/replay", .body = buf_bytes(&body)};
	int code = api_ask(c->ctl, &call, &answer);
	if (code)
		return code;
	take_page(c, &answer.json, answer.payload);
	json_at next = json_get(&answer.json, answer.payload, BYTES("next"));
	*ret_more = next != JSON_NONE && json_type(&answer.json, next) == JSON_OBJECT;
	if (*ret_more)
		next_page(&answer.json, next, page);
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct feature_replay *o = ctl->options;
	struct course c = {.ctl = ctl};
	scoped(buf_finip) struct buf who, page;
	bool more = true;
	buf_init(&who, BODY_MAX);
	buf_init(&page, BODY_MAX);
	if (o->last && o->job.n)
		return ctl_fail(CTL_USAGE, "--last and --job exclude each other");
	int code = candidate(ctl, &who);
	first_page(o, &page);
	listing_begin(&c.raw, ctl, NULL, 0);
	for (int i = 0; !code && more && i < PAGES_MAX; i++)
		code = ask_page(&c, &who, &page, &more);
	if (!code)
		return end(&c);
	listing_drop(&c.raw);
	return code;
}

const struct command command_feature_replay = {
	.group = "feature",
	.name = "replay",
	.args = "FILE|NAME",
	.args_min = 1,
	.args_max = 1,
	.arg_kind = ARG_FILE,
	.summary = "Say what a feature would have done to the last jobs",
	.about =
		"FILE is a candidate that need not be registered, NAME a registered feature, on or "
		"off. Stored jobs go through admission again as dry runs, from the first stage "
		"that "
		"the candidate has, with what that stage was given then; nothing is stored or "
		"started. Printed are the jobs for which something would differ: decisions, "
		"factors "
		"and paths of the TaskSet, old and new. Plugins with side effects are not asked. "
		"The "
		"exit code is 1 if a job would fail that did not.\n\n"
		"Example:\n"
		"  sluicectl feature replay quota.yml --last 100",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct feature_replay),
	.run = run,
};
