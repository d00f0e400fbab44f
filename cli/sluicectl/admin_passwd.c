#include "cli/sluicectl/admin_passwd.h"
#include "cli/file.h"
#include "cli/sluicectl/api.h"
#include "core/base/crypt.h"
#include "core/json/build.h"

#include <stdio.h>

enum { PASSWORD_MAX = 4096, BODY_MAX = 65536 };

struct admin_passwd {
	bool from_stdin;
	const char *data;
};

static const struct command_option options[] = {
	{"stdin", 0, NULL, OPTION_FLAG, offsetof(struct admin_passwd, from_stdin),
	 "read the new password from the first line of standard input", NULL, NULL},
	{"data", 0, "DIR", OPTION_TEXT, offsetof(struct admin_passwd, data),
	 "change it in the data directory of a gateway that does not run", NULL, NULL},
};

static void wipe(struct buf *b)
{
	if (b->at)
		crypt_wipe(b->at, b->cap);
	buf_fini(b);
}

static int read_stdin(struct buf *to)
{
	struct sl_error err;
	if (file_read("-", FILE_ANY, to, &err))
		return ctl_fail(CTL_REFUSED, "%s", err.text);
	to->len = strcspn(buf_str(to), "\r\n");
	return CTL_DONE;
}

static int ask_twice(struct buf *to)
{
	scoped(wipe) struct buf again;
	buf_init(&again, PASSWORD_MAX);
	int code = prompt_secret("New password of the admin: ", to);
	if (!code)
		code = prompt_secret("The same again: ", &again);
	if (!code && !bytes_eq(buf_bytes(to), buf_bytes(&again)))
		code = ctl_fail(CTL_REFUSED, "the two differ; nothing was changed");
	return code;
}

/* Without a token the old password is asked for: it is the admin's token. */
static int ask_old(struct ctl *ctl)
{
	scoped(wipe) struct buf old;
	buf_init(&old, PASSWORD_MAX);
	int code = prompt_secret("Present password of the admin: ", &old);
	if (code)
		return code;
	ctl->token = arena_strdup(ctl->arena, buf_bytes(&old));
	return ctl->token ? CTL_DONE : ctl_no_memory();
}

static int send(struct ctl *ctl, struct bytes password)
{
	scoped(jb_freep) struct json_object *root = jb_object();
	jb_put_bytes(root, "token", password);
	scoped(wipe) struct buf body;
	buf_init(&body, BODY_MAX);
	if (jb_print(root, &body))
		return ctl_no_memory();
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {
		.method = "PUT", .path = "/v1/tokens/admin", .body = buf_bytes(&body)};
	int code = api_ask(ctl, &call, &answer);
	if (!code)
		fputs("the admin's password was changed; the old one no longer works\n", stderr);
	return code;
}

static int run(struct ctl *ctl)
{
	const struct admin_passwd *o = ctl->options;
	scoped(wipe) struct buf password;
	buf_init(&password, PASSWORD_MAX);
	int code = CTL_DONE;
	if (!o->data && !ctl->token && !o->from_stdin)
		code = ask_old(ctl);
	if (!code)
		code = o->from_stdin ? read_stdin(&password) : ask_twice(&password);
	if (code)
		return code;
	if (!password.len) {
		ctl_fail(CTL_REFUSED, "the new password is empty; nothing was changed");
		ctl_next("choose one of at least 8 characters");
		return CTL_REFUSED;
	}
	return o->data ? admin_passwd_offline(o->data, buf_bytes(&password))
		       : send(ctl, buf_bytes(&password));
}

const struct command command_admin_passwd = {
	.group = "admin",
	.name = "passwd",
	.summary = "Change the admin's password",
	.about =
		"The caller must be the admin: the present password is the token (SLUICE_TOKEN), "
		"and "
		"is asked for when there is none. The new one is asked for twice, without echo.\n\n"
		"With --data no gateway is asked and no password needed: it is written into the "
		"store "
		"in that directory, which no gateway may be using. Whoever may write there can set "
		"it.\n\n"
		"Example:\n"
		"  sluicectl admin passwd",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct admin_passwd),
	.run = run,
};
