/* A TemplateTranslator for jobs of kind ShellJob (see translate.h), as a small HTTP service.
 *
 *   PLUGIN_SIGNING_KEY=whsec_... shelljob [--port N] [--port-file PATH]
 *
 * civetweb keeps one thread for each kept-alive connection: the feature should be
 * registered with a maxInFlight below CONNECTIONS. Ends on SIGTERM and SIGINT. */
#include <argp.h>
#include <civetweb.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "signature.h"
#include "translate.h"

enum { BODY_MAX = 2 * 1024 * 1024, CONNECTIONS = 128, DEPTH_MAX = 70 };

struct options {
	const char *port, *port_file;
};

struct reply {
	int status;
	struct json_object *answer; /* owned */
	char job[64];
};

static void refuse(struct reply *reply, int status, const char *words)
{
	reply->status = status;
	reply->answer = json_object_new_object();
	json_object_object_add(reply->answer, "error", json_object_new_string(words));
}

/* The whole body, or NULL after a refusal. */
static char *read_body(struct mg_connection *peer, long long len, struct reply *reply)
{
	if (len < 0 || len > BODY_MAX) {
		refuse(reply, len < 0 ? 411 : 413, "Content-Length: needed, at most 2 MiB");
		return NULL;
	}
	char *body = malloc((size_t)len + 1);
	if (!body) {
		refuse(reply, 503, "out of memory");
		return NULL;
	}
	for (long long have = 0; have < len;) {
		int got = mg_read(peer, body + have, (size_t)(len - have));
		if (got <= 0) {
			free(body);
			refuse(reply, 400, "the body ended early");
			return NULL;
		}
		have += got;
	}
	body[len] = '\0';
	return body;
}

static bool is_signed(struct mg_connection *peer, const struct signing_keys *keys, const char *body,
		      size_t len)
{
	struct signed_call call = {
		.id = mg_get_header(peer, "webhook-id"),
		.timestamp = mg_get_header(peer, "webhook-timestamp"),
		.signature = mg_get_header(peer, "webhook-signature"),
		.body = body,
		.len = len,
	};
	return keys->count == 0 || signature_matches(keys, &call, time(NULL));
}

static struct json_object *parse(const char *body, size_t len)
{
	struct json_tokener *parser = json_tokener_new_ex(DEPTH_MAX);
	if (!parser)
		return NULL;
	json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *document = json_tokener_parse_ex(parser, body, (int)len + 1);
	if (json_tokener_get_error(parser) != json_tokener_success) {
		json_object_put(document);
		document = NULL;
	}
	json_tokener_free(parser);
	return document;
}

/* The job's id for the log: what is not of an id's characters is not repeated. */
static void note_job(struct json_object *document, struct reply *reply)
{
	struct json_object *header = NULL, *id = NULL;
	if (!json_object_object_get_ex(document, "header", &header) ||
	    !json_object_object_get_ex(header, "jobID", &id))
		return;
	const char *text = json_object_get_string(id);
	if (text && strlen(text) < sizeof reply->job &&
	    strspn(text, "0123456789abcdefABCDEF-") == strlen(text))
		strcpy(reply->job, text);
}

static void answer_call(const char *body, size_t len, struct reply *reply)
{
	struct json_object *document = parse(body, len);
	if (!json_object_is_type(document, json_type_object)) {
		refuse(reply, 400, "the body is not a JSON object");
	} else {
		struct words why;
		note_job(document, reply);
		reply->status = 200;
		reply->answer = translate(document, &why);
		if (!reply->answer)
			refuse(reply, 400, why.text);
	}
	json_object_put(document);
}

static void take_call(struct mg_connection *peer, const struct signing_keys *keys,
		      struct reply *reply)
{
	const struct mg_request_info *info = mg_get_request_info(peer);
	if (!info->local_uri || strcmp(info->local_uri, "/translate") != 0) {
		refuse(reply, 404, "no such plugin here");
		return;
	}
	if (strcmp(info->request_method, "POST") != 0) {
		refuse(reply, 405, "POST only");
		return;
	}
	char *body = read_body(peer, info->content_length, reply);
	if (!body)
		return;
	if (is_signed(peer, keys, body, (size_t)info->content_length))
		answer_call(body, (size_t)info->content_length, reply);
	else
		refuse(reply, 401, "the signature does not match");
	free(body);
}

