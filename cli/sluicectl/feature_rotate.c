#include "cli/file.h"
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/output.h"
#include "core/base/crypt.h"
#include "core/json/build.h"

#include <stdio.h>

enum { URL_MAX = 65536, BODY_MAX = 65536, KEY_FILE_MAX = 4096 };

struct feature_rotate {
	const char *key, *overlap;
};

#define AT(member) offsetof(struct feature_rotate, member)
static const struct command_option options[] = {
	{"key", 'k', "KEY", OPTION_TEXT, AT(key),
	 "the new key, whsec_...; or @FILE, which holds it (@-: standard input); without it one is "
	 "made",
	 NULL, NULL},
	{"overlap", 0, "SPAN", OPTION_TEXT, AT(overlap),
	 "how long the old key signs too: 90s, 15m, 2h, 3d (1d); 0 if it has leaked", NULL, NULL},
};

static const struct column key_column = {"", "signingKey", CELL_TEXT, false};
static const struct column until_column = {"", "oldKeyUntil", CELL_TIME, false};

static int put_overlap(struct json_object *root, const char *overlap)
{
	int64_t ms;
	if (!overlap)
		return CTL_DONE;
	bool span = overlap[strspn(overlap, "0123456789")] != '-';
	if (!span || when_parse(overlap, 0, 1, &ms)) {
		ctl_fail(CTL_USAGE, "--overlap %s: is not a span of time", overlap);
		ctl_next("write 90s, 15m, 2h or 3d; 0: the old key signs no more at once");
		return CTL_USAGE;
	}
	jb_put_int(root, "overlapSec", ms / 1000);
	return CTL_DONE;
}

static int put_key(struct json_object *root, const char *key)
{
	scoped(buf_finip) struct buf file = {0};
	struct sl_error err = {0};
	buf_init(&file, KEY_FILE_MAX);
	if (!key)
		return CTL_DONE;
	if (*key != '@') {
		jb_put_str(root, "signingKey", key);
		return CTL_DONE;
	}
	if (file_read(key + 1, FILE_ANY, &file, &err))
		return ctl_fail(CTL_REFUSED, "--key: %s", err.text);
	struct bytes text = buf_bytes(&file);
	while (text.len && strchr("\r\n\t ", ((const char *)text.at)[text.len - 1]))
		text.len--;
	if (!bytes_starts(text, "whsec_")) {
		ctl_fail(CTL_USAGE, "--key: %s does not hold a key", key + 1);
		ctl_next("it must be one line: whsec_ and the base64 of 24 to 64 bytes");
		return CTL_USAGE;
	}
	jb_put_bytes(root, "signingKey", text);
	crypt_wipe(file.at, file.len);
	return CTL_DONE;
}

/* Only this answer shows a key that was made: one that nobody would see helps nobody. */
static int check_shown(const struct ctl *ctl, const struct feature_rotate *o)
{
	if (o->key || ctl->out_tty || output_is_raw(ctl))
		return CTL_DONE;
	ctl_fail(CTL_USAGE, "the new key is a secret and not shown off a terminal; nothing was "
			    "changed");
	ctl_next("ask for it with -o json, or give one of your own: --key @FILE");
	return CTL_USAGE;
}

static int print_rotation(struct ctl *ctl, const struct api_answer *answer, bool made)
{
	scoped(buf_finip) struct buf key = {0};
	scoped(buf_finip) struct buf until = {0};
	buf_init(&key, BODY_MAX);
	buf_init(&until, BODY_MAX);
	if (answer->payload == JSON_NONE || output_is_raw(ctl))
		return output_value(ctl, &answer->json, answer->payload);
	output_cell(ctl, &answer->json, answer->payload, &key_column, &key);
	output_cell(ctl, &answer->json, answer->payload, &until_column, &until);
	if (key.rc || until.rc)
		return ctl_no_memory();
	const char *name = ctl->args[0];
	if (ctl->format == FORMAT_PLAIN)
		printf("%s\t%s\n", name, buf_str(&until));
	else if (until.len)
		printf("%s: the old key signs too until %s\n", name, buf_str(&until));
	else
		printf("%s: only the new key signs\n", name);
	if (made && ctl->out_tty)
		printf("  signing key (shown only now): %s\n", buf_str(&key));
	if (until.len)
		ctl_next("give the plugins of %s the new key before then", name);
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct feature_rotate *o = ctl->options;
	scoped(jb_freep) struct json_object *root = jb_object();
	scoped(buf_finip) struct buf url = {0};
	scoped(buf_finip) struct buf body = {0};
	scoped(api_answer_fini) struct api_answer answer = {0};
	buf_init(&url, URL_MAX);
	buf_init(&body, BODY_MAX);
	int code = check_shown(ctl, o);
	if (!code)
		code = put_overlap(root, o->overlap);
	if (!code)
		code = put_key(root, o->key);
	if (code)
		return code;
	api_path(&url, "/v1/features/rotate-key/", ctl->args[0]);
	if (jb_print(root, &body))
		return ctl_no_memory();
	struct api_call call = {.method = "PUT", .path = buf_str(&url), .body = buf_bytes(&body)};
	code = api_ask(ctl, &call, &answer);
	crypt_wipe(body.at, body.len);
	return code ? code : print_rotation(ctl, &answer, !o->key);
}

const struct command command_feature_rotate_key = {
	.group = "feature",
	.name = "rotate-key",
	.args = "FEATURE",
	.args_min = 1,
	.args_max = 1,
	.summary = "Give a feature another signing key",
	.about = "Calls are signed with both keys until the overlap ends, so plugins that check "
		 "signatures refuse none while they change over. A key that the gateway made is "
		 "shown this once, on a terminal or with -o json or yaml.\n\n"
		 "Example:\n"
		 "  sluicectl feature rotate-key quota --overlap 2d",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct feature_rotate),
	.run = run,
};
