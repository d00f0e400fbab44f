/* The service on a socket: civetweb, a thread a connection. */
#include "internal.h"

#include <civetweb.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN_MAX = 16 << 20 };

static const char *header(void *request, const char *name) { return mg_get_header(request, name); }

/* Of an answer with 200 over a connection that stays: head and body in one write. */
static bool send_at_once(struct mg_connection *peer, const struct reply *reply)
{
	enum { HEAD_MAX = 256 };
	char some[8192], *whole = some;
	if (reply->len > sizeof some - HEAD_MAX && !(whole = malloc(reply->len + HEAD_MAX)))
		return false;
	int head = snprintf(whole, HEAD_MAX,
			    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nContent-Type: %s\r\n"
			    "Connection: keep-alive\r\n\r\n",
			    reply->len,
			    reply->text ? "text/plain; charset=utf-8" : "application/json");
	memcpy(whole + head, reply->body, reply->len);
	mg_write(peer, whole, (size_t)head + reply->len);
	if (whole != some)
		free(whole);
	return true;
}

static bool stays_open(struct mg_connection *peer)
{
	const char *version = mg_get_request_info(peer)->http_version;
	const char *wish = mg_get_header(peer, "Connection");
	return version && strcmp(version, "1.1") == 0 && !wish;
}

static void send_reply(struct mg_connection *peer, const struct sluice_app *app,
		       const struct reply *reply, const char *allow, bool last)
{
	char number[32];
	if (reply->status == 200 && reply->body && !reply->retry_after && !last && !app->stopping &&
	    stays_open(peer) && send_at_once(peer, reply))
		return;
	mg_response_header_start(peer, reply->status);
	if (reply->status != 204) {
		snprintf(number, sizeof number, "%zu", reply->len);
		mg_response_header_add(peer, "Content-Length", number, -1);
		mg_response_header_add(
			peer, "Content-Type",
			reply->text ? "text/plain; charset=utf-8" : "application/json", -1);
	}
	if (allow)
		mg_response_header_add(peer, "Allow", allow, -1);
	if (reply->retry_after) {
		snprintf(number, sizeof number, "%u", reply->retry_after);
		mg_response_header_add(peer, "Retry-After", number, -1);
	}
	if (last || app->stopping)
		mg_response_header_add(peer, "Connection", "close", -1);
	mg_response_header_send(peer);
	if (reply->body)
		mg_write(peer, reply->body, reply->len);
}

/* Drop what still comes of a body that was refused, so that the answer arrives. */
static void drain(struct mg_connection *peer)
{
	char some[16384];
	int got;
	for (long long left = DRAIN_MAX; left > 0; left -= got)
		if ((got = mg_read(peer, some, sizeof some)) <= 0)
			return;
}

static int refuse(struct mg_connection *peer, struct sluice_app *app, int status, const char *words,
		  const char *allow)
{
	struct reply reply = {0};
	reply_problem(&reply, status, words);
	send_reply(peer, app, &reply, allow, true);
	drain(peer);
	free(reply.body);
	return status;
}

static int tell_health(struct mg_connection *peer, const struct sluice_app *app)
{
	static char well[] = "{\"status\":\"ok\"}", ending[] = "{\"status\":\"stopping\"}";
	struct reply reply = {.status = app->stopping ? 503 : 200,
			      .body = app->stopping ? ending : well};
	reply.len = strlen(reply.body);
	if (strcmp(mg_get_request_info(peer)->request_method, "HEAD") == 0)
		reply.body = NULL;
	send_reply(peer, app, &reply, NULL, false);
	return reply.status;
}

/* The whole body, ended by a zero; NULL when it broke off or there is no memory. */
static char *read_body(struct mg_connection *peer, size_t len)
{
	char *body = malloc(len + 1);
	for (size_t have = 0; body && have < len;) {
		int got = mg_read(peer, body + have, len - have);
		if (got <= 0) {
			free(body);
			return NULL;
		}
		have += (size_t)got;
	}
	if (body)
		body[len] = '\0';
	return body;
}

static int handle(struct mg_connection *peer, void *user)
{
	struct sluice_app *app = user;
	const struct mg_request_info *info = mg_get_request_info(peer);
	const char *path = info->local_uri ? info->local_uri : "", *method = info->request_method;
	char words[WORDS_SIZE];
	if (strcmp(path, "/healthz") == 0 &&
	    (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0))
		return tell_health(peer, app);
	struct plugin *plugin = app_find(app, path);
	if (!plugin)
		return refuse(peer, app, 404, "no plugin here", NULL);
	if (strcmp(method, "POST") != 0)
		return refuse(peer, app, 405, "plugins are asked with POST", "POST");
	if (info->content_length < 0)
		return refuse(peer, app, 411, "Content-Length is needed", NULL);
	if ((size_t)info->content_length > app->body_max) {
		snprintf(words, sizeof words, "the body: has more than %zu bytes", app->body_max);
		return refuse(peer, app, 413, words, NULL);
	}
	struct request request = {
		.len = (size_t)info->content_length, .header = header, .user = peer};
	char *body = read_body(peer, request.len);
	if (!body)
		return refuse(peer, app, 400, "the body broke off", NULL);
	struct reply reply;
	request.body = body;
	app_ask(app, plugin, &request, &reply);
	send_reply(peer, app, &reply, NULL, false);
	free(reply.body);
	free(body);
	return reply.status;
}

/* Who may ask is told by signatures; the server would look for a file of passwords at each call. */
static int let_in(struct mg_connection *peer, void *user)
{
	(void)peer, (void)user;
	return 1;
}

static int log_message(const struct mg_connection *peer, const char *message)
{
	const struct sluice_app *app = mg_get_user_data(mg_get_context(peer));
	log_line(app, "warning", "server", "error", message, NULL);
	return 1;
}

struct mg_context *server_start(struct sluice_app *app, const char *listen, int *ret_port)
{
	char threads[16];
	/* more than calls at once: those over it are told so, and health is always answered */
	snprintf(threads, sizeof threads, "%d", app->concurrency + 16);
	const char *settings[] = {"listening_ports",
				  listen,
				  "num_threads",
				  threads,
				  "enable_keep_alive",
				  "yes",
				  "tcp_nodelay",
				  "1",
				  "keep_alive_timeout_ms",
				  "70000",
				  "request_timeout_ms",
				  "30000",
				  NULL};
	const struct mg_callbacks callbacks = {.log_message = log_message};
	struct mg_server_port port;
	struct mg_context *server = mg_start(&callbacks, app, settings);
	if (!server)
		return NULL;
	mg_set_request_handler(server, "**", handle, app);
	mg_set_auth_handler(server, "**", let_in, NULL);
	if (mg_get_server_ports(server, 1, &port) == 1)
		*ret_port = port.port;
	return server;
}
