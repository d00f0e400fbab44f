/* What would happen: admission without storing or starting anything.
 *
 * A preview goes the way of a real job: the same pipeline, the same places at plugins, the
 * same limits and budget; its calls carry `Sluice-Dry-Run: true`. Plugins with side effects
 * (`sideEffects: some`, every gate's default) are not asked and count as passed. Nothing is
 * written, no id is kept, no engine is asked to start: what comes out is in memory only.
 *
 * At most PREVIEWS_MAX at one time; each is ended when its time is over or its asker gone.
 * Layer 2. Threads: driver_preview() from any but the loop and the writer (it sleeps);
 * a struct preview belongs to whoever asked. */
#pragma once

#include "core/driver.h"

enum { PREVIEWS_MAX = 32 };

/** Documents to begin with: a submission's (stage PLUGIN_TRANSLATOR) or what a stage of a
 * stored job was given. Borrowed for the length of the call. */
struct preview_from {
	struct uuid id; /**< As the header says it. */
	struct bytes user, name, kind;
	struct bytes header;    /**< Header information with its preset keys. */
	struct bytes submitted; /**< `job` as submitted. */
	struct bytes taskset;   /**< Empty before translation. */
	struct bytes factors;   /**< Empty before PLUGIN_GATE. */
	enum plugin_type stage;
};

struct preview_options {
	const struct registry_ref *registry; /**< The generation to work with. */
	uint32_t most_ms;                    /**< It is ended after this. */
	bool (*gone)(void *user); /**< Has the asker gone? Asked a few times a second; or NULL. */
	void *user;
};

/** A plugin that matched and was not asked for its side effects. */
struct preview_skipped {
	const char *key;
	enum plugin_type type;
};

struct preview {
	bool complete;        /**< It came to an end as a real job's admission would. */
	const char *cut;      /**< Else why not, in words. */
	enum job_state state; /**< The would-be state: waiting is "handed to its engine". */
	struct bytes code, reason, plugin;
	enum job_next next;
	int64_t next_ms, expires_ms;
	struct bytes engine;                       /**< The one it would be handed to, or empty. */
	struct bytes taskset, factors, provenance; /**< JSON, or empty. */
	const struct event *event;                 /**< The calls and notes, in order. */
	size_t events;
	const struct preview_skipped *skipped;
	size_t skips;
	uint64_t generation;
	uint64_t took_us;
};

SL_BEGIN_DECLS

/** The gateway is stopping: those at work end with SL_E_UNAVAILABLE, none begins. Any thread. */
void driver_end_previews(struct driver *d);

/** Run it. SL_E_BUSY: too many in admission or previews at one time, or too much memory;
 * SL_E_CANCELED: the asker has gone; SL_E_UNAVAILABLE: the gateway stops. */
SL_MUST_USE int driver_preview(struct driver *d, const struct preview_from *from,
			       const struct preview_options *options, struct preview **ret,
			       struct sl_error *err);
struct preview *preview_free(struct preview *p);

/** An id that no job has or will have. */
struct uuid preview_id(const struct driver *d);
/** Append the header information of a submission, as plugins would see it under this id. */
SL_MUST_USE int submission_header(const struct submission *s, struct uuid id, struct buf *to);

SL_DEFINE_SCOPED(struct preview, preview_free)

SL_END_DECLS
