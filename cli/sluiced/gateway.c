#include "cli/sluiced/certificate.h"
#include "cli/sluiced/config_kept.h"
#include "cli/sluiced/front.h"
#include "cli/sluiced/keyfile.h"
#include "cli/sluiced/rights.h"
#include "core/base/crash.h"
#include "core/driver.h"
#include "core/hooks.h"
#include "core/ledger/migrate.h"
#include "core/preview.h"
#include "core/registry.h"
#include "runtime/local/local.h"
#include "runtime/null/null.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	THREADS_BESIDE_API = 80, /* the server's surplus, the writer, the loop, main, ... */
	WRITER_QUEUE_MAX = 20000,
	CONNECTIONS_OUT_MAX = 512,
	CONNECTIONS_HOST_MAX = 256,
	GRACE_S = 5,
	HELD_MAX = 256, /* callers held by ?wait, and at most a quarter of the connections */
	HOOKS_FLYING_MAX = 1024,
};

/* ---- parts, in their order ---- */

static void store_lost(void *user)
{
	struct gateway *g = user;
	log_line(g->log, LOG_ERROR, "store",
		 "the disk refused what was to be made durable: nothing is written any more, "
		 "sluiced ends; look at the disk (dmesg), then start it again",
		 NULL);
	__atomic_store_n(&g->store_lost, 1, __ATOMIC_RELEASE);
	kill(getpid(), SIGTERM); /* taken by main, which stops in good order */
}

