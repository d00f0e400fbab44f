/* The program around an app: options, the socket, registration, and a clean end. */
#include "internal.h"

#include <argp.h>
#include <civetweb.h>
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	const char *listen, *port_file, *address, *feature;
	double grace_s;
	bool do_register;
	struct sluice_app *app;
};

enum {
	KEY_PORT_FILE = 256,
	KEY_CONCURRENCY,
	KEY_MAX_BODY,
	KEY_GRACE,
	KEY_REGISTER,
	KEY_ADDRESS,
	KEY_FEATURE
};

static const struct argp_option table[] = {
	{"listen", 'l', "HOST:PORT", 0, "Where to serve; port 0 takes a free one (127.0.0.1:9000)",
	 0},
	{"port-file", KEY_PORT_FILE, "FILE", 0, "The port is written here once it is open", 0},
	{"concurrency", KEY_CONCURRENCY, "N", 0, "Calls at once; more are told to come again (64)",
	 0},
	{"max-body", KEY_MAX_BODY, "BYTES", 0, "The largest body that is read (4194304)", 0},
	{"grace", KEY_GRACE, "SECONDS", 0, "How long calls in progress may take at the end (10)",
	 0},
	{"register", KEY_REGISTER, NULL, 0, "Register the feature with the gateway at start", 0},
	{"address", KEY_ADDRESS, "URL", 0,
	 "How the gateway reaches this service (where it listens)", 0},
	{"feature", KEY_FEATURE, "FILE", 0,
	 "Register this feature; {address} in it stands for the address", 0},
	{0}};

static bool read_number(const char *text, double least, double most, double *ret)
{
	char *end;
	*ret = strtod(text, &end);
	return end != text && *end == '\0' && *ret >= least && *ret <= most;
}

/* An option, or an environment variable in its place. False: not a value for it. */
static bool set_option(struct options *o, int key, const char *value)
{
	double number = 0;
	switch (key) {
	case KEY_CONCURRENCY:
		o->app->concurrency = read_number(value, 1, 10000, &number) ? (int)number : 0;
		return number > 0;
	case KEY_MAX_BODY:
		o->app->body_max = read_number(value, 1, 1 << 30, &number) ? (size_t)number : 0;
		return number > 0;
	case KEY_GRACE:
		return read_number(value, 0, 86400, &o->grace_s);
	default:
		o->listen = value;
		const char *colon = strrchr(value, ':');
		return colon && colon != value && read_number(colon + 1, 0, 65535, &number);
	}
}

static int take_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case 'l':
		if (!set_option(o, key, arg))
			argp_error(state, "%s: must be HOST:PORT, as 127.0.0.1:9000", arg);
		return 0;
	case KEY_CONCURRENCY:
	case KEY_MAX_BODY:
	case KEY_GRACE:
		if (!set_option(o, key, arg))
			argp_error(state, "%s: is no number for this", arg);
		return 0;
	case KEY_PORT_FILE:
		o->port_file = arg;
		return 0;
	case KEY_REGISTER:
		o->do_register = true;
		return 0;
	case KEY_ADDRESS:
		o->address = arg;
		return 0;
	case KEY_FEATURE:
		o->feature = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool take_environment(struct options *o, const char **ret_name)
{
	static const struct {
		const char *name;
		int key;
	} known[] = {{"PLUGIN_LISTEN", 'l'},
		     {"PLUGIN_CONCURRENCY", KEY_CONCURRENCY},
		     {"PLUGIN_MAX_BODY", KEY_MAX_BODY},
		     {"PLUGIN_GRACE", KEY_GRACE}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		const char *value = getenv(*ret_name = known[i].name);
		if (value && *value && !set_option(o, known[i].key, value))
			return false;
	}
	const char *yes = getenv("PLUGIN_REGISTER");
	o->do_register = yes && strcmp(yes, "1") == 0;
	o->address = getenv("PLUGIN_ADDRESS");
	return true;
}

/* Whole or not at all: whoever waits for the file reads a complete number. */
static bool write_port(const char *path, int port)
{
	char *temporary = NULL;
	if (asprintf(&temporary, "%s.new", path) < 0)
		return false;
	FILE *file = fopen(temporary, "w");
	bool good = file && fprintf(file, "%d\n", port) > 0;
	good = file && fclose(file) == 0 && good && rename(temporary, path) == 0;
	free(temporary);
	return good;
}

/* `text` with each {address} replaced; to be freed. */
static char *fill(const char *text, const char *address)
{
	static const char mark[] = "{address}";
	size_t len = strlen(address), size = 1;
	char *filled = NULL;
	while (len > 0 && address[len - 1] == '/')
		len--;
	FILE *to = open_memstream(&filled, &size);
	const char *next;
	if (!to)
		return NULL;
	for (; (next = strstr(text, mark)); text = next + sizeof mark - 1) {
		fwrite(text, 1, (size_t)(next - text), to);
		fwrite(address, 1, len, to);
	}
	fputs(text, to);
	if (fclose(to) != 0) {
		free(filled);
		return NULL;
	}
	return filled;
}

