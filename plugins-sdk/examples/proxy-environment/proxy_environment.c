/* proxy-environment: the site's HTTP proxy for every container that names none itself.
 *
 * JOB_HTTP_PROXY, JOB_HTTPS_PROXY (else the same) and JOB_NO_PROXY (else localhost,127.0.0.1) say
 * which. Each is added in capitals and in small letters: programs differ in what they read. */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VARIABLES = 6 };

struct proxy {
	struct {
		const char *name, *value;
	} add[VARIABLES];
};

/* Has the container one of these names? Then its author knows better. */
static bool has_one(struct json_object *env, const struct proxy *proxy)
{
	for (size_t i = 0; i < json_object_array_length(env); i++) {
		struct json_object *name = NULL;
		json_object_object_get_ex(json_object_array_get_idx(env, i), "name", &name);
		for (size_t k = 0; name && k < VARIABLES; k++)
			if (strcasecmp(json_object_get_string(name), proxy->add[k].name) == 0)
				return true;
	}
	return false;
}

static void add_to(struct json_object *container, const struct proxy *proxy)
{
	struct json_object *env = NULL;
	json_object_object_get_ex(container, "env", &env);
	if (!env) {
		env = json_object_new_array();
		json_object_object_add(container, "env", env);
	}
	if (!json_object_is_type(env, json_type_array) || has_one(env, proxy))
		return;
	for (size_t k = 0; k < VARIABLES; k++) {
		struct json_object *one = json_object_new_object();
		json_object_object_add(one, "name", json_object_new_string(proxy->add[k].name));
		json_object_object_add(one, "value", json_object_new_string(proxy->add[k].value));
		json_object_array_add(env, one);
	}
}

static void add_to_all(struct json_object *pod, const char *kind, const struct proxy *proxy)
{
	struct json_object *list = NULL;
	json_object_object_get_ex(pod, kind, &list);
	if (!json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		add_to(json_object_array_get_idx(list, i), proxy);
}

static void decorate(struct sluice_call *call, void *user)
{
	struct json_object *spec, *roles;
	if (!json_object_object_get_ex(call->job, "spec", &spec) ||
	    !json_object_object_get_ex(spec, "roles", &roles) ||
	    !json_object_is_type(roles, json_type_array)) {
		sluice_refuse(call, "job.spec.roles: must be a list");
		return;
	}
	for (size_t i = 0; i < json_object_array_length(roles); i++) {
		struct json_object *pod = sluice_object(json_object_array_get_idx(roles, i),
							"template", "spec", NULL);
		add_to_all(pod, "initContainers", user);
		add_to_all(pod, "containers", user);
	}
}

static const char *setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

struct sluice_app *plugin_create(void)
{
	static struct proxy proxy; /* for as long as the program runs */
	const char *http = setting("JOB_HTTP_PROXY", NULL);
	if (!http || (strncmp(http, "http://", 7) != 0 && strncmp(http, "https://", 8) != 0)) {
		fputs("proxy-environment: JOB_HTTP_PROXY: must be http://HOST:PORT\n", stderr);
		return NULL;
	}
	const char *https = setting("JOB_HTTPS_PROXY", http);
	const char *none = setting("JOB_NO_PROXY", "localhost,127.0.0.1");
	proxy = (struct proxy){{{"HTTP_PROXY", http},
				{"http_proxy", http},
				{"HTTPS_PROXY", https},
				{"https_proxy", https},
				{"NO_PROXY", none},
				{"no_proxy", none}}};
	struct sluice_app *app = sluice_app_create("proxy-environment", "examples",
						   "the site's HTTP proxy for every container");
	struct json_object *settings = json_tokener_parse("{\"sideEffects\": \"none\"}");
	if (app)
		sluice_decorator(app, settings, decorate, &proxy);
	return app;
}