static void store_moved(void *user, long from, const char *kept)
{
	struct gateway *g = user;
	char text[24];
	if (!from) {
		log_line(g->log, LOG_WARN, "store",
			 "data.mdb held nothing but zeros, as a power cut in the very first start "
			 "leaves it: made anew",
			 "store", kept, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%ld", from);
	log_line(g->log, LOG_WARN, "store", "the store was moved to a newer format", "from", text,
		 "kept", kept, NULL);
}

/* The key is made once there is a store. */
static bool had_store(const struct gateway *g)
{
	char path[PATH_MAX_BYTES];
	snprintf(path, sizeof(path), "%s/secret.key", g->config->data);
	return access(path, F_OK) == 0;
}

static int open_store(struct gateway *g, struct sl_error *err)
{
	const struct store_moving moving = {ledger_steps, store_moved, g};
	char path[PATH_MAX_BYTES];
	snprintf(path, sizeof(path), "%s/store", g->config->data);
	struct store_config store = {
		.path = path,
		.size_max = (size_t)g->config->store.size_max,
		.readers_max = (unsigned)g->config->limits.connections + THREADS_BESIDE_API,
		.must_be_there = had_store(g),
		.moving = &moving,
	};
	int rc = store_open_lmdb(&store, &g->store, err);
	if (!rc)
		store_on_broken(g->store, store_lost, g);
	if (!rc)
		rc = writer_create(g->store, WRITER_QUEUE_MAX, &g->writer);
	return rc ? rc : writer_start(g->writer);
}

static const char *given(const char *text) { return *text ? text : NULL; }

static int open_executor(struct gateway *g, struct sl_error *err)
{
	const struct config *c = g->config;
	snprintf(g->unix_dir, sizeof(g->unix_dir), "%s/plugins", c->data);
	g->unix_dirs_default[0] = g->unix_dir;
	g->http = (struct http_config){
		.connections_max = CONNECTIONS_OUT_MAX,
		.connections_host_max = CONNECTIONS_HOST_MAX,
		.connect_timeout_ms = 5000,
		.connection_age_s = 60,
		.ca_file = given(c->plugins.ca_file),
		.client_cert_file = given(c->plugins.client_cert_file),
		.client_key_file = given(c->plugins.client_key_file),
		.user_agent = "sluice/" SLUICE_VERSION,
		.allow_networks = c->plugins.allow_networks.n ? c->plugins.allow_networks.at : NULL,
		.unix_dirs =
			c->plugins.unix_dirs.n ? c->plugins.unix_dirs.at : g->unix_dirs_default,
		.require_tls = c->plugins.require_tls,
	};
	return http_executor_create(&g->http, &g->executor, err);
}

static void warn_of_lost_secrets(struct gateway *g)
{
	scoped(registry_dropp) const struct registry_ref *now = registry_take(g->registry);
	for (size_t i = 0; i < now->features; i++)
		if (now->feature[i]->secrets_lost)
			log_line(
				g->log, LOG_ERROR, "registry",
				"a feature is off: its secrets cannot be read with this secret.key",
				"feature", now->feature[i]->name, NULL);
}

static int open_registry(struct gateway *g, struct sl_error *err)
{
	struct registry_config config = {
		.features_max = (size_t)g->config->limits.features,
		.plugins_max = (size_t)g->config->limits.plugins,
		.timeout_ms = (uint32_t)g->config->plugins.timeout_ms,
		.retries = (uint32_t)g->config->plugins.retries,
		.http = &g->http,
		.secret_key = g->secret_key,
	};
	int rc = registry_create(&config, g->store, g->writer, &clock_system, &g->registry, err);
	if (!rc)
		warn_of_lost_secrets(g);
	return rc;
}

static unsigned held_max(const struct config *c)
{
	unsigned quarter = (unsigned)c->limits.connections / 4;
	return quarter < HELD_MAX ? quarter : HELD_MAX;
}

/* The other half must stay for those who want a short answer. */
static unsigned most_streams(const struct config *c)
{
	unsigned half = (unsigned)c->limits.connections / 2;
	return half < c->limits.streams ? half : (unsigned)c->limits.streams;
}

static int open_driver(struct gateway *g, struct sl_error *err)
{
	const struct config *c = g->config;
	struct driver_config config = {
		.in_admission_max = (size_t)c->limits.jobs_in_admission,
		.documents_max = (size_t)c->limits.documents,
		.answer_max = (size_t)c->limits.plugin_answer,
		.budget_ms = (uint32_t)c->plugins.budget_ms,
		.wait_for_ms = (uint32_t)c->plugins.wait_for_ms,
		.keep_jobs_ms = c->retention.jobs_ms,
		.keep_jobs = (uint64_t)c->retention.jobs,
		.keep_stages_ms = c->store.keep_stages_ms,
		.wait_first_ms = 1000,
		.wait_most_ms = 60000,
		.held_max = held_max(c),
		.regex_value_max = (size_t)c->selector.regex_value_max,
		.protect = c->increment.protect.n ? c->increment.protect.at : NULL,
		.engine_default = c->engines.standard,
	};
	struct driver_parts parts = {.store = g->store,
				     .writer = g->writer,
				     .registry = g->registry,
				     .executor = g->executor,
				     .clock = &clock_system,
				     .log = g->log,
				     .meter = g->telemetry.meter,
				     .tracer = g->telemetry.tracer};
	return driver_create(&config, &parts, &g->driver, err);
}

static void jobs_moved(void *user)
{
	struct gateway *g = user;
	news_tell(g->news);
}

/* Its calls are made on a thread and over connections of their own: no job waits for a
 * subscriber. */
static int open_hooks(struct gateway *g, struct sl_error *err)
{
	const struct config *c = g->config;
	struct hooks_config config = {
		.limits = {.pending_max = (uint64_t)c->lifehook.pending_max,
			   .bytes_max = (uint64_t)c->lifehook.pending_bytes,
			   .retry_for_ms = c->lifehook.retry_for_ms,
			   .keep_dead_ms = c->lifehook.keep_dead_ms},
		.regex_value_max = (size_t)c->selector.regex_value_max,
		.flying_max = HOOKS_FLYING_MAX,
	};
	int rc = http_executor_create(&g->http, &g->hooks_executor, err);
	struct hooks_parts parts = {.store = g->store,
				    .writer = g->writer,
				    .registry = g->registry,
				    .executor = g->hooks_executor,
				    .clock = &clock_system,
				    .log = g->log,
				    .meter = g->telemetry.meter,
				    .moved = jobs_moved,
				    .user = g};
	return rc ? rc : hooks_create(&config, &parts, &g->hooks, err);
}

static void registry_changed(void *user)
{
	struct gateway *g = user;
	hooks_wake(g->hooks);
}

static int start_hooks(struct gateway *g, struct sl_error *err)
{
	registry_tell(g->registry, registry_changed, g);
	int rc = hooks_start(g->hooks);
	return rc ? sl_fail(err, (enum sl_err)rc, "LifeHooks cannot be started: %s",
			    sl_err_text(rc))
		  : 0;
}

/* Both hooks of the engine have the gateway as their user. */
static void report(void *user, const struct engine_report *what)
{
	struct gateway *g = user;
	driver_report(g->driver, what);
}

static void spawner_lost(void *user)
{
	struct gateway *g = user;
	log_line(g->log, LOG_ERROR, "engine",
		 "the spawner has died: sluiced ends, replicas go on; start it again", NULL);
	api_set_engine_lost(&g->api);
	kill(getpid(), SIGTERM); /* taken by main, which stops in good order */
}

int gateway_fault(const struct gateway *g)
{
	if (__atomic_load_n(&g->store_lost, __ATOMIC_ACQUIRE))
		return SL_E_IO;
	return api_engine_lost(&g->api) ? SL_E_INTERNAL : 0;
}

static uint32_t slots_of(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return config->engines.local.slots ? (uint32_t)config->engines.local.slots
					   : (uint32_t)(cores > 0 ? cores : 1);
}

static int open_local(struct gateway *g, const struct spawner *spawner, uint32_t slots,
		      struct sl_error *err)
{
	scoped(rights_finip) struct rights rights = {0};
	struct local_hooks hooks = {report, spawner_lost, g};
	if (rights_init(&rights, g->config))
		return SL_E_NO_MEMORY;
	struct local_config config = {
		.data_dir = g->config->data,
		.slots = slots,
		.ageing_ms = g->config->engines.local.ageing_ms,
		.priority_classes = g->config->engines.local.priority_classes.at,
		.grace_s = GRACE_S,
		.images_ignore = g->config->engines.local.images == CONFIG_IMAGES_IGNORE,
		.allow = rights.allow,
		.host_paths = rights.path,
	};
	return local_create(&config, spawner, &hooks, &g->local, err);
}

static int open_engines(struct gateway *g, const struct spawner *spawner, struct sl_error *err)
{
	uint32_t slots = slots_of(g->config);
	int rc = open_local(g, spawner, slots, err);
	if (!rc)
		rc = null_create(&clock_system, driver_report, g->driver, &g->null);
	if (!rc)
		rc = driver_add_engine(g->driver, g->local);
	if (!rc)
		rc = driver_add_engine(g->driver, g->null);
	if (!rc && !driver_engine(g->driver, bytes_of("", 0)))
		rc = sl_fail(err, SL_E_INVALID,
			     "engines.default: there is no engine %s; there are local and null",
			     g->config->engines.standard);
	return rc;
}

static int put_groups(struct write *w, struct store_txn *txn)
{
	(void)w;
	return ledger_count_groups(txn);
}

/* As if an operator had said so: it lasts until somebody releases it. */
static int hold_admission(struct gateway *g, struct sl_error *err)
{
	const struct hold all = {.who = BYTES("sluiced --hold"),
				 .reason = BYTES("the gateway was started with --hold")};
	const struct audit_by by = {.token = BYTES("sluiced"), .address = BYTES("its start")};
	return driver_hold(g->driver, &all, &by, err);
}

static int start_driver(struct gateway *g, bool hold, struct sl_error *err)
{
	size_t n;
	char text[24];
	struct write groups = {.apply = put_groups};
	int rc = writer_run(g->writer, &groups);
	if (!rc)
		rc = config_kept_start(g->writer, g->config);
	if (!rc && hold)
		rc = hold_admission(g, err);
	if (!rc)
		rc = driver_recover(g->driver, &n, err);
	if (rc)
		return rc;
	crash_at(CRASH_START_RECOVERED);
	snprintf(text, sizeof(text), "%zu", n);
	log_line(g->log, LOG_INFO, "driver", "unfinished jobs go on", "jobs", text, NULL);
	if (driver_is_held(g->driver))
		log_line(g->log, LOG_WARN, "driver",
			 "admission is held: jobs are stored, not admitted; sluicectl release",
			 NULL);
	return driver_start(g->driver);
}

static int open_all(struct gateway *g, const struct gateway_host *host, struct sl_error *err)
{
	/* The store's lock first: two gateways must not both make a key. */
	int rc = open_store(g, err);
	crash_at(CRASH_START_STORE_OPEN);
	if (!rc)
		rc = keyfile_load(g->config->data, g->secret_key, err);
	crash_at(CRASH_START_KEY_MADE);
	if (!rc)
		rc = front_open_callers(g, err);
	if (!rc)
		rc = front_check_exposure(g, host->single_user, err);
	if (!rc)
		rc = front_open_tls(g, err);
	if (!rc)
		rc = open_executor(g, err);
	if (!rc)
		rc = open_registry(g, err);
	if (!rc)
		rc = telemetry_open(g->config, g->store, g->log, &g->telemetry, err);
	if (!rc)
		rc = news_create(&g->news);
	if (!rc)
		rc = open_hooks(g, err);
	if (!rc)
		rc = open_driver(g, err);
	if (!rc)
		rc = streams_create(most_streams(g->config),
				    (uint32_t)g->config->limits.stream_behind_ms, &g->streams);
	if (!rc)
		front_prepare(g, host->single_user);
	if (!rc)
		rc = open_engines(g, host->spawner, err);
	crash_at(CRASH_START_ENGINES_OPEN);
	if (!rc)
		rc = front_open(g, err); /* answers "starting" until the jobs are taken up */
	if (!rc)
		rc = start_hooks(g, err);
	if (!rc)
		rc = start_driver(g, host->hold, err);
	if (!rc)
		api_set_state(&g->api, API_READY);
	crash_at(CRASH_START_READY);
	return rc;
}

static const char *why_not_open(int rc)
{
	return rc == SL_E_NO_MEMORY ? "it cannot start: out of memory, or no thread left "
				      "(ulimit -u, TasksMax of the service)"
				    : sl_err_text(rc);
}

int gateway_open(const struct config *config, const struct gateway_host *host, struct log *log,
		 struct gateway **ret, struct sl_error *err)
{
	struct gateway *g = calloc(1, sizeof(*g));
	if (!g)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	g->config = config;
	g->log = log;
	int rc = open_all(g, host, err);
	if (rc) {
		if (err && !err->code)
			sl_fail(err, (enum sl_err)rc, "%s", why_not_open(rc));
		gateway_close(g, 0);
		return rc;
	}
	*ret = g;
	return 0;
}

/* First what can be refused. */
int gateway_reconfigure(struct gateway *g, const struct config *c, struct sl_error *err)
{
	scoped(tls_files_loaded_freep) struct tls_files_loaded *loaded = NULL;
	struct driver_settings settings = {
		.in_admission_max = (size_t)c->limits.jobs_in_admission,
		.budget_ms = (uint32_t)c->plugins.budget_ms,
		.wait_for_ms = (uint32_t)c->plugins.wait_for_ms,
	};
	int rc = certificate_load(c, &loaded, err);
	if (!rc)
		rc = server_reconfigure(g->server, c->api.hosts.n ? c->api.hosts.at : NULL,
					c->api.http_status == CONFIG_STATUS_ALWAYS_200, err);
	if (!rc)
		rc = driver_reconfigure(g->driver, &settings);
	if (!rc)
		front_put_certificate(g, c, &loaded);
	if (!rc)
		registry_reconfigure(g->registry, (uint32_t)c->plugins.timeout_ms,
				     (uint32_t)c->plugins.retries);
	if (!rc)
		hooks_set_times(g->hooks, c->lifehook.retry_for_ms, c->lifehook.keep_dead_ms);
	return rc && err && !err->code ? sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc)) : rc;
}

