/* `restore`: a backup becomes the store of a data directory. Everything is written and
 * checked beside what is there; then names change (restore_place.c). */
#include "cli/sluicectl/bar.h"
#include "cli/sluicectl/disk.h"
#include "cli/sluicectl/restore_place.h"
#include "cli/sluicectl/secret_file.h"
#include "cli/sluicectl/store_path.h"
#include "core/backup.h"
#include "core/base/crash.h"
#include "core/check.h"
#include "core/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 << 10, OFF_MAX = 1 << 20 };

struct restore_options {
	const char *data, *password_file;
	bool force;
};

#define AT(member) offsetof(struct restore_options, member)
static const struct command_option options[] = {
	{"data", 0, "DIR", OPTION_TEXT, AT(data), "the data directory that it goes into", NULL,
	 NULL},
	{"force", 'f', NULL, OPTION_FLAG, AT(force),
	 "although there is a store already: that one is kept beside it", NULL, NULL},
	{"password-file", 0, "FILE", OPTION_TEXT, AT(password_file),
	 "the password of its key is the first line of FILE; else it is asked for", NULL, NULL},
};

struct restoring {
	struct ctl *ctl;
	struct bar bar;
	struct backup_manifest m;
	int from, to;
	struct place place;
	bool has_key, new_key;
	uint8_t secret_key[CRYPT_KEY_SIZE];
	uint64_t faults, sealed;
	struct buf off; /* lines: features whose secrets cannot be read */
};

static int fail(const char *path)
{
	return ctl_fail(CTL_REFUSED, "%s: %s; nothing was changed", path, strerror(errno));
}

/* ---- the copy ---- */

