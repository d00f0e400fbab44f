#include "internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const plugin_type_name[] = {
	[TRANSLATOR] = "TemplateTranslator", [FACTORS] = "FactorGenerator", [GATE] = "AccessGate",
	[DECORATOR] = "TemplateDecorator",   [BINDER] = "SchedulerBinder",  [HOOK] = "LifeHook",
};

static const char *const type_path[] = {
	[TRANSLATOR] = "/translate", [FACTORS] = "/factors", [GATE] = "/gate",
	[DECORATOR] = "/decorate",   [BINDER] = "/bind",     [HOOK] = "/hook",
};

struct sluice_app *sluice_app_create(const char *feature, const char *author,
				     const char *description)
{
	struct sluice_app *app = calloc(1, sizeof *app);
	if (!app)
		return NULL;
	app->feature = strdup(feature);
	app->author = strdup(author);
	app->description = strdup(description ? description : "");
	app->selector = json_tokener_parse("{\"conditions\": [], \"expression\": \"*\"}");
	app->body_max = BODY_MAX;
	app->concurrency = CONCURRENCY;
	if (app->feature && app->author && app->description && app->selector)
		return app;
	return sluice_app_free(app);
}

struct sluice_app *sluice_app_free(struct sluice_app *app)
{
	if (!app)
		return NULL;
	for (size_t i = 0; i < app->n; i++) {
		free(app->plugin[i].path);
		json_object_put(app->plugin[i].settings);
	}
	json_object_put(app->selector);
	free(app->feature);
	free(app->author);
	free(app->description);
	free(app);
	return NULL;
}

void sluice_app_select(struct sluice_app *app, struct json_object *selector)
{
	json_object_put(app->selector);
	app->selector = selector;
}

/* ---- functions ---- */

static bool flaw(struct sluice_app *app, struct json_object *settings, const char *words,
		 const char *place)
{
	json_object_put(settings);
	app->flawed = true;
	snprintf(app->flaw, sizeof app->flaw, "%s: %s", place, words);
	return false;
}

static char *path_for(enum plugin_type type, struct json_object *settings)
{
	struct json_object *name = NULL;
	char *path = NULL;
	json_object_object_get_ex(settings, "name", &name);
	int len = asprintf(&path, "%s%s%s", type_path[type], name ? "/" : "",
			   name ? json_object_get_string(name) : "");
	return len < 0 ? NULL : path;
}

static bool add(struct sluice_app *app, enum plugin_type type, struct json_object *settings,
		sluice_fn fn, void *user)
{
	if (!settings)
		settings = json_object_new_object();
	char *path = settings ? path_for(type, settings) : NULL;
	if (!path)
		return flaw(app, settings, "out of memory", type_path[type]);
	if (app_find(app, path) || app->n == PLUGINS_MAX) {
		flaw(app, settings, "there is a plugin already; give this one a name", path);
		free(path);
		return false;
	}
	app->plugin[app->n++] = (struct plugin){type, path, settings, fn, user};
	return true;
}

bool sluice_translator(struct sluice_app *app, struct json_object *settings, sluice_fn fn,
		       void *user)
{
	return add(app, TRANSLATOR, settings, fn, user);
}

bool sluice_factors(struct sluice_app *app, struct json_object *settings, sluice_fn fn, void *user)
{
	return add(app, FACTORS, settings, fn, user);
}

bool sluice_gate(struct sluice_app *app, struct json_object *settings, sluice_fn fn, void *user)
{
	return add(app, GATE, settings, fn, user);
}

bool sluice_decorator(struct sluice_app *app, struct json_object *settings, sluice_fn fn,
		      void *user)
{
	return add(app, DECORATOR, settings, fn, user);
}

bool sluice_binder(struct sluice_app *app, struct json_object *settings, sluice_fn fn, void *user)
{
	return add(app, BINDER, settings, fn, user);
}

