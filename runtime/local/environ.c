#include "runtime/local/environ.h"

#include "runtime/local/hunt.h"
#include "runtime/local/volume.h"

#include <stdio.h>
#include <stdlib.h>

enum { OWN_MAX = 10 };

static const char standard_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct list_of {
	char **at;
	size_t n;
};

/** Replace the variable of this name, or add it. There is room for all. */
static void put(struct list_of *env, const char *text)
{
	size_t name = (size_t)(strchrnul(text, '=') - text) + 1;
	size_t i = 0;
	while (i < env->n && strncmp(env->at[i], text, name) != 0)
		i++;
	env->at[i] = (char *)(uintptr_t)text;
	if (i == env->n)
		env->n++;
}

static void put_all(struct list_of *env, const char *text, uint32_t n)
{
	for (; n; n--, text = plan_after(text))
		put(env, text);
}

/** "NAME=value" in new memory; nothing when the value is absent. False: out of memory. */
static bool put_value(struct list_of *env, const char *name, const char *value)
{
	char *text;
	if (!value)
		return true;
	if (asprintf(&text, "%s=%s", name, value) < 0)
		return false;
	put(env, text);
	return true;
}

static bool put_volumes(struct list_of *env, const struct plan *plan, const char *work_dir)
{
	const char *name = plan->volumes;
	for (uint32_t i = 0; i < plan->volumec; i++, name = plan_after(plan_after(name))) {
		char *text = volume_variable(plan, name, plan_after(name), work_dir);
		if (!text)
			return false;
		put(env, text);
	}
	return true;
}

static bool put_names(struct list_of *env, const struct plan *plan)
{
	char job[64], attempt[64], index[16];
	hunt_marks(&plan->name, job, attempt);
	snprintf(index, sizeof(index), "%u", plan->name.index);
	return put_value(env, "TASKSET_NAME", plan->taskset) &&
	       put_value(env, "TASKROLE_NAME", plan->role) &&
	       put_value(env, "TASKROLE_REPLICA_INDEX", index) &&
	       put_value(env, "SLUICE_JOB_ID", strchr(job, '=') + 1) &&
	       put_value(env, "SLUICE_ATTEMPT", strchr(attempt, '=') + 1);
}

char **environ_build(const struct plan *plan, const struct plan_container *c, const char *work_dir)
{
	size_t most = (size_t)c->envc + plan->envc + plan->volumec + OWN_MAX;
	struct list_of env = {calloc(most, sizeof(char *)), 0};
	if (!env.at)
		return NULL;
	put(&env, standard_path);
	if (!put_value(&env, "HOME", work_dir) || !put_value(&env, "LANG", getenv("LANG")) ||
	    !put_value(&env, "TZ", getenv("TZ")))
		return NULL;
	put_all(&env, c->env, c->envc);
	if (!put_names(&env, plan) || !put_volumes(&env, plan, work_dir))
		return NULL;
	put_all(&env, plan->env, plan->envc);
	return env.at;
}
