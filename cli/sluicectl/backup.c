#include "core/backup.h"
#include "cli/sluicectl/api.h"
#include "cli/sluicectl/backup_watch.h"
#include "cli/sluicectl/bar.h"
#include "cli/sluicectl/disk.h"
#include "cli/sluicectl/output.h"
#include "cli/sluicectl/secret_file.h"
#include "core/base/clock.h"
#include "core/json/build.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TAIL_MAX = BACKUP_MANIFEST_MAX + BACKUP_FOOTER, BODY_MAX = 8192, NAME_SIZE = 64 };

struct backup_options {
	bool on_gateway, with_key;
	const char *password_file;
};

#define AT(member) offsetof(struct backup_options, member)
static const struct command_option options[] = {
	{"on-gateway", 'g', NULL, OPTION_FLAG, AT(on_gateway),
	 "TO is a new folder below the gateway's own backup.dir", NULL, NULL},
	{"with-key", 'k', NULL, OPTION_FLAG, AT(with_key),
	 "put the key that opens secrets into it, sealed with a password", NULL, NULL},
	{"password-file", 0, "FILE", OPTION_TEXT, AT(password_file),
	 "that password is the first line of FILE; else it is asked for", NULL, NULL},
};

struct taking {
	struct api_answer *answer;
	struct bar bar;
	struct backup_watch watch;           /* until the first piece comes */
	char path[PATH_MAX], part[PATH_MAX]; /* "": standard output */
	int fd, error;
	uint64_t got, all;
	struct crypt_digest digest;
	char tail[2 * TAIL_MAX]; /* what may be the manifest */
	size_t tail_len;
};

/* ---- the password ---- */

static int get_password(struct ctl *ctl, struct buf *to)
{
	const struct backup_options *o = ctl->options;
	if (o->password_file && !o->with_key)
		return ctl_fail(CTL_USAGE, "--password-file: goes with --with-key");
	return o->with_key
		       ? secret_file_or_ask(o->password_file, "Password for the key: ", true, to)
		       : CTL_DONE;
}

static int make_body(struct ctl *ctl, struct bytes password, struct buf *to)
{
	const struct backup_options *o = ctl->options;
	scoped(jb_freep) struct json_object *root = jb_object();
	if (o->on_gateway)
		jb_put_str(root, "folder", ctl->args[0]);
	if (password.len)
		jb_put_bytes(root, "password", password);
	return jb_print(root, to) ? ctl_no_memory() : CTL_DONE;
}

/* ---- the stream ---- */

static int write_piece(struct taking *t, struct bytes piece)
{
	int rc = disk_write(t->fd, piece);
	t->error = rc ? errno : 0;
	return rc;
}

/* Of the copy itself, without what is behind it: the last bytes wait. */
static void digest(struct taking *t, struct bytes piece)
{
	while (piece.len) {
		size_t room = sizeof(t->tail) - t->tail_len;
		size_t n = piece.len < room ? piece.len : room;
		memcpy(t->tail + t->tail_len, piece.at, n);
		t->tail_len += n;
		piece = bytes_of((const char *)piece.at + n, piece.len - n);
		if (t->tail_len < sizeof(t->tail))
			return;
		crypt_digest_add(&t->digest, bytes_of(t->tail, TAIL_MAX));
		memmove(t->tail, t->tail + TAIL_MAX, TAIL_MAX);
		t->tail_len = TAIL_MAX;
	}
}

static int on_piece(void *user, const struct reply *reply, struct bytes piece)
{
	struct taking *t = user;
	const char *type = reply->headers[API_HEAD_TYPE].value;
	if (strncmp(type, "application/json", strlen("application/json")) == 0) {
		buf_add_bytes(&t->answer->reply.body, piece);
		return t->answer->reply.body.rc;
	}
	backup_watch_end(&t->watch);
	if (!t->all)
		t->all = strtoull(reply->headers[API_HEAD_LENGTH].value, NULL, 10);
	t->got += piece.len;
	bar_draw(&t->bar, t->got, t->all);
	digest(t, piece);
	return write_piece(t, piece);
}

