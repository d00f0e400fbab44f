#include "cli/sluicectl/api.h"
#include "cli/sluicectl/document.h"
#include "cli/sluicectl/stages.h"
#include "cli/sluicectl/watch.h"
#include "core/json/build.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

enum { BODY_MAX = 256 << 20 };

struct submit {
	const char *user, *name, *kind, *parent, *key;
	struct texts header;
	bool wait, watch, dry;
	const char *with;
};

#define AT(member) offsetof(struct submit, member)
static const struct command_option options[] = {
	{"user", 'u', "USER", OPTION_TEXT, AT(user), "whose job it is (your login name)", NULL,
	 NULL},
	{"name", 'n', "NAME", OPTION_TEXT, AT(name), "its name (the file's name)", NULL, NULL},
	{"kind", 'k', "KIND", OPTION_TEXT, AT(kind), "its kind (the document's `kind`)", NULL,
	 NULL},
	{"header", 'H', "NAME=VALUE", OPTION_TEXTS, AT(header),
	 "a label of the job; may be repeated", NULL, NULL},
	{"parent", 0, "JOB", OPTION_TEXT, AT(parent), "the job that it is a child of", NULL, NULL},
	{"idempotency-key", 0, "KEY", OPTION_TEXT, AT(key),
	 "submitted again with the same key and content, it is the same job", NULL, NULL},
	{"wait", 'w', NULL, OPTION_FLAG, AT(wait), "until the job is final", NULL, NULL},
	{"watch", 0, NULL, OPTION_FLAG, AT(watch),
	 "as --wait, and print what happens to it meanwhile", NULL, NULL},
	{"dry-run", 0, NULL, OPTION_FLAG, AT(dry),
	 "say what would happen; nothing is stored or started", NULL, NULL},
	{"with", 0, "FEATURE", OPTION_TEXT, AT(with), "with --dry-run: as if this feature were on",
	 NULL, NULL},
};

static bool has_flags(const struct submit *o)
{
	return o->user || o->name || o->kind || o->parent || o->header.n;
}

/* A whole submission has `job` and says whose or what it is. */
static bool is_whole(const struct json *json)
{
	return json_get(json, 0, BYTES("job")) != JSON_NONE &&
	       (json_get(json, 0, BYTES("userID")) != JSON_NONE ||
		json_get(json, 0, BYTES("jobKind")) != JSON_NONE);
}

static const char *login_name(struct ctl *ctl)
{
	const struct passwd *pw = getpwuid(geteuid());
	return arena_strdup(ctl->arena, bytes_str(pw ? pw->pw_name : "nobody"));
}

/* "dir/train.yml" gives "train". */
static const char *file_stem(struct ctl *ctl, const char *path)
{
	const char *base = strrchr(path, '/');
	base = base ? base + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t len = dot && dot > base ? (size_t)(dot - base) : strlen(base);
	return arena_strdup(ctl->arena,
			    strcmp(path, "-") == 0 ? BYTES("job") : bytes_of(base, len));
}

static const char *kind_of(struct ctl *ctl, const struct json *json)
{
	scoped(buf_finip) struct buf word;
	buf_init(&word, 4096);
	struct bytes text;
	json_at kind = json_get(json, 0, BYTES("kind"));
	if (kind == JSON_NONE || json_type(json, kind) != JSON_STRING ||
	    json_string(json, kind, &word, &text))
		return NULL;
	return arena_strdup(ctl->arena, text);
}

/* Wrap a bare job document up as a submission. */
static int build(struct ctl *ctl, const struct document *d, struct buf *body)
{
	const struct submit *o = ctl->options;
	const char *kind = o->kind ? o->kind : kind_of(ctl, &d->json);
	if (!kind) {
		ctl_fail(CTL_USAGE, "%s: has no `kind`", ctl->args[0]);
		ctl_next("add `kind:` to the document; a whole submission has userID, jobName, "
			 "jobKind and job");
		return CTL_USAGE;
	}
	struct json_object *header = ctl_pairs(&o->header);
	if (!header)
		return CTL_USAGE;
	scoped(jb_freep) struct json_object *root = jb_object();
	jb_put_str(root, "userID", o->user ? o->user : login_name(ctl));
	jb_put_str(root, "jobName", o->name ? o->name : file_stem(ctl, ctl->args[0]));
	jb_put_str(root, "jobKind", kind);
	jb_put(root, "header", header);
	if (o->parent)
		jb_put_str(root, "parentJobID", o->parent);
	jb_put_raw(root, "job", json_raw(&d->json, 0));
	return jb_print(root, body) ? ctl_no_memory() : CTL_DONE;
}