static struct json_object *feature_from_file(const char *path, const char *address)
{
	struct json_object *file = json_object_from_file(path);
	char *filled = file ? fill(json_object_to_json_string(file), address) : NULL;
	struct json_object *feature = filled ? json_tokener_parse(filled) : NULL;
	free(filled);
	json_object_put(file);
	return feature;
}

static struct registration *register_app(struct options *o, const char *address)
{
	struct json_object *feature =
		o->feature ? feature_from_file(o->feature, address) : app_feature(o->app, address);
	struct json_object *given;
	const char *keys = getenv("PLUGIN_SIGNING_KEY");
	if (!feature) {
		log_line(o->app, "error", "not registered", "error", "the feature cannot be read",
			 "file", o->feature, NULL);
		return NULL;
	}
	if (keys && *keys && !json_object_object_get_ex(feature, "signingKey", &given)) {
		keys += strspn(keys, " \t\n");
		json_object_object_add(
			feature, "signingKey",
			json_object_new_string_len(keys, (int)strcspn(keys, " \t\n")));
	}
	return registration_start(o->app, feature);
}

/* False when calls were still in progress after the grace. */
static bool wait_idle(const struct sluice_app *app, double grace_s)
{
	const struct timespec moment = {.tv_nsec = 10000000};
	for (double waited = 0; app->in_flight > 0; waited += 0.01) {
		if (waited >= grace_s)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

static int serve(struct options *o, const sigset_t *ends)
{
	struct sluice_app *app = o->app;
	int port = 0, signal_number;
	struct mg_context *server = server_start(app, o->listen, &port);
	if (!server) {
		fprintf(stderr,
			"%s: cannot listen on %s; choose another place: --listen HOST:PORT (port 0 "
			"takes a free one)\n",
			app->feature, o->listen);
		return 1;
	}
	char *address = NULL;
	int host = (int)(strrchr(o->listen, ':') - o->listen);
	if (asprintf(&address, "http://%.*s:%d", host, o->listen, port) < 0)
		address = NULL;
	if (o->port_file && !write_port(o->port_file, port))
		fprintf(stderr, "%s: %s: %s\n", app->feature, o->port_file, strerror(errno));
	log_line(app, "info", "listening", "address", address, NULL);
	if (app->keys.n == 0)
		log_line(app, "warning",
			 "signatures are not checked: PLUGIN_SIGNING_KEY is not set", NULL);
	struct registration *registration = NULL;
	if (o->do_register && address)
		registration = register_app(o, o->address ? o->address : address);
	sigwait(ends, &signal_number);
	app->stopping = true;
	registration_end(registration);
	bool idle = wait_idle(app, o->grace_s);
	log_line(app, idle ? "info" : "warning", "ended", "error",
		 idle ? "" : "calls were still in progress", NULL);
	free(address);
	log_flush(app);
	if (!idle)
		_Exit(0); /* the server would wait for them */
	mg_stop(server);
	return 0;
}

int sluice_main(struct sluice_app *app, int argc, char **argv)
{
	struct options o = {.listen = "127.0.0.1:9000", .grace_s = 10, .app = app};
	const char *words = "out of memory", *keys = getenv("PLUGIN_SIGNING_KEY");
	sigset_t ends;
	int status = 1;
	if (!app || app->flawed) {
		fprintf(stderr, "%s\n", app ? app->flaw : words);
	} else if (!take_environment(&o, &words)) {
		fprintf(stderr, "%s: %s: %s: is no value for it\n", app->feature, words,
			getenv(words));
	} else {
		const struct argp argp = {table, take_option, NULL, app->description,
					  NULL,  NULL,        NULL};
		argp_parse(&argp, argc, argv, 0, NULL, &o);
		if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
			fprintf(stderr, "%s: the libraries cannot be started\n", app->feature);
		} else if (!sluice_keys_parse(keys ? keys : "", &app->keys, &words)) {
			fprintf(stderr, "%s: PLUGIN_SIGNING_KEY: %s\n", app->feature, words);
		} else {
			sigemptyset(&ends);
			sigaddset(&ends, SIGTERM);
			sigaddset(&ends, SIGINT);
			/* before the server's threads are made */
			pthread_sigmask(SIG_BLOCK, &ends, NULL);
			if (!log_start(app))
				log_line(app, "warning", "each line is written by itself", "error",
					 "out of memory", NULL);
			status = serve(&o, &ends);
			log_end(app);
			curl_global_cleanup();
		}
	}
	sluice_app_free(app);
	return status;
}
