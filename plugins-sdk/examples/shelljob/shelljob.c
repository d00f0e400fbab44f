/* shelljob: jobs of kind ShellJob become TaskSets; translate.h tells what they look like. */
#include "plugin.h"
#include "translate.h"

static void take_call(struct sluice_call *call, void *user)
{
	(void)user;
	struct words why;
	struct json_object *taskset = translate(call->header, call->job, &why);
	if (taskset)
		sluice_answer(call, taskset);
	else
		sluice_refuse(call, "%s", why.text);
}

struct sluice_app *plugin_create(void)
{
	struct sluice_app *app = sluice_app_create(
		"shelljob", "examples",
		"jobs of kind ShellJob: a script, or steps that follow each other");
	if (!app)
		return NULL;
	sluice_app_select(app,
			  json_tokener_parse("{\"conditions\": [{\"name\": \"shell\", \"key\": "
					     "\"jobKind\", \"expect\": \"ShellJob\"}],"
					     " \"expression\": \"shell\"}"));
	sluice_translator(app, json_tokener_parse("{\"sideEffects\": \"none\"}"), take_call, NULL);
	return app;
}