/* It came whole, and is what was read. */
static int verify(struct taking *t, struct backup_manifest *ret)
{
	uint8_t digest[CRYPT_HASH_SIZE];
	struct sl_error err = {0};
	size_t at = t->tail_len < BACKUP_FOOTER ? 0 : t->tail_len - BACKUP_FOOTER;
	t->tail[t->tail_len < sizeof(t->tail) ? t->tail_len : sizeof(t->tail) - 1] = '\0';
	size_t len = at ? (size_t)strtoul(t->tail + at + 14, NULL, 10) : 0;
	if (!len || len > at)
		return ctl_fail(CTL_REFUSED, "the backup broke off");
	if (backup_read_manifest(bytes_of(t->tail + at - len, len), ret, &err))
		return ctl_fail(CTL_REFUSED, "%s", err.text);
	crypt_digest_add(&t->digest, bytes_of(t->tail, at - len));
	crypt_digest_end(&t->digest, digest);
	if (t->got != ret->bytes + len + BACKUP_FOOTER ||
	    memcmp(digest, ret->digest, sizeof(digest)) != 0)
		return ctl_fail(CTL_REFUSED, "the backup was damaged on its way");
	return CTL_DONE;
}

/* ---- where it goes ---- */

static int name_it(struct taking *t, const char *to)
{
	char name[NAME_SIZE] = "";
	struct stat st;
	time_t now = time(NULL);
	struct tm tm;
	if (strcmp(to, "-") == 0)
		return CTL_DONE;
	if (stat(to, &st) == 0 && S_ISDIR(st.st_mode))
		strftime(name, sizeof(name), "/sluice-%Y%m%d-%H%M%S.backup",
			 localtime_r(&now, &tm));
	int len = (int)strlen(to);
	while (*name && len && to[len - 1] == '/')
		len--; /* the name brings its own */
	int n = snprintf(t->path, sizeof(t->path), "%.*s%s", len, to, name);
	int m = snprintf(t->part, sizeof(t->part), "%.*s%s.part", len, to, name);
	if (n >= PATH_MAX || m >= PATH_MAX)
		return ctl_fail(CTL_USAGE, "%.80s...: the name is too long", to);
	if (lstat(t->path, &st) == 0) {
		ctl_fail(CTL_REFUSED, "%s: is there already", t->path);
		ctl_next("take another name; a backup replaces nothing");
		return CTL_REFUSED;
	}
	return CTL_DONE;
}

static int open_it(struct taking *t, struct ctl *ctl)
{
	if (!*t->path && ctl->out_tty) {
		ctl_fail(CTL_USAGE, "a backup is no text, and this is a terminal");
		ctl_next("name a file, or: sluicectl backup - > FILE");
		return CTL_USAGE;
	}
	t->fd = *t->path
			? open(t->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)
			: STDOUT_FILENO;
	return t->fd < 0 ? ctl_fail(CTL_REFUSED, "%s: %s", t->part, strerror(errno)) : CTL_DONE;
}

static int flush_folder_of(const char *path)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	return disk_flush_folder(slash ? folder : ".");
}

/* Whole and on disk under its name, or not at all. */
static int keep_it(struct taking *t, int code)
{
	if (!*t->path)
		return code;
	bool good = !code && fsync(t->fd) == 0;
	good = close(t->fd) == 0 && good;
	good = good && rename(t->part, t->path) == 0 && flush_folder_of(t->path) == 0;
	if (good)
		return CTL_DONE;
	if (!code)
		code = ctl_fail(CTL_REFUSED, "%s: %s", t->path, strerror(errno));
	unlink(t->part);
	return code;
}

/* ---- all of it ---- */

static void tell(const char *where, const struct backup_manifest *m, int64_t took_ms)
{
	scoped(buf_finip) struct buf size = {0};
	buf_init(&size, 64);
	bar_bytes(&size, m->bytes);
	fprintf(stderr, "backup %s: %llu jobs, %llu features, %llu tokens, %s, %.1f s%s\n", where,
		(unsigned long long)m->jobs, (unsigned long long)m->features,
		(unsigned long long)m->tokens, buf_str(&size), (double)took_ms / 1000,
		m->sealed_len ? ", with the key" : "");
	if (!m->sealed_len)
		ctl_next("keep secret.key of the data directory elsewhere: without it a restored "
			 "gateway cannot open the secrets of its features");
}