int gateway_record(struct gateway *g, const struct config *config, struct audit_entry *entry)
{
	entry->time_ms = clock_wall_ms(&clock_system);
	return config_kept_reload(g->writer, config, entry);
}

unsigned gateway_port(const struct gateway *g) { return server_port(g->server); }

/* One time for all that may still end, not one for each. */
static uint32_t left_of(int64_t end_ms)
{
	int64_t left = end_ms - clock_mono_ms(&clock_system);
	return left > 0 ? (uint32_t)left : 0;
}

struct gateway *gateway_close(struct gateway *g, uint32_t grace_ms)
{
	int64_t end_ms = clock_mono_ms(&clock_system) + grace_ms;
	if (!g)
		return NULL;
	api_set_state(&g->api, API_STOPPING);
	crash_at(CRASH_STOPPING);
	if (g->driver) {
		watch_end(driver_watch(g->driver));
		driver_end_previews(g->driver);
	}
	if (g->streams)
		streams_end(g->streams);
	if (g->server)
		server_drain(g->server, left_of(end_ms));
	crash_at(CRASH_STOP_DRAINED);
	if (g->driver)
		driver_stop_loop(g->driver, left_of(end_ms));
	crash_at(CRASH_STOP_LOOP_OVER);
	if (g->hooks) {
		registry_tell(g->registry, NULL, NULL);
		hooks_stop(g->hooks, left_of(end_ms));
	}
	server_free(g->server);
	buf_fini(&g->description);
	tls_free(g->tls);
	streams_free(g->streams);
	engine_free(g->local);
	engine_free(g->null);
	if (g->tokens && token_book_flush(g->tokens))
		log_line(g->log, LOG_WARN, "tokens", "their last uses could not be stored", NULL);
	auth_free(g->auth);
	token_book_free(g->tokens);
	admin_free(g->admin);
	writer_free(g->writer);
	crash_at(CRASH_STOP_WRITER_OVER);
	driver_free(g->driver);
	hooks_free(g->hooks);
	news_free(g->news);
	registry_free(g->registry);
	executor_free(g->executor);
	executor_free(g->hooks_executor);
	telemetry_close(&g->telemetry, left_of(end_ms));
	store_close(g->store);
	crypt_wipe(g->secret_key, sizeof(g->secret_key));
	free(g);
	return NULL;
}
