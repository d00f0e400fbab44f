/* `restore`: a backup becomes the store of a data directory. Everything is written and
 * checked beside what is there; then names change. */
#include "cli/sluicectl/bar.h"
#include "cli/sluicectl/secret_file.h"
#include "cli/sluicectl/store_path.h"
#include "core/backup.h"
#include "core/check.h"
#include "core/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 << 10, STAMP_SIZE = 32, SEALED_SHOWN = 1000 };

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
	char fresh[PATH_MAX], store[PATH_MAX], key[PATH_MAX]; /* below the data directory */
	char stamp[STAMP_SIZE];
	bool has_key, new_key;
	uint8_t secret_key[CRYPT_KEY_SIZE];
	uint64_t faults, sealed;
};

static int fail(const char *path)
{
	return ctl_fail(CTL_REFUSED, "%s: %s; nothing was changed", path, strerror(errno));
}

/* ---- where it goes ---- */

static bool is_empty(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	bool empty = true;
	while (d && (e = readdir(d)))
		empty &= e->d_name[0] == '.' && (!e->d_name[1] || strcmp(e->d_name, "..") == 0);
	if (d)
		closedir(d);
	return empty;
}

/* Nobody may be using it. Whether it can be read does not matter. */
static int check_unused(const struct restoring *r)
{
	scoped(store_closep) struct store *store = NULL;
	struct store_config config = {
		.path = r->store, .size_max = 1 << 20, .readers_max = 1, .read_only = true};
	struct sl_error err = {0};
	if (store_open_lmdb(&config, &store, &err) != SL_E_CONFLICT)
		return CTL_DONE;
	ctl_fail(CTL_REFUSED, "%s", err.text);
	ctl_next("stop that gateway first");
	return CTL_REFUSED;
}

static int look_at_target(struct restoring *r)
{
	const struct restore_options *o = r->ctl->options;
	struct stat st;
	if (mkdir(o->data, 0700) < 0 && errno != EEXIST)
		return fail(o->data);
	if (lstat(r->store, &st) < 0)
		return errno == ENOENT ? CTL_DONE : fail(r->store);
	int code = check_unused(r);
	if (code || o->force || (S_ISDIR(st.st_mode) && is_empty(r->store)))
		return code;
	ctl_fail(CTL_REFUSED, "%s: there is a store already; nothing was changed", r->store);
	ctl_next("restore into another directory, or say --force: that store is then kept as %s.%s",
		 r->store, r->stamp);
	return CTL_REFUSED;
}

