#include "cli/sluicectl/admin_passwd.h"
#include "cli/sluicectl/ctl.h"
#include "core/access/admin.h"
#include "core/base/crypt.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READERS_MAX = 8 };

static const size_t size_max = (size_t)64 << 30; /* as the gateway's by default */

/* A store is not made here: a mistyped directory would get one. */
static int find_store(const char *data, char path[PATH_MAX])
{
	struct stat st;
	int n = snprintf(path, PATH_MAX, "%s/store", data);
	if (n < 0 || n >= PATH_MAX)
		return ctl_fail(CTL_REFUSED, "--data: the path is too long");
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return CTL_DONE;
	ctl_fail(CTL_REFUSED, "%s: holds no store%s%s", data, errno == ENOENT ? "" : ": ",
		 errno == ENOENT ? "" : strerror(errno));
	ctl_next("name the data directory of a gateway that has run once: sluiced --data %s", data);
	return CTL_REFUSED;
}

static int tell_open(int rc, const struct sl_error *err)
{
	ctl_fail(CTL_REFUSED, "%s", err->text);
	if (rc == SL_E_CONFLICT)
		ctl_next("stop that gateway first, or ask it: sluicectl admin passwd without "
			 "--data");
	return CTL_REFUSED;
}

static int tell_refused(int rc, const struct sl_error *err)
{
	static const char field[] = "token: "; /* its name in the API */
	const char *why = err->code ? err->text : sl_err_text(rc);
	if (strncmp(why, field, strlen(field)) == 0)
		why += strlen(field);
	return ctl_fail(CTL_REFUSED, "the password was not changed: %s", why);
}

static int put(struct store *store, struct bytes password, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	char user[32];
	snprintf(user, sizeof(user), "uid %u", (unsigned)getuid());
	const struct audit_by by = {.token = BYTES("sluicectl"), .address = bytes_str(user)};
	int rc = store_begin(store, STORE_WRITE, &txn);
	if (!rc)
		rc = admin_put(txn, password, &by, err);
	return rc ? rc : store_commit(&txn);
}

int admin_passwd_offline(const char *data, struct bytes password)
{
	scoped(store_closep) struct store *store = NULL;
	struct sl_error err = {0};
	char path[PATH_MAX];
	int code = find_store(data, path);
	if (code)
		return code;
	struct store_config config = {
		.path = path, .size_max = size_max, .readers_max = READERS_MAX};
	int rc = crypt_start();
	if (rc)
		return ctl_fail(CTL_REFUSED, "%s", sl_err_text(rc));
	rc = store_open_lmdb(&config, &store, &err);
	if (rc)
		return tell_open(rc, &err);
	rc = put(store, password, &err);
	if (rc)
		return tell_refused(rc, &err);
	fputs("the admin's password was changed; start the gateway\n", stderr);
	return CTL_DONE;
}
