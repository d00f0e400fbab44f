#include "cli/sluiced/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>

static int forbid(scmp_filter_ctx filter)
{
	const uint32_t answer = SCMP_ACT_ERRNO(EPERM);
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, answer);
	if (!rc)
		rc = seccomp_rule_add(filter, answer, SCMP_SYS(execve), 0);
	if (!rc)
		rc = seccomp_rule_add(filter, answer, SCMP_SYS(execveat), 0);
	return rc ? rc : seccomp_load(filter);
}

int confine(bool *ret_filter, struct sl_error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sl_fail(err, SL_E_IO, "no_new_privs: %s", strerror(errno));
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return sl_fail(err, SL_E_NO_MEMORY, "seccomp: out of memory");
	int rc = forbid(filter);
	seccomp_release(filter);
	bool missing = rc == -EINVAL || rc == -ENOSYS;
	*ret_filter = rc == 0;
	return rc && !missing ? sl_fail(err, SL_E_IO, "seccomp: %s", strerror(-rc)) : 0;
}
