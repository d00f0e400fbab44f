#include "translate.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 256, REPLICAS_MAX = 10000, NAME_MAX_LEN = 63 };

__attribute__((format(printf, 2, 3))) static bool fail(struct words *why, const char *form, ...)
{
	va_list args;
	va_start(args, form);
	vsnprintf(why->text, sizeof why->text, form, args);
	va_end(args);
	return false;
}

/* A member of an object, NULL where it is absent or null. */
static struct json_object *member(struct json_object *of, const char *name)
{
	struct json_object *found = NULL;
	return json_object_object_get_ex(of, name, &found) ? found : NULL;
}

static bool member_of_type(struct json_object *of, const char *name, enum json_type type,
			   struct json_object **ret, struct words *why)
{
	*ret = member(of, name);
	if (*ret && !json_object_is_type(*ret, type))
		return fail(why, "job.%s: must be of type %s", name, json_type_to_name(type));
	return true;
}

static const char *text_of(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* Names of roles are DNS labels: what cannot be in one becomes a dash. */
static void make_label(const char *from, char ret[NAME_MAX_LEN + 1])
{
	size_t len = 0;
	for (; *from && len < NAME_MAX_LEN; from++) {
		unsigned char c = (unsigned char)*from;
		bool plain = c < 128 && isalnum(c);
		if (plain)
			ret[len++] = (char)tolower(c);
		else if (len > 0 && ret[len - 1] != '-')
			ret[len++] = '-';
	}
	while (len > 0 && ret[len - 1] == '-')
		len--;
	ret[len] = '\0';
	if (len == 0)
		snprintf(ret, NAME_MAX_LEN + 1, "job");
}

static bool is_label(const char *name)
{
	char label[NAME_MAX_LEN + 1];
	make_label(name, label);
	return strcmp(name, label) == 0;
}

static struct json_object *add_object(struct json_object *to, const char *name)
{
	struct json_object *made = json_object_new_object();
	json_object_object_add(to, name, made);
	return made;
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
	json_object_object_add(to, name, json_object_new_string(text));
}

/* Environment of the job, then of the step, which wins. */
static bool add_env(struct json_object *to, struct json_object *from, struct words *why)
{
	if (!from)
		return true;
	json_object_object_foreach(from, name, value)
	{
		enum json_type type = json_object_get_type(value);
		if (type == json_type_null || type == json_type_object || type == json_type_array)
			return fail(why, "job.env.%.60s: must be a string, number or boolean",
				    name);
		add_text(to, name, json_object_get_string(value));
	}
	return true;
}

static struct json_object *env_list(struct json_object *merged)
{
	struct json_object *list = json_object_new_array();
	json_object_object_foreach(merged, name, value)
	{
		struct json_object *one = json_object_new_object();
		add_text(one, "name", name);
		json_object_object_add(one, "value", json_object_get(value));
		json_object_array_add(list, one);
	}
	return list;
}

/* A whole number of the step, else of the job; `fallback` where neither has it. */
static bool number(struct json_object *step, struct json_object *job, const char *name, int least,
		   int most, int fallback, int *ret, struct words *why)
{
	struct json_object *value = member(step, name);
	if (!value)
		value = member(job, name);
	if (!value) {
		*ret = fallback;
		return true;
	}
	int64_t n = json_object_get_int64(value);
	if (!json_object_is_type(value, json_type_int) || n < least || n > most)
		return fail(why, "job.%s: must be a whole number from %d to %d", name, least, most);
	*ret = (int)n;
	return true;
}

static bool add_limits(struct json_object *container, struct json_object *step,
		       struct json_object *job, struct words *why)
{
	static const char *const names[] = {"cpu", "memory"};
	struct json_object *limits = NULL;
	for (size_t i = 0; i < 2; i++) {
		struct json_object *value = member(step, names[i]);
		if (!value)
			value = member(job, names[i]);
		if (!value)
			continue;
		enum json_type type = json_object_get_type(value);
		if (type != json_type_string && type != json_type_int && type != json_type_double)
			return fail(why, "job.%s: must be a quantity", names[i]);
		if (!limits)
			limits = add_object(add_object(container, "resources"), "limits");
		add_text(limits, names[i], json_object_get_string(value));
	}
	return true;
}

static bool add_container(struct json_object *pod, struct json_object *step,
			  struct json_object *job, const char *script, struct words *why)
{
	struct json_object *list = json_object_new_array();
	json_object_object_add(pod, "containers", list);
	struct json_object *container = json_object_new_object();
	json_object_array_add(list, container);
	add_text(container, "name", "main");
	struct json_object *command = json_object_new_array();
	json_object_object_add(container, "command", command);
	json_object_array_add(command, json_object_new_string("sh"));
	json_object_array_add(command, json_object_new_string("-ec"));
	json_object_array_add(command, json_object_new_string(script));

	struct json_object *of_job, *of_step, *merged = json_object_new_object();
	bool good = member_of_type(job, "env", json_type_object, &of_job, why) &&
		    member_of_type(step, "env", json_type_object, &of_step, why) &&
		    add_env(merged, of_job, why) && add_env(merged, of_step, why) &&
		    add_limits(container, step, job, why);
	if (good && json_object_object_length(merged) > 0)
		json_object_object_add(container, "env", env_list(merged));
	json_object_put(merged);
	return good;
}

static bool add_after(struct json_object *role, struct json_object *after, const char *before,
		      struct words *why)
{
	struct json_object *list = json_object_new_array();
	json_object_object_add(role, "dependsOn", list);
	if (!after) {
		if (before)
			json_object_array_add(list, json_object_new_string(before));
		return true;
	}
	for (size_t i = 0; i < json_object_array_length(after); i++) {
		const char *name = text_of(json_object_array_get_idx(after, i));
		if (!name)
			return fail(why, "job.steps: after[%zu] must be the name of a step", i);
		json_object_array_add(list, json_object_new_string(name));
	}
	return true;
}

/* One role. `step` may be the job itself where it is a single script. */
static bool add_role(struct json_object *roles, struct json_object *job, struct json_object *step,
		     const char *name, const char *script, const char *before, struct words *why)
{
	int replicas, timeout, retries;
	struct json_object *after = NULL;
	if (!number(step, job, "replicas", 1, REPLICAS_MAX, 1, &replicas, why) ||
	    !number(step, job, "retries", 0, 100, 0, &retries, why) ||
	    !number(step, NULL, "timeout", 1, 10000000, 0, &timeout, why) ||
	    (step != job && !member_of_type(step, "after", json_type_array, &after, why)))
		return false;
	struct json_object *role = json_object_new_object();
	json_object_array_add(roles, role);
	add_text(role, "name", name);
	json_object_object_add(role, "replicas", json_object_new_int(replicas));
	if (timeout > 0 && step != job)
		json_object_object_add(role, "activeDeadlineSeconds", json_object_new_int(timeout));
	if (retries > 0) {
		struct json_object *policy = add_object(role, "retryPolicy");
		json_object_object_add(policy, "retry", json_object_new_boolean(true));
		json_object_object_add(policy, "delay", json_object_new_int(1));
		json_object_object_add(policy, "maxRetryCount", json_object_new_int(retries));
	}
	struct json_object *pod = add_object(add_object(role, "template"), "spec");
	add_text(pod, "restartPolicy", "Never");
	return add_after(role, after, before, why) && add_container(pod, step, job, script, why);
}

static bool add_steps(struct json_object *roles, struct json_object *job, struct json_object *steps,
		      struct words *why)
{
	size_t count = json_object_array_length(steps);
	if (count == 0 || count > STEPS_MAX)
		return fail(why, "job.steps: needs 1 to %d steps", STEPS_MAX);
	const char *before = NULL;
	for (size_t i = 0; i < count; i++) {
		struct json_object *step = json_object_array_get_idx(steps, i);
		if (!json_object_is_type(step, json_type_object))
			return fail(why, "job.steps[%zu]: must be an object", i);
		const char *name = text_of(member(step, "name"));
		const char *run = text_of(member(step, "run"));
		if (!name || !is_label(name))
			return fail(why, "job.steps[%zu].name: must be of a-z 0-9 -", i);
		if (!run || !*run)
			return fail(why, "job.steps[%zu].run: needs a script", i);
		struct words inner;
		if (!add_role(roles, job, step, name, run, before, &inner))
			return fail(why, "job.steps[%zu]: %.200s", i, inner.text);
		before = name;
	}
	return true;
}

static bool fill(struct json_object *taskset, struct json_object *header, struct json_object *job,
		 struct words *why)
{
	char name[NAME_MAX_LEN + 1];
	const char *job_name = text_of(member(header, "jobName"));
	make_label(job_name ? job_name : "job", name);
	add_text(taskset, "apiVersion", "sluice/v1");
	add_text(taskset, "kind", "TaskSet");
	add_text(add_object(taskset, "metadata"), "name", name);
	struct json_object *spec = add_object(taskset, "spec");
	int timeout;
	if (!number(job, NULL, "timeout", 1, 10000000, 0, &timeout, why))
		return false;
	if (timeout > 0)
		json_object_object_add(spec, "activeDeadlineSeconds", json_object_new_int(timeout));
	struct json_object *roles = json_object_new_array();
	json_object_object_add(spec, "roles", roles);

	struct json_object *script, *steps;
	if (!member_of_type(job, "script", json_type_string, &script, why) ||
	    !member_of_type(job, "steps", json_type_array, &steps, why))
		return false;
	if (!script == !steps)
		return fail(why, "job: needs either script or steps");
	if (steps)
		return add_steps(roles, job, steps, why);
	if (json_object_get_string_len(script) == 0)
		return fail(why, "job.script: is empty");
	return add_role(roles, job, job, "main", json_object_get_string(script), NULL, why);
}

struct json_object *translate(struct json_object *header, struct json_object *job,
			      struct words *why)
{
	const char *kind = text_of(member(job, "kind"));
	if (!kind || strcmp(kind, "ShellJob") != 0) {
		fail(why, "job.kind: only ShellJob is known here");
		return NULL;
	}
	struct json_object *taskset = json_object_new_object();
	if (fill(taskset, header, job, why))
		return taskset;
	json_object_put(taskset);
	return NULL;
}
