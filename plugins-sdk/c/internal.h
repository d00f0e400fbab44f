/* What the parts of the C SDK share. Not for plugins. */
#pragma once

#include "../include/sluice_plugin.h"

#include <stdatomic.h>

enum { BODY_MAX = 4 << 20, CONCURRENCY = 64, DEPTH_MAX = 70, PLUGINS_MAX = 64, WORDS_SIZE = 512 };

enum plugin_type { TRANSLATOR, FACTORS, GATE, DECORATOR, BINDER, HOOK };

struct plugin {
	enum plugin_type type;
	char *path;
	struct json_object *settings; /* owned, never NULL */
	sluice_fn fn;
	void *user;
};

struct sluice_app {
	char *feature, *author, *description;
	struct json_object *selector;
	struct plugin plugin[PLUGINS_MAX];
	size_t n;
	bool flawed; /* a function could not be added */
	char flaw[WORDS_SIZE];
	struct sluice_keys keys;
	size_t body_max;
	int concurrency;
	atomic_int in_flight;
	atomic_bool stopping;
	bool silent;
	struct log_behind *behind; /* NULL: lines are written at once */
	int64_t now_s;             /* for tests; 0: the clock's */
};

/* What a function said. */
struct sluice_answer {
	enum { SAID_NOTHING, SAID_JSON, SAID_TEXT, REFUSED, UNAVAILABLE, FAULTY } kind;
	struct json_object *json; /* owned */
	char words[WORDS_SIZE];
	unsigned seconds;
};

/* A header of a request by its name (any case), or NULL. */
typedef const char *(*header_fn)(void *request, const char *name);

struct request {
	const char *body; /* ends in a zero behind `len` bytes */
	size_t len;
	header_fn header;
	void *user;
};

struct reply {
	int status;
	char *body; /* owned; NULL for 204, or out of memory */
	size_t len;
	bool text;            /* text/plain, not JSON */
	unsigned retry_after; /* seconds; 0: none */
};

extern const char *const plugin_type_name[];

struct plugin *app_find(struct sluice_app *app, const char *path);
/* Answer a call of this plugin, with its line of log. */
void app_ask(struct sluice_app *app, struct plugin *plugin, const struct request *request,
	     struct reply *ret);
void reply_problem(struct reply *reply, int status, const char *words);
/* What is registered; NULL out of memory. */
struct json_object *app_feature(const struct sluice_app *app, const char *address);

/* Read a body into `call`; the objects belong to *ret_document. False: refused. */
bool call_read(struct sluice_call *call, enum plugin_type type, const struct request *request,
	       struct json_object **ret_document);
void answer_fini(struct sluice_answer *answer);

/* Facts in pairs of name and text, ended by NULL; those that are NULL or "" are left out. */
void log_line(const struct sluice_app *app, const char *level, const char *msg, ...)
	__attribute__((sentinel));
/* From now on lines of level info are written at most 100 ms later; all others, and what stands
 * before them, at once. False: out of memory, and nothing changes. */
bool log_start(struct sluice_app *app);
void log_flush(struct sluice_app *app);
void log_end(struct sluice_app *app); /* when no other thread logs any more */

struct mg_context;
struct mg_context *server_start(struct sluice_app *app, const char *listen, int *ret_port);

struct registration;
/* Register in a thread of its own until it is taken or refused; NULL: could not start. */
struct registration *registration_start(struct sluice_app *app, struct json_object *feature);
struct registration *registration_end(struct registration *r);
