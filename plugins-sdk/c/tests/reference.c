#include "reference.h"

#include <string.h>

static struct json_object *text(const char *of) { return json_object_new_string(of); }

static struct json_object *list_of(struct json_object *one)
{
	struct json_object *list = json_object_new_array();
	json_object_array_add(list, one);
	return list;
}

static void translate(struct sluice_call *call, void *user)
{
	(void)user;
	struct json_object *words = NULL;
	json_object_object_get_ex(call->job, "words", &words);
	if (!json_object_is_type(words, json_type_string)) {
		sluice_refuse(call, "job.words: must be a text");
		return;
	}
	struct json_object *set = json_object_new_object(), *role = json_object_new_object();
	struct json_object *container = json_object_new_object(), *command = list_of(text("echo"));
	json_object_array_add(command, json_object_get(words));
	json_object_object_add(container, "name", text("main"));
	json_object_object_add(container, "command", command);
	json_object_object_add(role, "name", text("main"));
	json_object_object_add(sluice_object(role, "template", "spec", NULL), "containers",
			       list_of(container));
	json_object_object_add(set, "apiVersion", text("sluice/v1"));
	json_object_object_add(set, "kind", text("TaskSet"));
	json_object_object_add(sluice_object(set, "metadata", NULL), "name",
			       text(sluice_text(call, "jobName")));
	json_object_object_add(sluice_object(set, "spec", NULL), "roles", list_of(role));
	sluice_answer(call, set);
}

static bool is(const char *value, const char *word) { return value && strcmp(value, word) == 0; }

static void factors(struct sluice_call *call, void *user)
{
	(void)user;
	const char *level = sluice_text(call, "level");
	if (is(level, "gold")) {
		sluice_factor(call, "priority", "10", "gold");
	} else if (!is(level, "none")) {
		sluice_factor(call, "priority", "1", "standard");
		sluice_factor(call, "queue", "shared", "standard");
	}
}

static void tell_facts(struct sluice_call *call)
{
	char facts[256];
	snprintf(facts, sizeof facts, "attempt=%u dry=%s id=%s deadline=%s", call->attempt,
		 call->dry_run ? "true" : "false", call->id,
		 call->deadline_ms == INT64_MAX ? "none" : "some");
	sluice_pass(call, facts);
}

static void gate(struct sluice_call *call, void *user)
{
	(void)user;
	const char *want = sluice_text(call, "want");
	const struct sluice_suspension later = {
		.code = "not_now", .retry_after_s = 30, .ask_on_resume = true};
	const struct sluice_suspension until = {.expires_at = "2030-01-01T00:00:00Z"};
	if (is(want, "pass"))
		sluice_pass(call, "as you wish");
	else if (is(want, "suspend"))
		sluice_suspend(call, "not now", &later);
	else if (is(want, "expire"))
		sluice_suspend(call, "soon too late", &until);
	else if (is(want, "stop"))
		sluice_stop(call, "never_ever", "never");
	else if (is(want, "unavailable"))
		sluice_unavailable(call, 7, "the list is being read");
	else if (is(want, "facts"))
		tell_facts(call);
	else if (is(want, "shape"))
		sluice_answer(call, json_object_new_int(7));
	else
		sluice_fault(call, "a secret: the password is swordfish");
}

static void decorate(struct sluice_call *call, void *user)
{
	(void)user;
	json_object_object_add(sluice_object(call->job, "metadata", "labels", NULL), "team",
			       text(sluice_text(call, "team")));
}

static void decorate_again(struct sluice_call *call, void *user)
{
	(void)user;
	json_object_object_add(sluice_object(call->job, "metadata", "annotations", NULL), "seen",
			       text("yes"));
	sluice_answer(call, json_object_get(call->job));
}

static void bind_it(struct sluice_call *call, void *user)
{
	(void)user;
	json_object_object_add(sluice_object(call->job, "spec", NULL), "engine", text("local"));
}

static void hook(struct sluice_call *call, void *user)
{
	(void)user;
	if (is(call->state, "suspended"))
		sluice_hook_again(call);
	else if (is(call->state, "failed"))
		sluice_hook_exception(call, "no mail server");
}

struct sluice_app *reference_create(void)
{
	struct sluice_app *app = sluice_app_create("reference", "sluice-plugin", NULL);
	if (!app)
		return NULL;
	sluice_translator(app, NULL, translate, NULL);
	sluice_factors(app, NULL, factors, NULL);
	sluice_gate(app, NULL, gate, NULL);
	sluice_decorator(app, NULL, decorate, NULL);
	sluice_decorator(app, json_tokener_parse("{\"name\": \"again\"}"), decorate_again, NULL);
	sluice_binder(app, NULL, bind_it, NULL);
	sluice_hook(app, "running, suspended, failed, stopped", NULL, hook, NULL);
	return app;
}
