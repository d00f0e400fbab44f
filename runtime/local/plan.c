#include "runtime/local/plan.h"

#include "runtime/local/plan_form.h"
#include "runtime/local/pod.h"

static int add_string(struct buf *to, struct bytes text, struct sl_error *err)
{
	if (memchr(text.at ? text.at : "", 0, text.len))
		return sl_fail(err, SL_E_INVALID, "holds a NUL character");
	buf_add_bytes(to, text);
	buf_add_char(to, 0);
	return 0;
}

int plan_build_head(const struct replica_spec *spec, struct buf *to, struct sl_error *err)
{
	struct plan_head head = {.magic = PLAN_MAGIC, .name = spec->name};
	if (!plan_role_ok(spec->role_name))
		return sl_fail(err, SL_E_INVALID, "the role's name cannot name a file");
	while (spec->env && spec->env[head.envc])
		head.envc++;
	if (head.envc > PLAN_WORDS_MAX)
		return sl_fail(err, SL_E_TOO_BIG, "more than %d variables", PLAN_WORDS_MAX);
	buf_add(to, &head, sizeof(head));
	int rc = add_string(to, spec->role_name, err);
	if (!rc)
		rc = add_string(to, spec->taskset_name, err);
	for (uint32_t i = 0; !rc && i < head.envc; i++)
		rc = add_string(to, bytes_str(spec->env[i]), err);
	return rc ? rc : to->rc ? sl_fail(err, (enum sl_err)to->rc, "the environment") : 0;
}

/** The strings of an array, appended; how many. */
static int add_words(struct pod *pod, json_at array, struct buf *to, uint32_t *n,
		     struct sl_error *err)
{
	for (json_at at = pod_first(pod, array); at != JSON_NONE;
	     at = json_next(&pod->json, array, at)) {
		struct bytes word;
		int rc = pod_string(pod, at, &word, err);
		if (!rc)
			rc = add_string(to, word, err);
		if (rc)
			return pod_wrap(pod, at, rc, err);
		++*n;
	}
	return 0;
}

static int add_env(struct pod *pod, json_at array, struct buf *to, uint32_t *n,
		   struct sl_error *err)
{
	for (json_at at = pod_first(pod, array); at != JSON_NONE;
	     at = json_next(&pod->json, array, at)) {
		struct bytes name, value = BYTES("");
		json_at value_at = json_get(&pod->json, at, BYTES("value"));
		int rc = pod_string(pod, json_get(&pod->json, at, BYTES("name")), &name, err);
		if (!rc && (name.len == 0 || memchr(name.at, '=', name.len)))
			rc = sl_fail(err, SL_E_INVALID, "this is no name of a variable");
		if (!rc) {
			buf_add_bytes(to, name);
			buf_add_char(to, '=');
			rc = memchr(name.at, 0, name.len)
				     ? sl_fail(err, SL_E_INVALID, "the name holds a NUL character")
				     : 0;
		}
		if (!rc && value_at != JSON_NONE)
			rc = pod_string(pod, value_at, &value, err);
		if (!rc)
			rc = add_string(to, value, err);
		if (rc)
			return pod_wrap(pod, at, rc, err);
		++*n;
	}
	return 0;
}