static void send_reply(struct mg_connection *peer, const struct reply *reply)
{
	size_t len;
	const char *text =
		json_object_to_json_string_length(reply->answer, JSON_C_TO_STRING_PLAIN, &len);
	char *whole = malloc(len + 256); /* head and body leave in one write */
	if (!whole)
		return;
	int head = snprintf(whole, 256,
			    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
			    "Content-Length: %zu\r\nConnection: %s\r\n\r\n",
			    reply->status, reply->status == 200 ? "OK" : "Refused", len,
			    reply->status == 200 ? "keep-alive" : "close");
	memcpy(whole + head, text, len);
	mg_write(peer, whole, (size_t)head + len);
	free(whole);
}

static int handle(struct mg_connection *peer, void *user)
{
	struct timespec begin, end;
	struct reply reply = {.job = "-"};
	clock_gettime(CLOCK_MONOTONIC, &begin);
	take_call(peer, user, &reply);
	send_reply(peer, &reply);
	clock_gettime(CLOCK_MONOTONIC, &end);
	struct json_object *error = NULL;
	json_object_object_get_ex(reply.answer, "error", &error);
	printf("plugin=shelljob status=%d job=%s us=%" PRId64 "%s%s\n", reply.status, reply.job,
	       (int64_t)(end.tv_sec - begin.tv_sec) * 1000000 +
		       (end.tv_nsec - begin.tv_nsec) / 1000,
	       error ? " error=" : "",
	       error ? json_object_to_json_string_ext(error, JSON_C_TO_STRING_PLAIN) : "");
	json_object_put(reply.answer);
	return reply.status;
}

static int take_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case 'p':
		options->port = arg;
		return 0;
	case 'f':
		options->port_file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Whole or not at all: whoever waits for the file reads a complete number. */
static bool write_port(const char *path, int port)
{
	char temporary[4096];
	if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
		return false;
	FILE *file = fopen(temporary, "w");
	if (!file)
		return false;
	bool good = fprintf(file, "%d\n", port) > 0;
	return fclose(file) == 0 && good && rename(temporary, path) == 0;
}

static int serve(const struct options *options, struct signing_keys *keys, const sigset_t *ends)
{
	char address[64], threads[16];
	snprintf(address, sizeof address, "127.0.0.1:%s", options->port);
	snprintf(threads, sizeof threads, "%d", CONNECTIONS);
	const char *settings[] = {"listening_ports",       address, "num_threads", threads,
				  "enable_keep_alive",     "yes",   "tcp_nodelay", "1",
				  "keep_alive_timeout_ms", "70000", NULL};
	struct mg_context *server = mg_start(NULL, NULL, settings);
	if (!server) {
		fprintf(stderr, "shelljob: cannot listen on %s\n", address);
		return 69;
	}
	mg_set_request_handler(server, "/", handle, keys);
	struct mg_server_port port;
	int got, status = 0;
	if (mg_get_server_ports(server, 1, &port) != 1 ||
	    (options->port_file && !write_port(options->port_file, port.port))) {
		fprintf(stderr, "shelljob: cannot tell the port: %s\n", strerror(errno));
		status = 74;
	} else {
		printf("plugin=shelljob listening=127.0.0.1:%d signed=%s path=/translate\n",
		       port.port, keys->count ? "true" : "false");
		sigwait(ends, &got);
	}
	mg_stop(server); /* waits for the calls in progress */
	puts("plugin=shelljob ended");
	return status;
}

int main(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{"port", 'p', "PORT", 0, "port on 127.0.0.1; 0 takes a free one", 0},
		{"port-file", 'f', "PATH", 0, "the port is written here once it is open", 0},
		{0}};
	const struct argp argp = {.options = table,
				  .parser = take_option,
				  .doc = "A TemplateTranslator for jobs of kind ShellJob."};
	struct options options = {.port = "0"};
	struct signing_keys keys;
	const char *key_text = getenv("PLUGIN_SIGNING_KEY");
	sigset_t ends;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (sodium_init() < 0 || !signing_keys_parse(key_text ? key_text : "", &keys)) {
		fputs("shelljob: PLUGIN_SIGNING_KEY must hold whsec_ keys\n", stderr);
		return 78;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before the server's threads are made */
	return serve(&options, &keys, &ends);
}