static int name_all(struct restoring *r)
{
	const struct restore_options *o = r->ctl->options;
	time_t now = time(NULL);
	struct tm tm;
	if (!o->data) {
		ctl_fail(CTL_USAGE, "--data is missing");
		ctl_next("name the data directory of the gateway that is to have it");
		return CTL_USAGE;
	}
	strftime(r->stamp, sizeof(r->stamp), "before-%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	int a = snprintf(r->store, PATH_MAX, "%s/store", o->data);
	int b = snprintf(r->fresh, PATH_MAX, "%s/store.restoring", o->data);
	int c = snprintf(r->key, PATH_MAX, "%s/secret.key", o->data);
	if (a >= PATH_MAX - 64 || b >= PATH_MAX - 64 || c >= PATH_MAX - 64)
		return ctl_fail(CTL_USAGE, "--data: the path is too long");
	return CTL_DONE;
}

/* ---- the copy ---- */

static int write_all(int fd, const char *at, size_t len)
{
	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno != EINTR)
			return -1;
		at += n < 0 ? 0 : n;
		len -= n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

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
		if (write_all(r->to, piece, (size_t)n))
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
	snprintf(path, sizeof(path), "%s/" BACKUP_DATA, r->fresh);
	unlink(path); /* of one that was broken off */
	rmdir(r->fresh);
	char *piece = malloc(PIECE);
	if (!piece)
		return ctl_no_memory();
	if (mkdir(r->fresh, 0700) == 0)
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

static bool read_key(struct restoring *r)
{
	int fd = open(r->key, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	bool whole = read(fd, r->secret_key, CRYPT_KEY_SIZE) == CRYPT_KEY_SIZE;
	close(fd);
	return whole;
}

static int open_key(struct restoring *r)
{
	const struct restore_options *o = r->ctl->options;
	scoped(secret_wipe) struct buf password = {0};
	uint8_t key[CRYPT_KEY_SIZE];
	r->has_key = read_key(r);
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

/* Whole or not at all, as everything here. */
static int put_key(struct restoring *r)
{
	char beside[PATH_MAX + 16], old[PATH_MAX + 64];
	struct stat st;
	if (!r->new_key)
		return CTL_DONE;
	snprintf(beside, sizeof(beside), "%s.new", r->key);
	snprintf(old, sizeof(old), "%s.%s", r->key, r->stamp);
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write_all(fd, (const char *)r->secret_key, CRYPT_KEY_SIZE) == 0 &&
		    fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (good && lstat(r->key, &st) == 0)
		good = rename(r->key, old) == 0;
	return good && rename(beside, r->key) == 0 ? CTL_DONE : fail(r->key);
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

static void tell_feature(void *user SL_UNUSED, const struct registry_stored *s)
{
	if (s->sealed)
		printf("off: feature %.*s: its secrets cannot be read\n", BYTES_FMT(s->name));
}

/* By name, for whoever registers their secrets again. */
static int tell_sealed(const struct restoring *r)
{
	scoped(store_closep) struct store *store = NULL;
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct store_path path = {.data = ""};
	snprintf(path.dir, sizeof(path.dir), "%s", r->store);
	int code = r->sealed ? store_path_open(&path, &store) : CTL_DONE;
	if (code || !r->sealed)
		return code;
	if (store_begin(store, STORE_READ, &txn) ||
	    registry_read_stored(txn, r->has_key ? r->secret_key : NULL, tell_feature, NULL))
		return ctl_fail(CTL_REFUSED, "the features cannot be read");
	ctl_next("register their authorization and signingKey again before they are turned on: "
		 "sluicectl feature apply; or put the secret.key that they were sealed with into "
		 "%s and start the gateway anew",
		 r->key);
	return CTL_DONE;
}

/* ---- names change ---- */

static int sync_data(const struct restoring *r)
{
	const struct restore_options *o = r->ctl->options;
	int fd = open(o->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int put_in_place(struct restoring *r)
{
	char old[PATH_MAX + 64];
	struct stat st;
	int fd = open(r->fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (!good)
		return fail(r->fresh);
	int code = put_key(r);
	if (code)
		return code;
	snprintf(old, sizeof(old), "%s.%s", r->store, r->stamp);
	if (lstat(r->store, &st) == 0 && rmdir(r->store) < 0) {
		if (rename(r->store, old) < 0)
			return fail(r->store);
		fprintf(stderr, "the store that was there is now %s\n", old);
	}
	if (rename(r->fresh, r->store) < 0 || sync_data(r) < 0)
		return ctl_fail(CTL_REFUSED, "%s: %s; what was checked lies in %s", r->store,
				strerror(errno), r->fresh);
	return CTL_DONE;
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
		r->store, date, r->m.version, (unsigned long long)r->m.jobs,
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
	int code = look_at_target(r);
	if (!code)
		code = open_key(r);
	if (!code)
		code = copy(r);
	snprintf(path.dir, sizeof(path.dir), "%s", r->fresh);
	if (!code)
		code = store_path_open(&path, &store);
	if (!code)
		code = check(r, store);
	store = store_close(store);
	if (!code)
		code = put_in_place(r);
	if (code)
		return code;
	tell(r);
	return tell_sealed(r);
}

static void remove_fresh(const struct restoring *r)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/" BACKUP_DATA, r->fresh);
	unlink(path);
	rmdir(r->fresh);
}

static int run(struct ctl *ctl)
{
	struct restoring r = {.ctl = ctl, .bar = {.ctl = ctl}, .from = -1, .to = -1};
	struct sl_error err = {0};
	int code =
		crypt_start() ? ctl_fail(CTL_REFUSED, "no randomness on this machine") : CTL_DONE;
	if (!code)
		code = name_all(&r);
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
