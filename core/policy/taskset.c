#include "core/policy/taskset.h"

#include "core/base/arena.h"
#include "core/json/fail.h"

#include <stdlib.h>

enum { SECONDS_MAX = 366 * 24 * 3600, RETRIES_MAX = 1000000, PLACE_MAX = 4096, TEXT_MAX = 1 << 20 };

static const char *const event_names[ROLE_EVENTS] = {"RoleFailed", "RoleSucceeded",
						     "RoleCompleted"};
static const char *const action_names[] = {"NoAction", "TaskSetFailed", "TaskSetSucceeded",
					   "TaskSetCompleted"};
static const char *const dep_names[] = {"succeeded", "failed", "ended"};

struct reader {
	const struct json *j;
	struct taskset *set;
	struct sl_error *err;
};

static int fail(struct reader *r, json_at at, enum sl_err code, const char *fmt, ...)
	SL_PRINTF(4, 5);

static int fail(struct reader *r, json_at at, enum sl_err code, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int rc = json_vfail(r->j, at, r->err, code, fmt, args);
	va_end(args);
	return rc;
}

/* A member; null counts as absent. */
static json_at member(struct reader *r, json_at object, const char *name)
{
	json_at at = json_get(r->j, object, bytes_str(name));
	return at != JSON_NONE && json_type(r->j, at) == JSON_NULL ? JSON_NONE : at;
}

static int want(struct reader *r, json_at at, enum json_type type)
{
	enum json_type is = json_type(r->j, at);
	if (is == type || (type == JSON_TRUE && is == JSON_FALSE))
		return 0;
	return fail(r, at, SL_E_INVALID, "must be %s, not %s",
		    type == JSON_TRUE ? "true or false" : json_type_name(type), json_type_name(is));
}

static int need(struct reader *r, json_at object, const char *name, enum json_type type,
		json_at *ret)
{
	*ret = member(r, object, name);
	if (*ret == JSON_NONE) {
		scoped(buf_finip) struct buf place = {0};
		buf_init(&place, PLACE_MAX);
		json_place(r->j, object, &place);
		return sl_fail(r->err, SL_E_LACK, "%s%s%s: is required", buf_str(&place),
			       place.len ? "." : "", name);
	}
	return want(r, *ret, type);
}

static int number(struct reader *r, json_at object, const char *name, int64_t from, int64_t to,
		  uint32_t *into)
{
	json_at at = member(r, object, name);
	int64_t value;
	if (at == JSON_NONE)
		return 0;
	if (json_type(r->j, at) != JSON_NUMBER || json_int64(r->j, at, &value) || value < from ||
	    value > to)
		return fail(r, at, SL_E_INVALID, "must be a whole number from %lld to %lld",
			    (long long)from, (long long)to);
	*into = (uint32_t)value;
	return 0;
}

static int flag(struct reader *r, json_at object, const char *name, bool *into)
{
	json_at at = member(r, object, name);
	if (at == JSON_NONE)
		return 0;
	int rc = want(r, at, JSON_TRUE);
	if (!rc)
		*into = json_type(r->j, at) == JSON_TRUE;
	return rc;
}

/* A text, borrowed from the document unless something in it is escaped. */
static int text(struct reader *r, json_at at, struct bytes *ret)
{
	scoped(buf_finip) struct buf decoded = {0};
	int rc = want(r, at, JSON_STRING);
	if (rc)
		return rc;
	buf_init(&decoded, TEXT_MAX);
	rc = json_string(r->j, at, &decoded, ret);
	if (rc)
		return fail(r, at, (enum sl_err)rc, "%s", sl_err_text(rc));
	if (!decoded.len)
		return 0;
	if (!r->set->texts && (rc = arena_create(TEXT_MAX, &r->set->texts)))
		return rc;
	return arena_copy(r->set->texts, *ret, ret);
}

static int word(struct reader *r, json_at at, const char *const *words, size_t n, size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (json_string_is(r->j, at, bytes_str(words[i]))) {
			*ret = i;
			return 0;
		}
	struct bytes raw = bytes_cut(json_raw(r->j, at), 60);
	return fail(r, at, SL_E_INVALID, "%.*s is not one of %s, %s, %s%s%s", BYTES_FMT(raw),
		    words[0], words[1], words[2], n > 3 ? ", " : "", n > 3 ? words[3] : "");
}

