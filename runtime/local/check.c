#include "runtime/local/check.h"

#include "runtime/local/plan.h"
#include "runtime/local/pod.h"

#include <stdio.h>

static const struct json_limits limits = {.bytes_max = 16 << 20, .depth_max = 128};

struct look {
	const struct local_config *config;
	struct json json;
	struct buf scratch;
	json_at role_name;
	struct sl_error *err;
};

static json_at get(const struct look *l, json_at object, const char *key)
{
	return json_get(&l->json, object, bytes_str(key));
}

static bool is(const struct look *l, json_at at, enum json_type type)
{
	return at != JSON_NONE && json_type(&l->json, at) == type;
}

static json_at first(const struct look *l, json_at array)
{
	return is(l, array, JSON_ARRAY) ? json_first(&l->json, array) : JSON_NONE;
}

static bool filled(const struct look *l, json_at array)
{
	return is(l, array, JSON_ARRAY) && json_count(&l->json, array);
}

/** A string's characters, or nothing; good until the next call. */
static struct bytes text(struct look *l, json_at at)
{
	struct bytes got = BYTES("");
	buf_reset(&l->scratch);
	if (is(l, at, JSON_STRING) && json_string(&l->json, at, &l->scratch, &got))
		got = BYTES("?");
	return got;
}

/** Put "role NAME: " in front of the words. */
static int in_role(struct look *l, int rc)
{
	struct bytes name = text(l, l->role_name);
	return sl_wrap(l->err, rc, "role %.*s: ", BYTES_FMT(name));
}

static int refuse(struct look *l, json_at at, const char *why)
{
	struct buf place scoped(buf_finip);
	buf_init(&place, 512);
	json_place(&l->json, at, &place);
	sl_fail(l->err, SL_E_INVALID, "%s: %s", buf_str(&place), why);
	return in_role(l, SL_E_INVALID);
}

/* ---- what it must not do ---- */

/** The setting that would allow it is named with the place. */
static int refuse_right(struct look *l, json_at at, const char *name)
{
	char why[120];
	snprintf(why, sizeof(why), "not allowed here (engines.local.allow does not name %s)", name);
	return refuse(l, at, why);
}

static int check_security(struct look *l, json_at holder)
{
	json_at context = get(l, holder, "securityContext");
	json_at privileged = get(l, context, "privileged");
	json_at added = get(l, get(l, context, "capabilities"), "add");
	if (is(l, privileged, JSON_TRUE) && !(l->config->allow & LOCAL_PRIVILEGED))
		return refuse_right(l, privileged, "privileged");
	if (filled(l, added) && !(l->config->allow & LOCAL_CAPABILITIES))
		return refuse_right(l, added, "capabilities");
	return 0;
}

static int check_pod_rights(struct look *l, json_at spec)
{
	static const struct {
		const char *name;
		enum local_right right;
	} host[] = {{"hostNetwork", LOCAL_HOST_NETWORK},
		    {"hostPID", LOCAL_HOST_PID},
		    {"hostIPC", LOCAL_HOST_IPC}};
	for (size_t i = 0; i < countof(host); i++) {
		json_at at = get(l, spec, host[i].name);
		if (is(l, at, JSON_TRUE) && !(l->config->allow & host[i].right))
			return refuse_right(l, at, host[i].name);
	}
	json_at account = get(l, spec, "serviceAccountName");
	if (text(l, account).len && !(l->config->allow & LOCAL_SERVICE_ACCOUNT))
		return refuse_right(l, account, "serviceAccountName");
	return check_security(l, spec);
}

/** Is `path` `root` or below it, without a step back up? */
static bool below(struct bytes path, struct bytes root)
{
	const char *at = path.at;
	while (root.len > 1 && ((const char *)root.at)[root.len - 1] == '/')
		root.len--;
	if (path.len < root.len || memcmp(at, root.at, root.len) != 0)
		return false;
	if (path.len > root.len && at[root.len] != '/' && root.len > 1)
		return false;
	return !memmem(at, path.len, "/../", 4) &&
	       !(path.len >= 3 && memcmp(at + path.len - 3, "/..", 3) == 0);
}