/* 1: the backup is shorter than it says. */
static int copy_pieces(struct restoring *r, char *piece, struct crypt_digest *digest)
{
	for (uint64_t done = 0; done < r->m.bytes;) {
		uint64_t left = r->m.bytes - done;
		ssize_t n = read(r->from, piece, left < PIECE ? (size_t)left : PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -1 : 1;
		crypt_digest_add(digest, bytes_of(piece, (size_t)n));
		if (disk_write(r->to, bytes_of(piece, (size_t)n)))
			return -1;
		done += (uint64_t)n;
		bar_draw(&r->bar, done, r->m.bytes);
	}
	return fsync(r->to);
}

static int copy(struct restoring *r)
{
	char path[PATH_MAX + 32];
	struct crypt_digest digest;
	uint8_t sum[CRYPT_HASH_SIZE];
	snprintf(path, sizeof(path), "%s/" BACKUP_DATA, r->place.fresh);
	unlink(path); /* of one that was broken off */
	rmdir(r->place.fresh);
	char *piece = malloc(PIECE);
	if (!piece)
		return ctl_no_memory();
	if (mkdir(r->place.fresh, 0700) == 0)
		r->to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	crypt_digest_begin(&digest);
	r->bar.word = "copying";
	int rc = r->to < 0 ? -1 : copy_pieces(r, piece, &digest);
	int code = rc < 0 ? fail(path) : CTL_DONE;
	crypt_digest_end(&digest, sum);
	free(piece);
	bar_clear(&r->bar);
	if (code)
		return code;
	if (rc == 0 && memcmp(sum, r->m.digest, sizeof(sum)) == 0)
		return CTL_DONE;
	ctl_fail(CTL_REFUSED,
		 "%s: is damaged: its digest is not that of its manifest; nothing was changed",
		 r->ctl->args[0]);
	ctl_next("take another backup");
	return STORE_UNREADABLE;
}

/* ---- the key ---- */

static int open_key(struct restoring *r)
{
	const struct restore_options *o = r->ctl->options;
	scoped(secret_wipe) struct buf password = {0};
	uint8_t key[CRYPT_KEY_SIZE];
	r->has_key = disk_read_key(o->data, r->secret_key);
	if (!r->m.sealed_len)
		return o->password_file
			       ? ctl_fail(CTL_USAGE,
					  "--password-file: there is no key in this backup")
			       : CTL_DONE;
	buf_init(&password, SECRET_MAX);
	int code = secret_file_or_ask(o->password_file,
				      "Password of the key in the backup: ", false, &password);
	if (code)
		return code;
	int rc = backup_open_key(&r->m, buf_bytes(&password), key);
	if (rc)
		return ctl_fail(CTL_REFUSED, "the key cannot be opened: %s; nothing was changed",
				rc == SL_E_DENIED ? "the password is another one"
						  : sl_err_text(rc));
	r->new_key = !r->has_key || memcmp(key, r->secret_key, sizeof(key)) != 0;
	memcpy(r->secret_key, key, sizeof(key));
	crypt_wipe(key, sizeof(key));
	r->has_key = true;
	return CTL_DONE;
}

/* ---- is it sound? ---- */

static void step(void *user, uint64_t done, uint64_t all)
{
	struct restoring *r = user;
	bar_draw(&r->bar, done, all);
}

static void tell_fault(void *user, const struct check_fault *fault)
{
	struct restoring *r = user;
	scoped(buf_finip) struct buf words = {0};
	if (r->faults++ >= 20)
		return;
	buf_init(&words, 8192);
	check_tell(fault, &words);
	bar_clear(&r->bar);
	fprintf(stderr, "%s\n", buf_str(&words));
}

static void count_sealed(void *user, struct bytes feature SL_UNUSED)
{
	struct restoring *r = user;
	r->sealed++;
}

static int check(struct restoring *r, struct store *store)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct check_config config = {.secret_key = r->has_key ? r->secret_key : NULL,
				      .fault = tell_fault,
				      .progress = step,
				      .sealed = count_sealed,
				      .user = r};
	struct check_sum sum;
	r->bar.word = "checking";
	int rc = store_begin(store, STORE_READ, &txn);
	if (!rc)
		rc = check_store(txn, &config, &sum);
	bar_clear(&r->bar);
	if (rc)
		return ctl_fail(CTL_REFUSED, "it cannot be checked: %s", sl_err_text(rc));
	if (!r->faults)
		return CTL_DONE;
	ctl_fail(CTL_REFUSED, "%llu faults in the backup; nothing was changed",
		 (unsigned long long)r->faults);
	ctl_next("take another backup");
	return CTL_REFUSED;
}

static void note_feature(void *user, const struct registry_stored *s)
{
	struct restoring *r = user;
	if (s->sealed)
		buf_addf(&r->off, "off: feature %.*s: its secrets cannot be read\n",
			 BYTES_FMT(s->name));
}

/* By name, for whoever registers their secrets again; while nobody else has the store. */
static int note_sealed(struct restoring *r, struct store *store)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	if (!r->sealed)
		return CTL_DONE;
	if (store_begin(store, STORE_READ, &txn) ||
	    registry_read_stored(txn, r->has_key ? r->secret_key : NULL, note_feature, r))
		return ctl_fail(CTL_REFUSED, "the features cannot be read; nothing was changed");
	return r->off.rc == SL_E_NO_MEMORY ? ctl_no_memory() : CTL_DONE;
}

static void tell_sealed(struct restoring *r)
{
	if (!r->sealed)
		return;
	fputs(buf_str(&r->off), stdout);
	if (r->off.rc) /* over its ceiling */
		printf("off: %llu features in all\n", (unsigned long long)r->sealed);
	ctl_next("register their authorization and signingKey again before they are turned on: "
		 "sluicectl feature apply; or put the secret.key that they were sealed with into "
		 "%s and start the gateway anew",
		 r->place.key);
}