static int read_retry(struct reader *r, json_at object, struct retry_policy *ret)
{
	json_at at = member(r, object, "retryPolicy");
	if (at == JSON_NONE)
		return 0;
	int rc = want(r, at, JSON_OBJECT);
	if (!rc)
		rc = flag(r, at, "retry", &ret->on);
	if (!rc)
		rc = number(r, at, "delay", 0, SECONDS_MAX, &ret->delay_s);
	return rc ? rc : number(r, at, "maxRetryCount", 0, RETRIES_MAX, &ret->max);
}

/* ---- roles ---- */

static bool is_label(struct bytes name)
{
	const char *at = name.at;
	for (size_t i = 0; i < name.len; i++) {
		bool word = (at[i] >= 'a' && at[i] <= 'z') || (at[i] >= '0' && at[i] <= '9');
		if (!word && (at[i] != '-' || i == 0 || i + 1 == name.len))
			return false;
	}
	return name.len >= 1 && name.len <= 63;
}

static int read_role_name(struct reader *r, struct taskset *t, struct role *role)
{
	json_at at;
	int rc = need(r, role->at, "name", JSON_STRING, &at);
	if (!rc)
		rc = text(r, at, &role->name);
	if (rc)
		return rc;
	if (!is_label(role->name))
		return fail(r, at, role->name.len ? SL_E_INVALID : SL_E_LACK,
			    "must be a DNS label: 1 to 63 of a-z 0-9 -");
	for (const struct role *other = t->role; other < role; other++)
		if (bytes_eq(other->name, role->name))
			return fail(r, at, SL_E_INVALID, "a second role named %.*s",
				    BYTES_FMT(role->name));
	return 0;
}

static int read_completion(struct reader *r, struct role *role)
{
	int rc = number(r, role->at, "replicas", 1, TASKSET_REPLICAS_MAX, &role->replicas);
	role->min_succeeded = role->replicas;
	json_at at = member(r, role->at, "completionPolicy");
	if (rc || at == JSON_NONE)
		return rc;
	rc = want(r, at, JSON_OBJECT);
	if (!rc)
		rc = number(r, at, "maxFailed", 0, role->replicas, &role->max_failed);
	return rc ? rc : number(r, at, "minSucceeded", 1, role->replicas, &role->min_succeeded);
}

static int read_events(struct reader *r, struct role *role)
{
	json_at list = member(r, role->at, "eventPolicy"), at;
	bool given[ROLE_EVENTS] = {false};
	enum role_action action[ROLE_EVENTS] = {0};
	int rc = list == JSON_NONE ? 0 : want(r, list, JSON_ARRAY);
	for (json_at e = rc || list == JSON_NONE ? JSON_NONE : json_first(r->j, list);
	     e != JSON_NONE && !rc; e = json_next(r->j, list, e)) {
		size_t event = 0, act = 0;
		rc = want(r, e, JSON_OBJECT);
		if (!rc)
			rc = need(r, e, "event", JSON_STRING, &at);
		if (!rc)
			rc = word(r, at, event_names, countof(event_names), &event);
		if (!rc)
			rc = need(r, e, "action", JSON_STRING, &at);
		if (!rc)
			rc = word(r, at, action_names, countof(action_names), &act);
		if (!rc && given[event])
			rc = fail(r, e, SL_E_INVALID, "a second policy for %s", event_names[event]);
		given[event] = true;
		action[event] = (enum role_action)act;
	}
	static const enum role_action otherwise[] = {ACTION_FAIL, ACTION_NONE};
	for (int i = ROLE_FAILED; i <= ROLE_SUCCEEDED; i++)
		role->action[i] = given[i]                ? action[i]
				  : given[ROLE_COMPLETED] ? action[ROLE_COMPLETED]
							  : otherwise[i];
	return rc;
}

static bool filled(struct reader *r, json_at container, const char *name)
{
	json_at at = member(r, container, name);
	return at != JSON_NONE && (json_type(r->j, at) == JSON_STRING  ? json_raw(r->j, at).len > 2
				   : json_type(r->j, at) == JSON_ARRAY ? json_count(r->j, at) > 0
								       : false);
}