static int check_volumes(struct look *l, json_at spec)
{
	json_at list = get(l, spec, "volumes");
	for (json_at at = first(l, list); at != JSON_NONE; at = json_next(&l->json, list, at)) {
		json_at host = get(l, at, "hostPath");
		if (!plan_role_ok(text(l, get(l, at, "name"))))
			return refuse(l, at, "its name must be 1-63 of letters, digits, - _ .");
		if (host == JSON_NONE && get(l, at, "emptyDir") != JSON_NONE)
			continue;
		if (host == JSON_NONE)
			return refuse(l, at, "the local engine knows emptyDir and hostPath only");
		struct bytes path = text(l, get(l, host, "path"));
		const char *const *root = l->config->host_paths;
		while (root && *root && !below(path, bytes_str(*root)))
			root++;
		if (!root || !*root)
			return refuse(l, host,
				      "not below a folder that engines.local.allow "
				      "names (hostPath:DIR)");
	}
	return 0;
}

/* ---- what it cannot do ---- */

static int refuse_image(struct look *l, json_at image)
{
	struct buf name scoped(buf_finip);
	buf_init(&name, 256);
	struct bytes got = text(l, image);
	buf_add(&name, got.at, got.len < 200 ? got.len : 200);
	sl_fail(l->err, SL_E_INVALID,
		"container has the image %s; the local engine runs commands of this machine only; "
		"engines that can: docker, kubernetes (or set engines.local.images: ignore)",
		buf_str(&name));
	return in_role(l, SL_E_INVALID);
}

static int check_env(struct look *l, json_at container)
{
	json_at list = get(l, container, "env");
	for (json_at at = first(l, list); at != JSON_NONE; at = json_next(&l->json, list, at)) {
		json_at from = get(l, at, "valueFrom");
		if (from != JSON_NONE && !is(l, from, JSON_NULL))
			return refuse(l, from, "the local engine knows plain values only");
	}
	return 0;
}

static int check_limits(struct look *l, json_at container)
{
	struct limits got;
	int rc = pod_limits(&l->json, container, &got, l->err);
	return rc ? in_role(l, rc) : 0;
}

static int check_container(struct look *l, json_at at, bool runs)
{
	json_at image = get(l, at, "image");
	if (text(l, image).len && !l->config->images_ignore)
		return refuse_image(l, image);
	if (runs && !filled(l, get(l, at, "command")))
		return refuse(l, at, "the container has no command");
	int rc = check_security(l, at);
	if (!rc && runs)
		rc = check_limits(l, at);
	return rc || !runs ? rc : check_env(l, at);
}

static int check_list(struct look *l, json_at list, bool all_run)
{
	bool runs = true;
	for (json_at at = first(l, list); at != JSON_NONE; at = json_next(&l->json, list, at)) {
		int rc = check_container(l, at, runs);
		if (rc)
			return rc;
		runs = all_run;
	}
	return 0;
}

static int check_size(struct look *l, json_at spec)
{
	uint32_t cpus = pod_cpus(&l->json, spec);
	if (cpus <= l->config->slots)
		return 0;
	sl_fail(l->err, SL_E_INVALID,
		"a replica takes %u slots, the local engine has %u (engines.local.slots)", cpus,
		l->config->slots);
	return in_role(l, SL_E_INVALID);
}

static int check_priority(struct look *l, json_at spec)
{
	int32_t priority;
	int rc = pod_priority(&l->json, spec, l->config->priority_classes, &priority, l->err);
	return rc ? in_role(l, rc) : 0;
}

static int check_role(struct look *l, json_at role)
{
	l->role_name = get(l, role, "name");
	json_at spec = get(l, get(l, role, "template"), "spec");
	if (!filled(l, get(l, spec, "containers")))
		return refuse(l, role, "its template has no container");
	int rc = check_pod_rights(l, spec);
	if (!rc)
		rc = check_volumes(l, spec);
	if (!rc)
		rc = check_list(l, get(l, spec, "initContainers"), true);
	if (!rc)
		rc = check_list(l, get(l, spec, "containers"), false);
	if (!rc)
		rc = check_size(l, spec);
	return rc ? rc : check_priority(l, spec);
}

int check_taskset(const struct local_config *config, struct bytes taskset, struct sl_error *err)
{
	struct json json scoped(json_finip) = {0};
	int rc = json_parse(&json, taskset, &limits, err);
	if (rc)
		return rc;
	struct look l = {.config = config, .json = json, .err = err, .role_name = JSON_NONE};
	buf_init(&l.scratch, limits.bytes_max);
	json_at roles = get(&l, get(&l, 0, "spec"), "roles");
	for (json_at at = first(&l, roles); !rc && at != JSON_NONE;
	     at = json_next(&json, roles, at))
		rc = check_role(&l, at);
	buf_fini(&l.scratch);
	return rc;
}