static int take(struct ctl *ctl, struct bytes body)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct taking t = {.answer = &answer, .bar = {.ctl = ctl, .word = "copying"}, .fd = -1};
	struct api_call call = {.method = "POST",
				.path = "/v1/admin/backup",
				.body = body,
				.accept = "application/octet-stream, application/json",
				.piece_fn = on_piece,
				.user = &t};
	struct backup_manifest m;
	int64_t begun_ms = clock_mono_ms(&clock_system);
	int code = name_it(&t, ctl->args[0]);
	if (!code)
		code = open_it(&t, ctl);
	if (code)
		return code;
	crypt_digest_begin(&t.digest);
	backup_watch_begin(&t.watch, ctl);
	code = api_send(ctl, &call, &answer);
	backup_watch_end(&t.watch);
	bar_clear(&t.bar);
	if (t.error)
		code = ctl_fail(CTL_REFUSED, "%s: %s", *t.path ? t.part : "standard output",
				strerror(t.error));
	else if (code)
		api_tell(ctl, &answer, code);
	else
		code = verify(&t, &m);
	code = keep_it(&t, code);
	if (!code)
		tell(*t.path ? t.path : "on standard output", &m,
		     clock_mono_ms(&clock_system) - begun_ms);
	return code;
}

static int take_answer(void *user, const struct reply *reply SL_UNUSED, struct bytes piece)
{
	struct api_answer *answer = user;
	buf_add_bytes(&answer->reply.body, piece);
	return answer->reply.body.rc;
}

static uint64_t number(const struct api_answer *answer, const char *name)
{
	int64_t n = 0;
	json_at at = output_find(&answer->json, answer->payload, name);
	return at == JSON_NONE || json_int64(&answer->json, at, &n) ? 0 : (uint64_t)n;
}

/* Its answer comes when it is done, however long that takes. */
static int have_made(struct ctl *ctl, struct bytes body)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "POST",
				.path = "/v1/admin/backup",
				.body = body,
				.piece_fn = take_answer,
				.user = &answer};
	struct backup_watch watch = {0};
	backup_watch_begin(&watch, ctl);
	int code = api_send(ctl, &call, &answer);
	backup_watch_end(&watch);
	if (code)
		return api_tell(ctl, &answer, code);
	json_at with = output_find(&answer.json, answer.payload, "secretKey");
	bool key = with != JSON_NONE && json_type(&answer.json, with) == JSON_TRUE;
	struct backup_manifest m = {.bytes = number(&answer, "bytes"),
				    .jobs = number(&answer, "jobs"),
				    .features = number(&answer, "features"),
				    .tokens = number(&answer, "tokens"),
				    .sealed_len = key};
	tell(ctl->args[0], &m, (int64_t)number(&answer, "tookMs"));
	return output_is_raw(ctl) ? output_value(ctl, &answer.json, answer.payload) : CTL_DONE;
}

static int run(struct ctl *ctl)
{
	const struct backup_options *o = ctl->options;
	scoped(secret_wipe) struct buf password = {0};
	scoped(secret_wipe) struct buf body = {0};
	buf_init(&password, SECRET_MAX);
	buf_init(&body, BODY_MAX);
	int code =
		crypt_start() ? ctl_fail(CTL_REFUSED, "no randomness on this machine") : CTL_DONE;
	if (!code)
		code = get_password(ctl, &password);
	if (!code)
		code = make_body(ctl, buf_bytes(&password), &body);
	if (code)
		return code;
	return o->on_gateway ? have_made(ctl, buf_bytes(&body)) : take(ctl, buf_bytes(&body));
}

const struct command command_backup = {
	.name = "backup",
	.args = "TO",
	.args_min = 1,
	.args_max = 1,
	.arg_kind = ARG_FILE,
	.summary = "Copy the whole store while the gateway runs",
	.about =
		"The admin only. TO is a file, a directory in which one is made, or - for standard "
		"output; it appears under its name when it is whole and on disk. The copy is of "
		"one "
		"moment. Logs and artifacts of jobs are not in it, nor, without --with-key, is the "
		"key that opens the secrets of features.\n\n"
		"Restore it with sluicectl restore, look into it with sluicectl check.\n\n"
		"Example:\n"
		"  sluicectl backup /var/backups/",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct backup_options),
	.run = run,
};