static int add_container(struct pod *pod, json_at at, bool init, struct buf *to,
			 struct sl_error *err)
{
	struct plan_container_head c = {.init = init};
	const struct json *j = &pod->json;
	struct bytes name = BYTES(""), cwd = BYTES("");
	json_at name_at = json_get(j, at, BYTES("name")),
		cwd_at = json_get(j, at, BYTES("workingDir")), n;
	size_t start = to->len;
	int rc = pod_limits(j, at, &c.limits, err);
	buf_add(to, &c, sizeof(c));
	if (!rc && name_at != JSON_NONE)
		rc = pod_string(pod, name_at, &name, err);
	if (!rc)
		rc = add_string(to, name, err);
	if (!rc && cwd_at != JSON_NONE)
		rc = pod_string(pod, cwd_at, &cwd, err);
	if (!rc)
		rc = add_string(to, cwd, err);
	n = json_get(j, at, BYTES("command"));
	if (!rc && (n == JSON_NONE || json_type(j, n) != JSON_ARRAY || json_count(j, n) == 0))
		rc = sl_fail(err, SL_E_INVALID, "has no command");
	if (rc)
		return pod_wrap(pod, at, rc, err);
	rc = add_words(pod, n, to, &c.argc, err);
	if (!rc)
		rc = add_words(pod, json_get(j, at, BYTES("args")), to, &c.argc, err);
	if (!rc)
		rc = add_env(pod, json_get(j, at, BYTES("env")), to, &c.envc, err);
	if (!rc && (c.argc > PLAN_WORDS_MAX || c.envc > PLAN_WORDS_MAX))
		rc = sl_fail(err, SL_E_TOO_BIG, "more than %d words or variables", PLAN_WORDS_MAX);
	if (!rc && !to->rc)
		memcpy(to->at + start, &c, sizeof(c));
	return rc;
}

/** Name and path of each volume; which kinds there may be is check's business. */
static int add_volumes(struct pod *pod, struct buf *to, uint32_t *n, struct sl_error *err)
{
	json_at list = json_get(&pod->json, pod->spec, BYTES("volumes"));
	for (json_at at = pod_first(pod, list); at != JSON_NONE;
	     at = json_next(&pod->json, list, at)) {
		struct bytes text;
		json_at host = json_get(&pod->json, at, BYTES("hostPath"));
		int rc = pod_string(pod, json_get(&pod->json, at, BYTES("name")), &text, err);
		if (!rc && !plan_role_ok(text))
			rc = sl_fail(err, SL_E_INVALID, "this is no name of a volume");
		if (!rc)
			rc = add_string(to, text, err);
		text = BYTES("");
		if (!rc && host != JSON_NONE)
			rc = pod_string(pod, json_get(&pod->json, host, BYTES("path")), &text, err);
		if (!rc)
			rc = add_string(to, text, err);
		if (rc)
			return pod_wrap(pod, at, rc, err);
		if (++*n > PLAN_VOLUMES_MAX)
			return sl_fail(err, SL_E_TOO_BIG, "more than %d volumes", PLAN_VOLUMES_MAX);
	}
	return 0;
}

static int add_containers(struct pod *pod, struct buf *to, uint32_t *n, struct sl_error *err)
{
	json_at init = json_get(&pod->json, pod->spec, BYTES("initContainers"));
	json_at main = json_get(&pod->json, pod->spec, BYTES("containers"));
	for (json_at at = pod_first(pod, init); at != JSON_NONE;
	     at = json_next(&pod->json, init, at)) {
		int rc = add_container(pod, at, true, to, err);
		if (rc)
			return rc;
		++*n;
	}
	json_at first = pod_first(pod, main);
	if (first == JSON_NONE)
		return sl_fail(err, SL_E_INVALID, "spec.containers: there is no container");
	if (++*n > PLAN_CONTAINERS_MAX)
		return sl_fail(err, SL_E_TOO_BIG, "more than %d containers", PLAN_CONTAINERS_MAX);
	return add_container(pod, first, false, to, err);
}

int plan_build_body(struct bytes text, uint32_t grace_s, struct buf *to, uint32_t *ret_slots,
		    struct sl_error *err)
{
	struct pod pod scoped(pod_finip) = {0};
	struct plan_body_head body = {.magic = PLAN_MAGIC};
	int rc = pod_parse(&pod, text, err);
	if (rc)
		return rc;
	size_t start = to->len;
	body.grace_s = pod_grace_s(&pod, grace_s);
	body.slots = pod_cpus(&pod.json, pod.spec);
	buf_add(to, &body, sizeof(body));
	rc = add_volumes(&pod, to, &body.volumes, err);
	if (!rc)
		rc = add_containers(&pod, to, &body.containers, err);
	if (!rc && to->rc)
		rc = sl_fail(err, (enum sl_err)to->rc, "the plan of this pod");
	if (rc)
		return rc;
	memcpy(to->at + start, &body, sizeof(body));
	*ret_slots = body.slots;
	return 0;
}