static int read_priority(struct reader *r, json_at spec, struct role *role)
{
	json_at at = member(r, spec, "priority");
	int64_t value;
	if (at == JSON_NONE)
		return 0;
	if (json_type(r->j, at) != JSON_NUMBER || json_int64(r->j, at, &value) ||
	    value < INT32_MIN || value > INT32_MAX)
		return fail(r, at, SL_E_INVALID, "must be a whole number of 32 bits");
	role->priority = (int32_t)value;
	return 0;
}

static int read_pod(struct reader *r, struct role *role)
{
	json_at spec, list;
	int rc = need(r, role->at, "template", JSON_OBJECT, &role->pod);
	if (!rc)
		rc = need(r, role->pod, "spec", JSON_OBJECT, &spec);
	if (!rc)
		rc = number(r, spec, "activeDeadlineSeconds", 1, SECONDS_MAX,
			    &role->pod_deadline_s);
	if (!rc)
		rc = read_priority(r, spec, role);
	if (!rc)
		rc = need(r, spec, "containers", JSON_ARRAY, &list);
	if (rc)
		return rc;
	for (json_at e = json_first(r->j, list); e != JSON_NONE; e = json_next(r->j, list, e)) {
		rc = want(r, e, JSON_OBJECT);
		if (rc)
			return rc;
		if (filled(r, e, "command") || filled(r, e, "image"))
			return 0;
	}
	json_at first = json_first(r->j, list);
	return fail(r, first == JSON_NONE ? list : first, SL_E_INVALID,
		    "needs a command or an image: nothing can be run");
}

static int read_role(struct reader *r, struct taskset *t, json_at at)
{
	struct role *role = &t->role[t->roles];
	*role = (struct role){.at = at, .replicas = 1, .min_succeeded = 1, .max_failed = 1};
	int rc = want(r, at, JSON_OBJECT);
	if (!rc)
		rc = read_role_name(r, t, role);
	if (!rc)
		rc = read_completion(r, role);
	if (!rc)
		rc = read_retry(r, at, &role->retry);
	if (!rc)
		rc = read_events(r, role);
	if (!rc)
		rc = number(r, at, "activeDeadlineSeconds", 1, SECONDS_MAX, &role->deadline_s);
	if (!rc)
		rc = read_pod(r, role);
	if (rc)
		return rc;
	t->replicas += role->replicas;
	t->roles++;
	if (t->replicas > TASKSET_REPLICAS_MAX)
		return fail(r, at, SL_E_INVALID, "more than %d replicas in all",
			    TASKSET_REPLICAS_MAX);
	return 0;
}

/* ---- dependencies ---- */

static int read_dep(struct reader *r, struct taskset *t, json_at at, struct role_dep *dep)
{
	json_at name = at, on = JSON_NONE;
	size_t which = 0;
	if (json_type(r->j, at) == JSON_OBJECT) {
		int rc = need(r, at, "role", JSON_STRING, &name);
		if (rc)
			return rc;
		on = member(r, at, "on");
	} else if (json_type(r->j, at) != JSON_STRING) {
		return fail(r, at, SL_E_INVALID, "must be the name of a role or {role, on}");
	}
	int rc = on == JSON_NONE ? 0 : word(r, on, dep_names, countof(dep_names), &which);
	if (rc)
		return rc;
	dep->on = (enum dep_on)which;
	for (dep->role = 0; dep->role < t->roles; dep->role++)
		if (json_string_is(r->j, name, t->role[dep->role].name))
			return 0;
	return fail(r, at, SL_E_INVALID, "there is no role %.*s",
		    BYTES_FMT(bytes_cut(json_raw(r->j, name), 80)));
}

static int read_deps(struct reader *r, struct taskset *t, struct role *role)
{
	json_at list = member(r, role->at, "dependsOn");
	if (list == JSON_NONE)
		return 0;
	int rc = want(r, list, JSON_ARRAY);
	if (rc)
		return rc;
	uint32_t n = json_count(r->j, list);
	if (n > TASKSET_ROLES_MAX)
		return fail(r, list, SL_E_INVALID, "more than %d dependencies", TASKSET_ROLES_MAX);
	if (n && !(role->dep = calloc(n, sizeof(*role->dep))))
		return SL_E_NO_MEMORY;
	for (json_at e = json_first(r->j, list); e != JSON_NONE && !rc;
	     e = json_next(r->j, list, e))
		rc = read_dep(r, t, e, &role->dep[role->deps++]);
	return rc;
}

