#include "api/server.h"

#include "api/envelope.h"
#include "api/server_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
	SURPLUS = 64,                    /* Threads that only say "no connection free". */
	SPARE = 128,                     /* Places to be kept free of idle connections. */
	LIBRARY_HEAD_MAX = 4 * HEAD_MAX, /* Between this and HEAD_MAX we can say why. */
};

/* What the library refuses by itself: a head that is malformed, too large or late. */
static int on_error(struct mg_connection *http, int status, const char *text)
{
	struct server *s = mg_get_user_context_data(http);
	struct envelope how = {.always_200 = s->always_200};
	scoped(buf_finip) struct buf out;
	struct reply reply;
	(void)text;
	reply_init(&reply);
	buf_init(&out, 16 << 10);
	if (status == 413)
		reply_fail(&reply, SL_E_HEADERS_TOO_BIG,
			   "request line and headers: at most %d bytes", HEAD_MAX);
	else
		reply_fail(&reply, SL_E_INVALID,
			   "the request's head is malformed, too large or did not arrive in time");
	if (s->front->answered)
		s->front->answered(s->user, NULL, envelope_status(&reply), 0);
	if (envelope_write(&reply, BYTES("/v1"), &how, &out) > 0)
		mg_write(http, out.at, out.len);
	reply_fini(&reply);
	mg_disable_connection_keep_alive(http);
	return 0;
}

static int on_open(const struct mg_connection *http, void **ret_data)
{
	struct server *s = mg_get_user_context_data(http);
	*ret_data = conn_open(s->conns);
	return 0;
}

static void on_close(const struct mg_connection *http)
{
	conn_close(mg_get_user_connection_data(http));
}

/* Asked for a context when the library starts, and again when it would free it. */
static int on_tls(void **context, void *user)
{
	struct server *s = user;
	*context = tls_library_context(s->tls);
	return 1;
}

static int on_log(const struct mg_connection *http, const char *text)
{
	(void)http;
	(void)text;
	return 1; /* Its own log repeats what clients send. */
}

/* ---- life ---- */

static void on_tick(void *user)
{
	struct server *s = user;
	if (s->front->tick)
		s->front->tick(s->user);
}

/* Each connection takes a socket, each thread an eventfd; plugins and the store some. */
static void raise_descriptors(unsigned threads)
{
	struct rlimit limit;
	rlim_t wanted = 2 * (rlim_t)threads + 1024;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The library wants an "s" behind the port of an address that speaks TLS. */
static void add_addresses(const struct server *s, struct buf *to)
{
	for (const char *c = hosts_listen(s->hosts); *c; c++) {
		buf_add_char(to, *c);
		if (s->tls && (c[1] == ',' || !c[1]))
			buf_add_char(to, 's');
	}
}

static int start(struct server *s, const struct server_config *config, struct sl_error *err)
{
	static const struct mg_callbacks callbacks = {
		.begin_request = exchange_serve,
		.http_error = on_error,
		.init_connection = on_open,
		.connection_close = on_close,
		.log_message = on_log,
		.external_ssl_ctx = on_tls,
	};
	scoped(buf_finip) struct buf addresses = {0};
	char threads[16], request_ms[24], idle_ms[24], head[16];
	snprintf(threads, sizeof(threads), "%u", config->connections_max + SURPLUS);
	snprintf(request_ms, sizeof(request_ms), "%lld", (long long)config->request_ms);
	snprintf(idle_ms, sizeof(idle_ms), "%lld", (long long)config->idle_ms);
	snprintf(head, sizeof(head), "%d", LIBRARY_HEAD_MAX);
	buf_init(&addresses, 2 * LISTEN_TEXT_MAX);
	add_addresses(s, &addresses);
	if (addresses.rc)
		return addresses.rc;
	const char *options[] = {"listening_ports",
				 buf_str(&addresses),
				 "num_threads",
				 threads,
				 "tcp_nodelay",
				 "1",
				 "enable_keep_alive",
				 "yes",
				 "request_timeout_ms",
				 request_ms,
				 "keep_alive_timeout_ms",
				 idle_ms,
				 "max_request_size",
				 head,
				 "decode_url",
				 "no",
				 "listen_backlog",
				 "1024",
				 "enable_auth_domain_check",
				 "no",
				 NULL};
	struct mg_init_data init = {&callbacks, s, options};
	char text[256] = "";
	unsigned code = 0;
	struct mg_error_data error = {&code, text, sizeof(text)};
	raise_descriptors(config->connections_max + SURPLUS);
	s->http = mg_start2(&init, &error);
	if (!s->http)
		return sl_fail(err, SL_E_UNAVAILABLE, "cannot listen on %s%s%s",
			       hosts_listen(s->hosts), text[0] ? ": " : "", text);
	struct mg_server_port port[LISTEN_MAX];
	s->ports = mg_get_server_ports(s->http, LISTEN_MAX, port);
	for (int i = 0; i < s->ports; i++)
		s->port[i] = (unsigned)port[i].port;
	return 0;
}

int server_reconfigure(struct server *s, const char *const *hosts, bool always_200,
		       struct sl_error *err)
{
	int rc = hosts_replace(s->hosts, hosts, err);
	if (rc == 0)
		atomic_store(&s->always_200, always_200);
	return rc;
}

int server_create(const struct server_config *config, const struct server_front *front, void *user,
		  struct server **ret, struct sl_error *err)
{
	scoped(server_freep) struct server *s = calloc(1, sizeof(*s));
	if (!s)
		return SL_E_NO_MEMORY;
	s->front = front;
	s->user = user;
	s->always_200 = config->always_200;
	s->clock = config->clock;
	s->tls = config->tls;
	s->hsts_s = s->tls ? config->hsts_s : 0;
	unsigned eighth = config->connections_max / 8;
	struct conns_config conns = {
		.limit = config->connections_max,
		.surplus = SURPLUS,
		.request_ms = config->request_ms,
		.idle_ms = config->idle_ms,
		.spare = eighth < SPARE ? eighth : SPARE,
		.clock = config->clock,
		.tick = on_tick,
		.user = s,
	};
	int rc = hosts_create(config->listen, config->hosts, &s->hosts, err);
	if (rc == 0)
		rc = conns_create(&conns, &s->conns);
	if (rc == 0)
		rc = start(s, config, err);
	if (rc == 0)
		*ret = take_ptr(&s);
	return rc;
}

unsigned server_port(const struct server *server) { return server->port[0]; }

bool server_listen_is_local(const char *text)
{
	struct listen listen;
	return listen_read(text, NULL, &listen, NULL) == 0 && listen.local;
}

void server_drain(struct server *s, int64_t grace_ms)
{
	int64_t until = clock_mono_ms(s->clock) + grace_ms;
	conns_drain(s->conns);
	while (conns_serving(s->conns) && clock_mono_ms(s->clock) < until) {
		struct timespec pause = {.tv_nsec = 5000000};
		nanosleep(&pause, NULL);
	}
}

struct server *server_free(struct server *s)
{
	if (!s)
		return NULL;
	if (s->conns)
		conns_drain(s->conns);
	/* Its threads look every 2 s whether they shall end: wake them. */
	for (int i = 0; i < s->ports; i++)
		conns_shut_port(htons((uint16_t)s->port[i]));
	if (s->http)
		mg_stop(s->http);
	conns_free(s->conns);
	hosts_free(s->hosts);
	free(s);
	return NULL;
}

void server_stats(struct server *s, struct server_stats *ret)
{
	ret->connections = conns_open(s->conns);
	ret->serving = conns_serving(s->conns);
}