bool sluice_hook(struct sluice_app *app, const char *states, struct json_object *settings,
		 sluice_fn fn, void *user)
{
	struct json_object *selector = NULL, *list = json_object_new_array();
	if (!settings)
		settings = json_object_new_object();
	if (!settings || !list)
		return flaw(app, settings, "out of memory", "/hook");
	for (const char *at = states; *at; at += strspn(at, ", ")) {
		size_t len = strcspn(at, ", ");
		json_object_array_add(list, json_object_new_string_len(at, (int)len));
		at += len;
	}
	selector = sluice_object(settings, "jobSelector", NULL);
	json_object_object_foreach(app->selector, name, value)
	{
		struct json_object *own;
		if (!json_object_object_get_ex(selector, name, &own))
			json_object_object_add(selector, name, json_object_get(value));
	}
	json_object_object_add(selector, "states", list);
	return add(app, HOOK, settings, fn, user);
}

struct plugin *app_find(struct sluice_app *app, const char *path)
{
	for (size_t i = 0; i < app->n; i++)
		if (strcmp(app->plugin[i].path, path) == 0)
			return &app->plugin[i];
	return NULL;
}

static struct json_object *registration_of(const struct plugin *plugin, const char *address)
{
	char *url = NULL;
	size_t len = strlen(address);
	while (len > 0 && address[len - 1] == '/')
		len--;
	if (asprintf(&url, "%.*s%s", (int)len, address, plugin->path) < 0)
		return NULL;
	struct json_object *one = json_object_new_object();
	json_object_object_foreach(plugin->settings, name, value)
		json_object_object_add(one, name, json_object_get(value));
	json_object_object_add(one, "pluginType",
			       json_object_new_string(plugin_type_name[plugin->type]));
	json_object_object_add(one, "callAddress", json_object_new_string(url));
	free(url);
	return one;
}

struct json_object *app_feature(const struct sluice_app *app, const char *address)
{
	struct json_object *feature = json_object_new_object(), *list = json_object_new_array();
	json_object_object_add(feature, "name", json_object_new_string(app->feature));
	json_object_object_add(feature, "author", json_object_new_string(app->author));
	json_object_object_add(feature, "description", json_object_new_string(app->description));
	json_object_object_add(feature, "jobSelector", json_object_get(app->selector));
	for (size_t i = 0; i < app->n; i++)
		json_object_array_add(list, registration_of(&app->plugin[i], address));
	json_object_object_add(feature, "plugins", list);
	return feature;
}

/* ---- a call ---- */

void reply_problem(struct reply *reply, int status, const char *words)
{
	struct json_object *answer = json_object_new_object();
	json_object_object_add(answer, "error", json_object_new_string(words));
	reply->status = status;
	reply->body = strdup(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	reply->len = reply->body ? strlen(reply->body) : 0;
	json_object_put(answer);
}

static bool is_factor(struct json_object *value)
{
	struct json_object *topic, *advice;
	return json_object_object_get_ex(value, "topic", &topic) &&
	       json_object_get_string_len(topic) > 0 &&
	       json_object_object_get_ex(value, "advice", &advice) && advice;
}

static bool is_decision(struct json_object *value)
{
	struct json_object *decision;
	if (!json_object_object_get_ex(value, "decision", &decision))
		return false;
	const char *word = json_object_get_string(decision);
	return word && (strcmp(word, "pass") == 0 || strcmp(word, "suspend") == 0 ||
			strcmp(word, "stop") == 0);
}

/* Can this be an answer of this type? */
static bool fits(enum plugin_type type, struct json_object *value)
{
	if (type == FACTORS && json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			if (!is_factor(json_object_array_get_idx(value, i)))
				return false;
		return true;
	}
	if (!json_object_is_type(value, json_type_object))
		return false;
	return type == FACTORS ? is_factor(value)
	       : type == GATE  ? is_decision(value)
			       : type != HOOK;
}

static void give_json(struct reply *reply, struct json_object *value)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	reply->status = 200;
	reply->body = malloc(len + 1);
	reply->len = len;
	if (reply->body)
		memcpy(reply->body, text, len + 1);
}

