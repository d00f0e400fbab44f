#include "core/check.h"
#include "cli/sluicectl/bar.h"
#include "cli/sluicectl/disk.h"
#include "cli/sluicectl/output.h"
#include "cli/sluicectl/store_path.h"
#include "core/backup.h"
#include "core/base/crypt.h"

#include <stdio.h>

enum { FAULTS_SHOWN = 1000 };

struct check_options {
	bool quiet;
};

static const struct command_option options[] = {
	{"quiet", 'q', NULL, OPTION_FLAG, offsetof(struct check_options, quiet),
	 "say nothing about what is fine", NULL, NULL},
};

struct run {
	const struct ctl *ctl;
	uint64_t shown;
	struct bar bar;
};

static void step(void *user, uint64_t done, uint64_t all)
{
	struct run *r = user;
	bar_draw(&r->bar, done, all);
}

static void tell_fault(void *user, const struct check_fault *fault)
{
	struct run *r = user;
	scoped(buf_finip) struct buf words = {0};
	if (r->shown++ >= FAULTS_SHOWN)
		return;
	bar_clear(&r->bar);
	buf_init(&words, 8192);
	check_tell(fault, &words);
	printf("%s\n", buf_str(&words));
}

static void tell_sealed(void *user, struct bytes feature)
{
	struct run *r = user;
	bar_clear(&r->bar);
	printf("features %.*s: its secrets cannot be opened with this secret.key\n",
	       BYTES_FMT(feature));
}

static int check(struct run *r, struct store *store, const struct store_path *path,
		 struct check_sum *ret)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	uint8_t key[CRYPT_KEY_SIZE];
	struct check_config config = {
		.fault = tell_fault, .progress = step, .user = r, .secret_key = NULL};
	if (*path->data && disk_read_key(path->data, key)) /* what lies beside the store */
		config.secret_key = key;
	config.sealed = config.secret_key ? tell_sealed : NULL;
	int rc = store_begin(store, STORE_READ, &txn);
	if (!rc)
		rc = check_store(txn, &config, ret);
	crypt_wipe(key, sizeof(key));
	bar_clear(&r->bar);
	return rc ? ctl_fail(CTL_REFUSED, "%s: cannot be checked: %s", path->dir, sl_err_text(rc))
		  : CTL_DONE;
}

static int tell_sum(const struct run *r, const struct store_path *path, const struct check_sum *sum)
{
	const struct check_options *o = r->ctl->options;
	if (r->shown > FAULTS_SHOWN)
		printf("... and %llu more\n", (unsigned long long)(r->shown - FAULTS_SHOWN));
	if (sum->faults) {
		ctl_fail(CTL_REFUSED, "%s: %llu faults in %llu entries", path->dir,
			 (unsigned long long)sum->faults, (unsigned long long)sum->entries);
		ctl_next("keep a copy of it as it is; then restore the newest backup that checks "
			 "clean (sluicectl restore)");
		return CTL_REFUSED;
	}
	if (!o->quiet)
		printf("%s: clean: %llu entries, %llu jobs, %llu features, %llu tokens, "
		       "%llu deliveries\n",
		       path->dir, (unsigned long long)sum->entries, (unsigned long long)sum->jobs,
		       (unsigned long long)sum->features, (unsigned long long)sum->tokens,
		       (unsigned long long)sum->deliveries);
	return CTL_DONE;
}

/* A backup says of itself what it must be. */
static int check_backup(const char *path)
{
	struct backup_manifest m;
	struct sl_error err = {0};
	int rc = backup_verify(path, &m, &err);
	if (!rc || rc == SL_E_NOT_FOUND)
		return CTL_DONE; /* not found: no backup but a data directory or a store */
	ctl_fail(CTL_REFUSED, "%s", err.text);
	return rc == SL_E_CORRUPT ? STORE_UNREADABLE : CTL_REFUSED;
}

static int run(struct ctl *ctl)
{
	scoped(store_closep) struct store *store = NULL;
	struct run r = {.ctl = ctl, .bar = {.ctl = ctl, .word = "checking"}};
	scoped(store_path_fini) struct store_path path = {.linked = false};
	struct check_sum sum = {0};
	int code = store_path_find(ctl->args[0], &path);
	if (!code)
		code = check_backup(ctl->args[0]);
	if (!code && crypt_start())
		code = ctl_fail(CTL_REFUSED, "no randomness on this machine");
	if (!code)
		code = store_path_open(&path, &store);
	if (!code)
		code = check(&r, store, &path, &sum);
	return code ? code : tell_sum(&r, &path, &sum);
}

const struct command command_check = {
	.name = "check",
	.args = "WHAT",
	.args_min = 1,
	.args_max = 1,
	.arg_kind = ARG_FILE,
	.summary = "Check a store that is not in use, or a backup",
	.about = "Reads every entry and compares what is stored twice: jobs with their index, "
		 "counters, timers and logs, the event stream with the jobs, deliveries with "
		 "subscribers, features with their order, and so on. It changes nothing, and says "
		 "what is wrong and where, a line each.\n\n"
		 "WHAT is a data directory, the store in it, or a backup, of which the digest "
		 "is compared, too.\n\n"
		 "Exit status: 0 clean, 1 something is wrong, 65 it cannot be read at all.\n\n"
		 "Example:\n"
		 "  sluicectl check /var/lib/sluice/data",
	.option = options,
	.options = countof(options),
	.size = sizeof(struct check_options),
	.offline = true,
	.run = run,
};
