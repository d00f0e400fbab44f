#include "cli/sluiced/front.h"

#include "api/openapi.h"
#include "cli/sluiced/certificate.h"

#include <stdio.h>

enum {
	REQUEST_MS = 10000,
	IDLE_MS = 60000,
	DESCRIPTION_MAX = 1 << 20,
};

static int read_password(const char *path, struct buf *to, struct sl_error *err)
{
	FILE *file = fopen(path, "re");
	char text[ADMIN_PASSWORD_MAX + 2] = "";
	if (!file || !fgets(text, sizeof(text), file)) {
		if (file)
			fclose(file);
		return sl_fail(err, SL_E_INVALID, "admin.password_file: %s cannot be read", path);
	}
	fclose(file);
	text[strcspn(text, "\r\n")] = '\0';
	buf_add_str(to, text);
	crypt_wipe(text, sizeof(text));
	return to->rc;
}

static int set_first_password(struct gateway *g, struct sl_error *err)
{
	const char *path = g->config->admin.password_file;
	if (!*path || !admin_is_default(g->admin))
		return 0;
	const struct audit_by by = {.token = BYTES("sluiced"), .address = BYTES("its start")};
	scoped(buf_finip) struct buf password = {0};
	buf_init(&password, ADMIN_PASSWORD_MAX + 2);
	int rc = read_password(path, &password, err);
	if (!rc)
		rc = admin_set(g->admin, buf_bytes(&password), &by, err);
	return rc ? sl_wrap(err, rc, "admin.password_file: ") : 0;
}

int front_open_callers(struct gateway *g, struct sl_error *err)
{
	int rc = admin_open(g->store, g->writer, &g->admin);
	if (!rc)
		rc = set_first_password(g, err);
	if (!rc)
		rc = token_book_open(g->store, g->writer, &clock_system, &g->tokens);
	if (!rc)
		rc = auth_create(g->tokens, g->admin, &clock_system, &g->auth);
	return rc;
}

int front_check_exposure(const struct gateway *g, bool single_user, struct sl_error *err)
{
	const struct config *c = g->config;
	if (config_is_loopback(c))
		return 0;
	if (admin_is_default(g->admin))
		return sl_fail(
			err, SL_E_INVALID,
			"listen: %s is not a loopback address, and the admin's password is "
			"still the default; set one first: admin.password_file, or sluicectl "
			"admin passwd on this machine",
			c->listen);
	if (single_user && !c->engines.local.trust_submitters)
		return sl_fail(err, SL_E_INVALID,
			       "listen: %s is not a loopback address, and the engine local runs "
			       "every submitter's commands as the gateway's own user; give them "
			       "one of their own (run.user and engines.local.user), or, if all "
			       "submitters are trusted, set engines.local.trust_submitters: true",
			       c->listen);
	return 0;
}

void front_prepare(struct gateway *g, bool single_user)
{
	const struct config *c = g->config;
	g->api = (struct api){
		.store = g->store,
		.writer = g->writer,
		.log = g->log,
		.clock = &clock_system,
		.tokens = g->tokens,
		.admin = g->admin,
		.auth = g->auth,
		.registry = g->registry,
		.driver = g->driver,
		.hooks = g->hooks,
		.streams = g->streams,
		.stream_behind_ms = c->limits.stream_behind_ms,
		.stream_behind_bytes = (size_t)c->limits.stream_behind_bytes,
		.http_meter = g->telemetry.http_meter,
		.meter = g->telemetry.meter,
		.hook_standings = hooks_standings(g->hooks),
		.tracer = g->telemetry.tracer,
		.tls = g->tls,
		.version = SLUICE_VERSION,
		.news = g->news,
		.body_max = (size_t)c->limits.body,
		.header_max = (size_t)c->limits.header,
		.regex_value_max = (size_t)c->selector.regex_value_max,
		.json_depth_max = (unsigned)c->limits.json_depth,
		.single_user = single_user,
		.rate = (unsigned)c->limits.rate,
		.rate_burst = (unsigned)c->limits.rate_burst,
		.rate_loopback = c->limits.rate_loopback,
		.backup_dir = c->backup.dir,
		.data_dir = c->data,
		.secret_key = g->secret_key,
		.routes = api_routes,
	};
}

int front_open_tls(struct gateway *g, struct sl_error *err)
{
	scoped(tls_files_loaded_freep) struct tls_files_loaded *loaded = NULL;
	int rc = certificate_load(g->config, &loaded, err);
	if (rc)
		return rc;
	if (!loaded && !config_is_loopback(g->config))
		log_line(g->log, LOG_WARN, "api",
			 "tokens cross the network in the clear: set tls.cert_file, or let a "
			 "proxy on this machine speak TLS and listen on loopback",
			 NULL);
	certificate_tell(g->config, loaded, g->log);
	return loaded ? tls_create(&loaded, &g->tls, err) : 0;
}

int front_open(struct gateway *g, struct sl_error *err)
{
	const struct config *c = g->config;
	struct server_config config = {
		.listen = c->listen,
		.hosts = c->api.hosts.n ? c->api.hosts.at : NULL,
		.connections_max = (unsigned)c->limits.connections,
		.request_ms = REQUEST_MS,
		.idle_ms = IDLE_MS,
		.always_200 = c->api.http_status == CONFIG_STATUS_ALWAYS_200,
		.tls = g->tls,
		.hsts_s = c->tls.hsts_ms / 1000,
		.clock = &clock_system,
	};
	buf_init(&g->description, DESCRIPTION_MAX);
	int rc = openapi_print(api_routes, &g->description);
	if (rc)
		return rc;
	g->api.description = buf_bytes(&g->description);
	return server_create(&config, &api_front, &g->api, &g->server, err);
}

void front_put_certificate(struct gateway *g, const struct config *c,
			   struct tls_files_loaded **loaded)
{
	if (!*loaded != !g->tls) {
		log_line(g->log, LOG_WARN, "api",
			 g->tls ? "tls.cert_file is gone: TLS is switched off by a restart only, "
				  "the certificate stays"
				: "tls.cert_file is new: TLS is switched on by a restart only",
			 NULL);
	} else if (g->tls) {
		certificate_tell(c, *loaded, g->log);
		tls_adopt(g->tls, loaded);
	}
}