static void give_text(struct reply *reply, const char *text)
{
	reply->status = 200;
	reply->text = true;
	reply->body = strdup(text);
	reply->len = strlen(text);
}

/* Where a function said nothing. */
static void give_nothing(struct reply *reply, const struct plugin *plugin, struct sluice_call *call)
{
	if (plugin->type == DECORATOR || plugin->type == BINDER)
		give_json(reply, call->job);
	else if (plugin->type == HOOK)
		give_text(reply, "OK");
	else if (plugin->type == FACTORS)
		reply->status = 204;
	else
		sluice_fault(call, "the function gave no answer");
}

static void compose(struct reply *reply, const struct plugin *plugin, struct sluice_call *call)
{
	struct sluice_answer *said = call->answer;
	if (said->kind == SAID_NOTHING)
		give_nothing(reply, plugin, call);
	else if (said->kind == SAID_JSON && fits(plugin->type, said->json))
		give_json(reply, said->json);
	else if (said->kind == SAID_JSON || (said->kind == SAID_TEXT && plugin->type != HOOK))
		sluice_fault(call, "what the function gave is no answer of a %s",
			     plugin_type_name[plugin->type]);
	else if (said->kind == SAID_TEXT)
		give_text(reply, said->words);
	if (said->kind == REFUSED)
		reply_problem(reply, 400, said->words);
	else if (said->kind == UNAVAILABLE)
		reply_problem(reply, 503, said->words);
	else if (said->kind == FAULTY)
		reply_problem(reply, 500, "internal error");
	if (said->kind == UNAVAILABLE)
		reply->retry_after = said->seconds;
}

static bool is_signed(const struct sluice_app *app, const struct request *r)
{
	return app->keys.n == 0 ||
	       sluice_is_signed(&app->keys, r->header(r->user, "webhook-id"),
				r->header(r->user, "webhook-timestamp"),
				r->header(r->user, "webhook-signature"), r->body, r->len,
				app->now_s ? app->now_s : time(NULL));
}

static void log_call(const struct sluice_app *app, const struct plugin *plugin,
		     const struct sluice_call *call, int status, const struct timespec *began)
{
	struct timespec now;
	char ms[32], number[16];
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(number, sizeof number, "%d", status);
	long long us =
		(now.tv_sec - began->tv_sec) * 1000000LL + (now.tv_nsec - began->tv_nsec) / 1000;
	snprintf(ms, sizeof ms, "%lld.%02lld", us / 1000, us % 1000 / 10);
	log_line(app,
		 status < 400    ? "info"
		 : status == 500 ? "error"
				 : "warning",
		 "call", "type", plugin_type_name[plugin->type], "job", call->job_id, "call",
		 call->id, "status", number, "ms", ms, "error", call->answer->words, NULL);
}

void app_ask(struct sluice_app *app, struct plugin *plugin, const struct request *request,
	     struct reply *ret)
{
	struct timespec began;
	struct sluice_answer answer = {0};
	struct sluice_call call = {.answer = &answer, .job_id = "", .id = ""};
	struct json_object *document = NULL;
	*ret = (struct reply){0};
	clock_gettime(CLOCK_MONOTONIC, &began);
	if (atomic_fetch_add(&app->in_flight, 1) >= app->concurrency) {
		snprintf(answer.words, sizeof answer.words, "%d calls are being answered",
			 app->concurrency);
		reply_problem(ret, 503, answer.words);
		ret->retry_after = 1;
	} else if (!is_signed(app, request)) {
		snprintf(answer.words, sizeof answer.words,
			 "the signature does not fit, or is more than 5 minutes off");
		reply_problem(ret, 401, answer.words);
	} else {
		if (call_read(&call, plugin->type, request, &document))
			plugin->fn(&call, plugin->user);
		compose(ret, plugin, &call);
	}
	atomic_fetch_sub(&app->in_flight, 1);
	log_call(app, plugin, &call, ret->status, &began);
	answer_fini(&answer);
	json_object_put(document);
}
