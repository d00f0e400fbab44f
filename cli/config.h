/* The daemon's configuration: one immutable snapshot.
 *
 * A value comes from the first of these that has it: the command line, the environment
 * (SLUICE_SECTION_KEY, e.g. SLUICE_LIMITS_BODY; empty counts as not set), the YAML file,
 * the default. Every key stands once, in config_table.c, with type, range, unit, default
 * and one line of help; the parser, --check-config, the sample file and
 * doc/configuration.md all read that table.
 *
 * A reload loads a whole new snapshot and swaps it in; a bad file leaves the old one.
 * Sizes are bytes, times milliseconds. Any thread may read a snapshot. */
#pragma once

#include "core/base/buf.h"
#include "core/base/log.h"

struct arena;

struct config_list {
	const char *const *at;
	size_t n;
};

enum config_http_status { CONFIG_STATUS_PROPER, CONFIG_STATUS_ALWAYS_200 };
enum config_images { CONFIG_IMAGES_REFUSE, CONFIG_IMAGES_IGNORE };

struct config {
	struct arena *arena; /**< Holds all of it. */
	const char *listen;  /**< "127.0.0.1:8080", "[::1]:8080": an address, checked. */
	const char *data;
	int64_t shutdown_grace_ms;
	struct {
		int64_t http_status; /**< enum config_http_status */
		struct config_list hosts;
	} api;
	struct {
		const char *cert_file;      /**< "": no TLS. */
		const char *key_file;       /**< "": it stands in cert_file. */
		const char *client_ca_file; /**< "": clients need no certificate. */
		int64_t hsts_ms;
	} tls;
	struct {
		int64_t connections, streams, stream_behind_ms, stream_behind_bytes;
		int64_t body, json_depth, header, plugin_answer;
		int64_t features, plugins, jobs_in_admission, documents;
		int64_t rate, rate_burst;
		bool rate_loopback;
	} limits;
	struct {
		int64_t size_max, keep_stages_ms;
	} store;
	struct {
		int64_t jobs_ms, jobs;
	} retention;
	struct {
		int64_t timeout_ms, retries, budget_ms, wait_for_ms;
		struct config_list allow_networks; /**< "10.0.0.0/8"; none: all are allowed. */
		bool require_tls;
		struct config_list unix_dirs; /**< None: plugins/ in the data directory. */
		const char *ca_file;          /**< "": the system's. */
		const char *client_cert_file; /**< "": none. */
		const char *client_key_file;  /**< "": it stands in client_cert_file. */
	} plugins;
	struct {
		int64_t retry_for_ms, keep_dead_ms, pending_max, pending_bytes;
	} lifehook;
	struct {
		int64_t regex_value_max;
	} selector;
	struct {
		struct config_list protect; /**< "/spec/roles/0/template" and the like. */
	} increment;
	struct {
		const char *user; /**< "": the one who starts it. */
	} run;
	struct {
		const char *standard; /**< engines.default */
		struct {
			const char *user;   /**< Of replicas; "": the one who starts sluiced. */
			const char *cgroup; /**< "/sluice"; "": the one sluiced is in. */
			struct config_list allow; /**< "privileged", "hostPath:/srv", ... */
			int64_t slots;            /**< 0: as many as cores. */
			int64_t images;           /**< enum config_images */
			bool trust_submitters;
			int64_t log_max;
			int64_t ageing_ms;
			struct config_list priority_classes; /**< "high=1000" */
		} local;
	} engines;
	struct {
		const char *dir; /**< "": none. */
	} backup;
	struct {
		const char *password_file; /**< "": none. */
	} admin;
	struct {
		int64_t format;            /**< enum log_format */
		int64_t level;             /**< enum log_level */
		struct config_list levels; /**< "driver=debug": over `level`. */
	} log;
	struct {
		const char *endpoint; /**< "": no traces. */
		int64_t sample_percent;
	} otel;
};

struct config_source {
	const char *path;   /**< The YAML file; NULL: none. */
	char *const *env;   /**< "NAME=value", NULL-terminated; NULL: none. */
	const char *data;   /**< --data; NULL: not given. */
	const char *listen; /**< --listen; NULL: not given. */
};

SL_BEGIN_DECLS

/** On failure `err` says where: "sluice.yml: line 7: limits.body: ...". SL_E_INVALID for
 * whatever is wrong in it, SL_E_NOT_FOUND, SL_E_DENIED, SL_E_IO, SL_E_NO_MEMORY. */
SL_MUST_USE int config_load(const struct config_source *from, struct config **ret,
			    struct sl_error *err);
struct config *config_free(struct config *config);

/** Does `listen` name a loopback address? */
bool config_is_loopback(const struct config *config);

/** Every file that the configuration names and that is there to be read again: `look` gets
 * the key's name and the path. */
void config_each_file(const struct config *config,
		      void (*look)(void *user, const char *key, const char *path), void *user);

/** Append, with spaces between, the names of settings whose value differs: of those that
 * take effect when the configuration is read again (`live`), or of those that wait for a
 * restart. */
void config_changes(const struct config *old, const struct config *fresh, bool live,
		    struct buf *to);

/** For the audit log: append a JSON object with the settings that differ and their values in
 * `shown`, one of the two; addresses that may hold a password are left out. With `old` NULL
 * all settings of `shown`. */
void config_difference(const struct config *old, const struct config *fresh,
		       const struct config *shown, struct buf *to);

/** Append the whole configuration as YAML, as it is in force: for --check-config. */
void config_print(const struct config *config, struct buf *to);
/** Append the names, with commas between, of SLUICE_ variables that look like settings and are
 * none. */
void config_foreign(char *const *env, struct buf *to);

void config_sample(struct buf *to); /**< A commented file with every key at its default. */
void config_manual(struct buf *to); /**< doc/configuration.md */

SL_DEFINE_SCOPED(struct config, config_free)

SL_END_DECLS
