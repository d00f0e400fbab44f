#include "runtime/local/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRY_MAX = 1 << 20, ENTRY_FIRST = 4096 };

/** A user's entry, with the memory its strings lie in (to be freed). 0 or errno, 0 and
 * `*found` NULL: there is none. */
static int look_up(const char *name, struct passwd *entry, char **memory, struct passwd **found)
{
	*memory = NULL;
	for (size_t size = ENTRY_FIRST; size <= ENTRY_MAX; size *= 2) {
		char *more = realloc(*memory, size);
		if (!more)
			return ENOMEM;
		*memory = more;
		int rc = getpwnam_r(name, entry, more, size, found);
		if (rc != ERANGE)
			return rc;
	}
	return ERANGE;
}

int identity_find(const char *name, struct identity *ret, struct sl_error *err)
{
	struct identity who = {.given = *name, .uid = geteuid(), .gid = getegid()};
	struct passwd entry, *found = NULL;
	char *memory = NULL;
	int rc = 0;
	if (who.given) {
		errno = look_up(name, &entry, &memory, &found);
		if (!found)
			rc = sl_fail(err, SL_E_INVALID, "there is no user %s%s%s", name,
				     errno ? ": " : "", errno ? strerror(errno) : "");
	}
	if (found) {
		who.uid = entry.pw_uid;
		who.gid = entry.pw_gid;
		who.groups = IDENTITY_GROUPS_MAX;
		if (getgrouplist(name, entry.pw_gid, who.group, &who.groups) < 0)
			rc = sl_fail(err, SL_E_INVALID, "user %s is in more than %d groups", name,
				     IDENTITY_GROUPS_MAX);
	}
	free(memory);
	if (!rc && identity_other(&who) && geteuid() != 0)
		rc = sl_fail(err, SL_E_INVALID,
			     "only root can become user %s: start sluiced as root, or leave it out",
			     name);
	if (!rc)
		*ret = who;
	return rc;
}

bool identity_ok(const struct identity *who)
{
	return who->groups >= 0 && who->groups <= IDENTITY_GROUPS_MAX;
}

bool identity_other(const struct identity *who) { return who->given && who->uid != geteuid(); }

static int set_capabilities(uint64_t which)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	for (unsigned i = 0; i < countof(data); i++)
		data[i].permitted = data[i].effective = (uint32_t)(which >> (32 * i));
	return (int)syscall(SYS_capset, &head, data);
}

static int change(const struct identity *who)
{
	if (setgroups((size_t)who->groups, who->group) < 0 ||
	    setresgid(who->gid, who->gid, who->gid) < 0)
		return -1;
	return setresuid(who->uid, who->uid, who->uid);
}

int identity_become(const struct identity *who)
{
	if (!identity_other(who))
		return 0;
	return change(who) < 0 ? -1 : set_capabilities(0);
}

int identity_become_spawner(const struct identity *who)
{
	static const uint64_t kept = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE |
				     1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | 1ULL << CAP_KILL |
				     1ULL << CAP_SETGID | 1ULL << CAP_SETUID |
				     1ULL << CAP_SYS_PTRACE;
	if (!identity_other(who))
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || change(who) < 0 || set_capabilities(kept) < 0)
		return -1;
	return prctl(PR_SET_KEEPCAPS, 0);
}
