/* The test kit: recorded calls through the functions of an app, without a network. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *recorded_header(void *headers, const char *name)
{
	if (!headers)
		return NULL;
	json_object_object_foreach(headers, known, value)
	{
		if (strcasecmp(known, name) == 0)
			return json_object_get_string(value);
	}
	return NULL;
}

/* Without its signature being looked at. */
static int send_with(struct sluice_app *app, const char *path, const char *body,
		     struct json_object *headers, char **ret_body)
{
	struct plugin *plugin = app_find(app, path);
	struct request request = {body, strlen(body), recorded_header, headers};
	struct reply reply;
	*ret_body = NULL;
	if (!plugin)
		return 404;
	struct sluice_keys keys = app->keys;
	app->keys.n = 0;
	app_ask(app, plugin, &request, &reply);
	app->keys = keys;
	*ret_body = reply.body;
	return reply.status;
}

int sluice_send(struct sluice_app *app, const char *path, const char *body, char **ret_body)
{
	return send_with(app, path, body, NULL, ret_body);
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;
	return json_object_object_get_ex(object, name, &value) ? json_object_get_string(value)
							       : NULL;
}

/* The plugin's key ends in its name, where it has one: TYPE.feature.author.name. */
static const char *path_of(const struct sluice_app *app, struct json_object *recorded)
{
	const char *type = text_of(recorded, "pluginType"), *name = text_of(recorded, "pluginKey");
	for (int i = 0; name && i < 3; i++)
		name = strchr(name, '.') ? strchr(name, '.') + 1 : NULL;
	for (size_t i = 0; type && i < app->n; i++) {
		const struct plugin *plugin = &app->plugin[i];
		const char *own = text_of(plugin->settings, "name");
		if (strcmp(plugin_type_name[plugin->type], type) == 0 &&
		    strcmp(own ? own : "", name ? name : "") == 0)
			return plugin->path;
	}
	return "";
}

/* 1 when it came out otherwise, with words. */
static int compare(int status, const char *body, struct json_object *wanted, const char *name,
		   FILE *to)
{
	struct json_object *member;
	const char *text;
	if (json_object_object_get_ex(wanted, "status", &member) &&
	    json_object_get_int(member) != status) {
		fprintf(to, "%s: status %d, not %d: %s\n", name, status,
			json_object_get_int(member), body ? body : "");
		return 1;
	}
	if ((text = text_of(wanted, "text")) && strcmp(text, body ? body : "") != 0) {
		fprintf(to, "%s: answers %s, not %s\n", name, body ? body : "nothing", text);
		return 1;
	}
	if (!json_object_object_get_ex(wanted, "body", &member))
		return 0;
	struct json_object *answer = body ? json_tokener_parse(body) : NULL;
	bool same = json_object_equal(answer, member);
	if (!same)
		fprintf(to, "%s: answers %s, not %s\n", name, body ? body : "nothing",
			json_object_to_json_string(member));
	json_object_put(answer);
	return same ? 0 : 1;
}

static int replay_one(struct sluice_app *app, struct json_object *recorded, size_t number, FILE *to)
{
	struct json_object *document = NULL, *headers = NULL, *wanted = NULL;
	const char *name = text_of(recorded, "name");
	char numbered[32], *body;
	snprintf(numbered, sizeof numbered, "call %zu", number);
	json_object_object_get_ex(recorded, "body", &document);
	json_object_object_get_ex(recorded, "headers", &headers);
	json_object_object_get_ex(recorded, "answer", &wanted);
	int status = send_with(app, path_of(app, recorded), json_object_to_json_string(document),
			       headers, &body);
	int different = compare(status, body, wanted, name ? name : numbered, to);
	free(body);
	return different;
}

int sluice_replay(struct sluice_app *app, const char *file, FILE *differences)
{
	struct json_object *whole = json_object_from_file(file), *calls = NULL;
	int different = 0;
	if (!json_object_object_get_ex(whole, "calls", &calls) ||
	    !json_object_is_type(calls, json_type_array)) {
		json_object_put(whole);
		return -1;
	}
	for (size_t i = 0; i < json_object_array_length(calls); i++)
		different +=
			replay_one(app, json_object_array_get_idx(calls, i), i + 1, differences);
	json_object_put(whole);
	return different;
}
