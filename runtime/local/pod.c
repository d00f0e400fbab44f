#include "runtime/local/pod.h"

#include "core/increment/quantity.h"
#include "runtime/local/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH_MAX = PLAN_BYTES_MAX, CPUS_MAX = 1 << 20 };

static const struct json_limits limits = {.bytes_max = PLAN_BYTES_MAX, .depth_max = 128};

int pod_parse(struct pod *pod, struct bytes text, struct sl_error *err)
{
	buf_init(&pod->scratch, SCRATCH_MAX);
	int rc = json_parse(&pod->json, text, &limits, err);
	if (rc)
		return rc;
	pod->root = 0;
	pod->spec = json_get(&pod->json, 0, BYTES("spec"));
	return 0;
}

void pod_finip(struct pod *pod)
{
	json_fini(&pod->json);
	buf_fini(&pod->scratch);
}

json_at pod_first(const struct pod *pod, json_at array)
{
	if (array == JSON_NONE || json_type(&pod->json, array) != JSON_ARRAY)
		return JSON_NONE;
	return json_first(&pod->json, array);
}

int pod_string(struct pod *pod, json_at at, struct bytes *ret, struct sl_error *err)
{
	if (at == JSON_NONE || json_type(&pod->json, at) != JSON_STRING)
		return sl_fail(err, SL_E_INVALID, "a text is missing");
	buf_reset(&pod->scratch);
	int rc = json_string(&pod->json, at, &pod->scratch, ret);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : 0;
}

int pod_wrap(const struct pod *pod, json_at at, int code, struct sl_error *err)
{
	struct buf place scoped(buf_finip);
	buf_init(&place, 512);
	json_place(&pod->json, at, &place);
	return sl_wrap(err, code, "%s: ", buf_str(&place));
}

uint32_t pod_grace_s(const struct pod *pod, uint32_t otherwise)
{
	int64_t s;
	json_at at = json_get(&pod->json, pod->spec, BYTES("terminationGracePeriodSeconds"));
	if (at == JSON_NONE || json_type(&pod->json, at) != JSON_NUMBER ||
	    json_int64(&pod->json, at, &s))
		s = otherwise;
	return s < 0 ? 0 : s > PLAN_GRACE_MAX_S ? PLAN_GRACE_MAX_S : (uint32_t)s;
}

/** A Kubernetes quantity of CPUs: a decimal number, perhaps with "m" for thousandths. */
static double cpus(struct bytes text)
{
	char copy[32], *end;
	if (text.len == 0 || text.len >= sizeof(copy))
		return 1;
	memcpy(copy, text.at, text.len);
	copy[text.len] = 0;
	double n = strtod(copy, &end);
	if (*end == 'm' && end[1] == 0)
		return n / 1000;
	return *end ? 1 : n;
}

uint32_t pod_cpus(const struct json *json, json_at spec)
{
	json_at list = json_get(json, spec, BYTES("containers"));
	if (list == JSON_NONE || json_type(json, list) != JSON_ARRAY || json_count(json, list) == 0)
		return 1;
	json_at at = json_get(json, json_first(json, list), BYTES("resources"));
	at = json_get(json, json_get(json, at, BYTES("limits")), BYTES("cpu"));
	if (at == JSON_NONE)
		return 1;
	struct bytes raw = json_raw(json, at);
	if (json_type(json, at) == JSON_STRING)
		raw = bytes_of((const char *)raw.at + 1, raw.len - 2);
	double n = ceil(cpus(raw));
	return n >= 1 && n <= CPUS_MAX ? (uint32_t)n : n > CPUS_MAX ? CPUS_MAX : 1;
}

static int read_limit(const struct json *json, json_at list, const char *name, unsigned tens,
		      int64_t *ret, struct sl_error *err)
{
	scoped(buf_finip) struct buf place = {0};
	json_at at = json_get(json, list, bytes_str(name));
	if (at == JSON_NONE || json_type(json, at) == JSON_NULL)
		return 0;
	struct bytes raw = json_raw(json, at);
	if (json_type(json, at) == JSON_STRING)
		raw = bytes_of((const char *)raw.at + 1, raw.len - 2);
	if (quantity_count(raw, tens, ret) && *ret > 0)
		return 0;
	buf_init(&place, 512);
	json_place(json, at, &place);
	return sl_fail(err, SL_E_INVALID, "%s: this is no limit: a number above 0, like %s",
		       buf_str(&place), tens ? "0.5 or 500m" : "100 or 64Mi");
}

int pod_limits(const struct json *json, json_at container, struct limits *ret, struct sl_error *err)
{
	struct limits l = {0};
	json_at list = json_get(json, container, BYTES("resources"));
	list = json_get(json, list, BYTES("limits"));
	int rc = read_limit(json, list, "memory", 0, &l.memory, err);
	if (!rc)
		rc = read_limit(json, list, "cpu", 3, &l.cpu_milli, err);
	if (!rc)
		rc = read_limit(json, list, "pids", 0, &l.pids, err);
	if (!rc)
		rc = read_limit(json, list, "ephemeral-storage", 0, &l.file, err);
	if (!rc)
		*ret = l;
	return rc;
}

static bool find_class(const struct json *json, json_at name, const char *const *classes,
		       int32_t *ret)
{
	for (; classes && *classes; classes++) {
		const char *equals = strchr(*classes, '=');
		if (!equals ||
		    !json_string_is(json, name, bytes_of(*classes, (size_t)(equals - *classes))))
			continue;
		*ret = (int32_t)strtol(equals + 1, NULL, 10);
		return true;
	}
	return false;
}

static int fail_class(const struct json *json, json_at name, const char *const *classes,
		      struct sl_error *err)
{
	char known[200] = "";
	size_t used = 0;
	for (; classes && *classes && used < sizeof(known); classes++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, " %.*s",
					 (int)strcspn(*classes, "="), *classes);
	return sl_fail(err, SL_E_INVALID,
		       "priorityClassName: there is no class %.*s; configured with "
		       "engines.local.priority_classes:%s",
		       BYTES_FMT(bytes_cut(json_raw(json, name), 80)), *known ? known : " none");
}

int pod_priority(const struct json *json, json_at spec, const char *const *classes, int32_t *ret,
		 struct sl_error *err)
{
	int64_t own;
	json_at at = json_get(json, spec, BYTES("priority"));
	json_at name = json_get(json, spec, BYTES("priorityClassName"));
	*ret = 0;
	if (at != JSON_NONE && json_type(json, at) == JSON_NUMBER &&
	    json_int64(json, at, &own) == 0) {
		*ret = own < INT32_MIN ? INT32_MIN : own > INT32_MAX ? INT32_MAX : (int32_t)own;
		return 0;
	}
	if (name == JSON_NONE || json_type(json, name) != JSON_STRING ||
	    json_raw(json, name).len <= 2 || find_class(json, name, classes, ret))
		return 0;
	return fail_class(json, name, classes, err);
}
