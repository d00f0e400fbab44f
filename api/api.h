/* What handlers work with: the parts of the gateway, wired by main.
 *
 * Everything is borrowed and outlives the server. Handlers run on the connections'
 * threads, many at once. */
#pragma once

#include "api/auth.h"
#include "api/http_meter.h"
#include "api/news.h"
#include "api/route.h"
#include "api/server.h"
#include "core/base/log.h"
#include "core/driver.h"
#include "core/hooks.h"
#include "core/registry.h"
#include "core/telemetry/meter.h"

struct api {
	struct store *store;
	struct writer *writer;
	struct log *log;
	const struct clock *clock;
	struct token_book *tokens;
	struct admin *admin;
	struct auth *auth;
	struct registry *registry;
	struct driver *driver;
	struct streams *streams;  /**< Shared by all answers that go on. */
	int64_t stream_behind_ms; /**< How far a reader of events may be behind. */
	size_t stream_behind_bytes;
	size_t body_max;               /**< Bytes of a request's body. */
	size_t header_max;             /**< Bytes of a submission's `header`. */
	size_t regex_value_max;        /**< For trying selectors. */
	bool single_user;              /**< Replicas run as the gateway's own user. */
	struct http_meter *http_meter; /**< Or NULL. */
	struct meter *meter;
	struct standings *hook_standings;
	struct tracer *tracer; /**< Or NULL. */
	struct tls *tls;       /**< Or NULL: no TLS. */
	const char *version;
	struct hooks *hooks;
	struct news *news; /**< Wakes the streams of events. */
	unsigned json_depth_max;
	unsigned rate, rate_burst; /**< Requests a second for each token; rate 0: no limit. */
	bool rate_loopback;        /**< Also for callers on this machine. */
	const char *backup_dir;    /**< Where backups may be put, or "". */
	const char *data_dir;
	const uint8_t *secret_key;               /**< Seals what is secret in the store. */
	int backing_up;                          /**< One at a time: api/handlers/backup.c. */
	uint64_t backup_done, backup_all;        /**< Of it: bytes that were copied, about. */
	int64_t backup_begun_ms;                 /**< Monotonic. */
	const struct route_group *const *routes; /**< Ended by NULL: api_routes. */
	struct bytes description;                /**< openapi.json: openapi_print(). */
	int engine_lost;                         /**< Set once, by api_set_engine_lost(). */
	int state;                               /**< enum api_state, by api_set_state(). */
	int64_t flushed_ms;                      /**< Of the server's housekeeping thread. */
};

/** Only in API_READY more than ROUTE_ALWAYS is served. */
enum api_state { API_STARTING, API_READY, API_STOPPING };

static inline void api_set_state(struct api *api, enum api_state state)
{
	__atomic_store_n(&api->state, (int)state, __ATOMIC_RELEASE);
}

static inline enum api_state api_state(const struct api *api)
{
	return (enum api_state)__atomic_load_n(&api->state, __ATOMIC_ACQUIRE);
}

/** The engine local can start nothing any more: /readyz says so. */
static inline void api_set_engine_lost(struct api *api)
{
	__atomic_store_n(&api->engine_lost, 1, __ATOMIC_RELEASE);
}

static inline bool api_engine_lost(const struct api *api)
{
	return __atomic_load_n(&api->engine_lost, __ATOMIC_ACQUIRE);
}

SL_BEGIN_DECLS

/** What the server calls: routes, callers, bodies, envelopes (api/front.c). `user` is
 * the struct api. */
extern const struct server_front api_front;

/** All routes of this build, ended by NULL. */
extern const struct route_group *const api_routes[];

/* One a file of handlers. */
extern const struct route_group group_admission;
extern const struct route_group group_backup;
extern const struct route_group group_audit;
extern const struct route_group group_events;
extern const struct route_group group_feature_replay;
extern const struct route_group group_features;
extern const struct route_group group_health;
extern const struct route_group group_hooks;
extern const struct route_group group_job_erase;
extern const struct route_group group_jobs;
extern const struct route_group group_job_reads;
extern const struct route_group group_job_rerun;
extern const struct route_group group_metrics;
extern const struct route_group group_plugin_test;
extern const struct route_group group_plugins;
extern const struct route_group group_selectors;
extern const struct route_group group_tokens;

SL_END_DECLS