/* Remove what waits for nothing, again and again; what is left goes in a circle. */
static int check_cycle(struct reader *r, const struct taskset *t)
{
	bool free_of[TASKSET_ROLES_MAX] = {false};
	uint32_t left = t->roles, culprit = 0;
	for (bool more = true; more && left;) {
		more = false;
		for (uint32_t i = 0; i < t->roles; i++) {
			bool open = false;
			for (uint32_t k = 0; k < t->role[i].deps && !open; k++)
				open = !free_of[t->role[i].dep[k].role];
			if (free_of[i])
				continue;
			if (open) {
				culprit = i;
				continue;
			}
			free_of[i] = more = true;
			left--;
		}
	}
	return left ? fail(r, json_get(r->j, t->role[culprit].at, BYTES("dependsOn")), SL_E_INVALID,
			   "the dependencies go in a circle")
		    : 0;
}

/* ---- the whole ---- */

static int read_roles(struct reader *r, struct taskset *t, json_at spec)
{
	json_at list;
	int rc = need(r, spec, "roles", JSON_ARRAY, &list);
	if (rc)
		return rc;
	uint32_t n = json_count(r->j, list);
	if (n == 0)
		return fail(r, list, SL_E_LACK, "must hold at least one role");
	if (n > TASKSET_ROLES_MAX)
		return fail(r, list, SL_E_INVALID, "holds %u roles, at most %d are allowed", n,
			    TASKSET_ROLES_MAX);
	if (!(t->role = calloc(n, sizeof(*t->role))))
		return SL_E_NO_MEMORY;
	for (json_at e = json_first(r->j, list); e != JSON_NONE && !rc;
	     e = json_next(r->j, list, e))
		rc = read_role(r, t, e);
	for (uint32_t i = 0; i < t->roles && !rc; i++)
		rc = read_deps(r, t, &t->role[i]);
	return rc ? rc : check_cycle(r, t);
}

static int read_spec(struct reader *r, struct taskset *t, json_at at)
{
	bool together = false;
	json_at spec, engine;
	int rc = need(r, at, "spec", JSON_OBJECT, &spec);
	if (rc)
		return rc;
	engine = member(r, spec, "engine");
	if (engine != JSON_NONE)
		rc = text(r, engine, &t->engine);
	if (!rc)
		rc = flag(r, spec, "gang", &together);
	if (member(r, spec, "gang") != JSON_NONE)
		t->gang = together ? GANG_TOGETHER : GANG_SINGLE;
	if (!rc)
		rc = number(r, spec, "activeDeadlineSeconds", 1, SECONDS_MAX, &t->deadline_s);
	if (!rc)
		rc = read_retry(r, spec, &t->retry);
	return rc ? rc : read_roles(r, t, spec);
}

static int read_head(struct reader *r, struct taskset *t, json_at at)
{
	json_at kind, meta, name;
	int rc = want(r, at, JSON_OBJECT);
	if (!rc)
		rc = need(r, at, "kind", JSON_STRING, &kind);
	if (rc)
		return rc;
	if (!json_string_is(r->j, kind, BYTES("TaskSet")))
		return fail(r, kind, SL_E_INVALID, "must be \"TaskSet\"");
	meta = member(r, at, "metadata");
	if (meta == JSON_NONE)
		return 0;
	rc = want(r, meta, JSON_OBJECT);
	name = rc ? JSON_NONE : member(r, meta, "name");
	return rc || name == JSON_NONE ? rc : text(r, name, &t->name);
}

int taskset_read(const struct json *json, json_at at, struct taskset **ret, struct sl_error *err)
{
	scoped(taskset_freep) struct taskset *t = calloc(1, sizeof(*t));
	if (!t)
		return SL_E_NO_MEMORY;
	struct reader r = {json, t, err};
	int rc = read_head(&r, t, at);
	if (!rc)
		rc = read_spec(&r, t, at);
	if (!rc)
		*ret = take_ptr(&t);
	return rc;
}

struct taskset *taskset_free(struct taskset *t)
{
	if (!t)
		return NULL;
	for (uint32_t i = 0; i < t->roles; i++)
		free(t->role[i].dep);
	free(t->role);
	arena_free(t->texts);
	free(t);
	return NULL;
}