static void tell(const struct restoring *r)
{
	const struct restore_options *o = r->ctl->options;
	char date[64];
	time_t when = (time_t)(r->m.time_ms / 1000);
	struct tm tm;
	strftime(date, sizeof(date), "%F %T %z", localtime_r(&when, &tm));
	fprintf(stderr,
		"restored %s as of %s (sluiced %s): %llu jobs, %llu features, %llu tokens\n",
		r->place.store, date, r->m.version, (unsigned long long)r->m.jobs,
		(unsigned long long)r->m.features, (unsigned long long)r->m.tokens);
	if (!r->has_key)
		fprintf(stderr,
			"there is no secret.key: the gateway makes a new one at its start\n");
	ctl_next("if the gateway has a user of its own: chown -R USER %s", o->data);
	ctl_next("sluiced --data %s --hold, look around, then: sluicectl release", o->data);
	ctl_next("access ids and the admin's password are those of the backup; jobs that were at "
		 "work then are found lost or are started again");
}

static int restore(struct restoring *r)
{
	scoped(store_closep) struct store *store = NULL;
	struct store_path path = {.data = ""};
	const struct restore_options *o = r->ctl->options;
	int code = place_look(&r->place, o->force);
	if (!code)
		code = open_key(r);
	if (!code)
		code = copy(r);
	crash_at(CRASH_RESTORE_COPIED);
	snprintf(path.dir, sizeof(path.dir), "%s", r->place.fresh);
	if (!code)
		code = store_path_open(&path, &store);
	if (!code)
		code = check(r, store);
	if (!code)
		code = note_sealed(r, store);
	store = store_close(store);
	crash_at(CRASH_RESTORE_CHECKED);
	if (!code)
		code = place_take(&r->place, r->new_key ? r->secret_key : NULL);
	if (code)
		return code;
	tell(r);
	tell_sealed(r);
	return CTL_DONE;
}

static void remove_fresh(const struct restoring *r)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/" BACKUP_DATA, r->place.fresh);
	unlink(path);
	rmdir(r->place.fresh);
}

static int run(struct ctl *ctl)
{
	const struct restore_options *o = ctl->options;
	struct restoring r = {
		.ctl = ctl, .bar = {.ctl = ctl}, .from = -1, .to = -1, .place.lock = -1};
	struct sl_error err = {0};
	buf_init(&r.off, OFF_MAX);
	int code =
		crypt_start() ? ctl_fail(CTL_REFUSED, "no randomness on this machine") : CTL_DONE;
	if (!code && !o->data) {
		code = ctl_fail(CTL_USAGE, "--data is missing");
		ctl_next("name the data directory of the gateway that is to have it");
	}
	if (!code)
		code = place_name(&r.place, o->data);
	if (!code && backup_open(ctl->args[0], &r.m, &r.from, &err)) {
		ctl_fail(CTL_REFUSED, "%s", err.text);
		code = err.code == SL_E_CORRUPT ? STORE_UNREADABLE : CTL_REFUSED;
	}
	if (!code) {
		code = restore(&r);
		if (code)
			remove_fresh(&r);
	}
	if (r.from >= 0)
		close(r.from);
	if (r.to >= 0)
		close(r.to);
	place_fini(&r.place);
	buf_fini(&r.off);
	crypt_wipe(r.secret_key, sizeof(r.secret_key));
	return code;
}

const struct command command_restore = {
	.name = "restore",
	.args = "BACKUP",
	.args_min = 1,
	.args_max = 1,
	.arg_kind = ARG_FILE,
	.summary = "Make a backup the store of a gateway that does not run",
	.about =
		"BACKUP is a file or a folder that sluicectl backup has made. It is copied beside "
		"what is there, its digest compared, and all of it checked as by sluicectl check; "
		"only then does it get its place. Features whose secrets cannot be opened with the "
		"secret.key that is there, or comes with the backup, are off, and are named.\n\n"
		"Exit status: 0 restored, 1 refused or failed, 65 the backup cannot be read.\n\n"
		"Example:\n"
		"  sluicectl restore /var/backups/sluice.backup --data /var/lib/sluice/data",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct restore_options),
	.offline = true,
	.run = run,
};
