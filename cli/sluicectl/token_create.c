#include "cli/sluicectl/output.h"
#include "cli/sluicectl/token.h"
#include "core/base/clock.h"
#include "core/json/build.h"

#include <stdio.h>

enum { BODY_MAX = 1 << 20 };

struct token_create {
	const char *forwho, *note, *user, *author, *expires;
	struct texts privilege, header;
};

#define AT(member) offsetof(struct token_create, member)
static const struct command_option options[] = {
	{"for", 0, "WHO", OPTION_TEXT, AT(forwho), "who or what will hold it", NULL, NULL},
	{"privilege", 'p', "NAME[,NAME...]", OPTION_TEXTS, AT(privilege),
	 "what it allows; may be repeated", NULL, TOKEN_PRIVILEGES},
	{"note", 0, "TEXT", OPTION_TEXT, AT(note), "what it is for", NULL, NULL},
	{"user", 'u', "USER", OPTION_TEXT, AT(user), "only for this user's jobs", NULL, NULL},
	{"author", 0, "AUTHOR", OPTION_TEXT, AT(author), "only for this author's features", NULL,
	 NULL},
	{"header", 'H', "NAME=VALUE", OPTION_TEXTS, AT(header),
	 "a label that every job sent with it gets; may be repeated", NULL, NULL},
	{"expires", 0, "WHEN", OPTION_TEXT, AT(expires),
	 "its end: 12h or 30d from now, or 2026-12-31T00:00:00Z", NULL, NULL},
};

static const struct column columns[] = {
	{"token", "token", CELL_TEXT, false},
	{"id", "id", CELL_TEXT, false},
};

static int put_expiry(struct json_object *root, const char *expires)
{
	int64_t ms;
	if (!expires)
		return CTL_DONE;
	if (when_parse(expires, clock_wall_ms(&clock_system), 1, &ms)) {
		ctl_fail(CTL_USAGE, "--expires %s: is not a time", expires);
		ctl_next("write 12h or 30d (from now), or 2026-12-31T00:00:00Z");
		return CTL_USAGE;
	}
	jb_put_time(root, "expiresAt", ms);
	return CTL_DONE;
}

static void put_given(struct json_object *root, const char *name, const char *value)
{
	if (value)
		jb_put_str(root, name, value);
}

static int make_body(const struct token_create *o, struct buf *body)
{
	scoped(jb_freep) struct json_object *privileges = token_privileges(&o->privilege);
	if (!privileges)
		return CTL_USAGE;
	scoped(jb_freep) struct json_object *header = ctl_pairs(&o->header);
	if (!header)
		return CTL_USAGE;
	scoped(jb_freep) struct json_object *root = jb_object();
	int code = put_expiry(root, o->expires);
	if (code)
		return code;
	jb_put(root, "privileges", take_ptr(&privileges));
	put_given(root, "forwho", o->forwho);
	put_given(root, "note", o->note);
	put_given(root, "userID", o->user);
	put_given(root, "author", o->author);
	if (o->header.n)
		jb_put(root, "header", take_ptr(&header));
	return jb_print(root, body) ? ctl_no_memory() : CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct token_create *o = ctl->options;
	scoped(buf_finip) struct buf body;
	buf_init(&body, BODY_MAX);
	if (!o->forwho) {
		ctl_fail(CTL_USAGE, "--for is missing: who or what will hold the token?");
		ctl_next("sluicectl token create --help has an example");
		return CTL_USAGE;
	}
	int code = make_body(o, &body);
	if (code)
		return code;
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "POST", .path = "/v1/tokens", .body = buf_bytes(&body)};
	code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	if (output_is_raw(ctl))
		return output_value(ctl, &answer.json, answer.payload);
	code = output_pairs(ctl, &answer.json, answer.payload, columns, countof(columns));
	if (!code)
		ctl_next(
			"keep the token now: it is not shown again. It is used as SLUICE_TOKEN, or "
			"as `token:` in ~/.config/sluice/context.yml (chmod 600)");
	return code;
}

const struct command command_token_create = {
	.group = "token",
	.name = "create",
	.summary = "Make a token; it is shown this once",
	.about =
		"Privileges: read_job, write_job, resume_job, read_feature, write_feature, "
		"register_feature, read_token, write_token. The caller must hold what it gives.\n\n"
		"Example:\n"
		"  sluicectl token create --for ci -p read_job,write_job --user ada --expires 90d",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct token_create),
	.run = run,
};