static int make_body(struct ctl *ctl, const struct document *d, struct buf *body)
{
	const struct submit *o = ctl->options;
	const char *file = ctl->args[0];
	if (json_type(&d->json, 0) != JSON_OBJECT)
		return ctl_fail(CTL_REFUSED, "%s: must hold an object, not %s", file,
				json_type_name(json_type(&d->json, 0)));
	if (is_whole(&d->json) && has_flags(o)) {
		ctl_fail(CTL_USAGE,
			 "%s is a whole submission: --user, --name, --kind, --header and "
			 "--parent are for bare job documents",
			 file);
		ctl_next("leave those options out, or change the file");
		return CTL_USAGE;
	}
	if (!is_whole(&d->json) && !has_flags(o)) {
		ctl_fail(CTL_USAGE,
			 "%s is not a whole submission (userID, jobName, jobKind, header, "
			 "job)",
			 file);
		ctl_next("for a bare job document say at least whose it is: --user NAME");
		return CTL_USAGE;
	}
	if (!is_whole(&d->json))
		return build(ctl, d, body);
	buf_add_bytes(body, buf_bytes(&d->text));
	return body->rc ? ctl_no_memory() : CTL_DONE;
}

static int follow(struct ctl *ctl, const struct json *json, json_at payload)
{
	const struct submit *o = ctl->options;
	static const struct column column = {"job", "jobID", CELL_TEXT, false};
	scoped(buf_finip) struct buf id;
	buf_init(&id, 4096);
	output_cell(ctl, json, payload, &column, &id);
	if (!id.len)
		return ctl_fail(CTL_REFUSED, "the gateway took the job but told no jobID");
	bool follows = o->wait || o->watch;
	if (!output_is_raw(ctl))
		puts(buf_str(&id));
	else if (!follows)
		return output_value(ctl, json, payload);
	fflush(stdout);
	if (follows)
		return watch_job(ctl, buf_str(&id), o->watch ? WATCH_ALL : WATCH_QUIETLY);
	if (ctl->out_tty)
		ctl_next("sluicectl job get %s", buf_str(&id));
	return CTL_DONE;
}

static int check_options(const struct submit *o)
{
	if (o->with && !o->dry)
		return ctl_fail(CTL_USAGE, "--with is for --dry-run");
	if (o->dry && (o->wait || o->watch || o->key))
		return ctl_fail(CTL_USAGE, "--dry-run submits nothing: --wait, --watch and "
					   "--idempotency-key are not for it");
	return CTL_DONE;
}

/* 0 only if the job would go to its engine: for scripts. */
static int tell_dry_run(struct ctl *ctl, const struct json *json, json_at payload)
{
	json_at state = json_get(json, payload, BYTES("state"));
	int code = output_is_raw(ctl) ? output_value(ctl, json, payload)
				      : stages_print(ctl, json, payload);
	if (code)
		return code;
	fflush(stdout);
	bool fine = state != JSON_NONE && json_string_is(json, state, BYTES("waiting"));
	if (fine && ctl->out_tty)
		ctl_next("submit it without --dry-run; -o yaml shows the whole TaskSet");
	return fine ? CTL_DONE : CTL_REFUSED;
}

static int dry_run(struct ctl *ctl, struct bytes body)
{
	const struct submit *o = ctl->options;
	scoped(buf_finip) struct buf url;
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, 65536);
	buf_add_str(&url, "/v1/job?dryRun=true");
	api_query(&url, "with", o->with);
	struct api_call call = {.method = "POST", .path = buf_str(&url), .body = body};
	int code = api_ask(ctl, &call, &answer);
	return code ? code : tell_dry_run(ctl, &answer.json, answer.payload);
}

static int run(struct ctl *ctl)
{
	const struct submit *o = ctl->options;
	scoped(document_finip) struct document d = {0};
	scoped(buf_finip) struct buf body;
	buf_init(&body, BODY_MAX);
	int code = check_options(o);
	if (!code)
		code = document_load(ctl->args[0], &d);
	if (!code)
		code = make_body(ctl, &d, &body);
	if (code)
		return code;
	if (o->dry)
		return dry_run(ctl, buf_bytes(&body));
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "POST",
				.path = "/v1/job",
				.body = buf_bytes(&body),
				.idempotency_key = o->key};
	code = api_ask(ctl, &call, &answer);
	return code ? code : follow(ctl, &answer.json, answer.payload);
}

const struct command command_submit = {
	.name = "submit",
	.args = "FILE|-",
	.args_min = 1,
	.args_max = 1,
	.arg_kind = ARG_FILE,
	.summary = "Submit a job, in YAML or JSON",
	.about =
		"FILE holds either a whole submission (userID, jobName, jobKind, header, job), or "
		"the bare job document when one of --user, --name, --kind, --header or --parent is "
		"given. The job's id is printed.\n\n"
		"--watch prints a line for each thing that happens: stages, plugins and what they "
		"said, replicas; at the end, in tables, what the job printed (of each replica the "
		"last 50 lines). How far each role is stands below on a terminal; elsewhere "
		"standard error gets a line when that changes. "
		"--wait and --watch ask the gateway every 100 ms at first, then ever slower up to "
		"once a second (every 10 s where the answers take long), and end with exit code 0 "
		"only if the job succeeded. Leaving them with Ctrl-C does not stop the job.\n\n"
		"--dry-run goes through admission without storing or starting anything and ends "
		"with "
		"exit code 0 only if the job would go to its engine. Plugins with side effects "
		"(gates, "
		"unless they declare sideEffects: none) are not asked and count as passed.\n\n"
		"Example:\n"
		"  sluicectl submit train.yml --user ada -H team=vision --watch",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct submit),
	.run = run,
};
