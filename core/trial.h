/* One signed sample call to a plugin, and a verdict on its answer in words: for whoever
 * writes or runs it. Nothing is stored; the call carries `Sluice-Dry-Run: true` and takes its
 * place in the plugin's line like any other.
 *
 * Layer 2. Threads: driver_trial() from any but the loop and the writer (it sleeps). */
#pragma once

#include "core/driver.h"

struct trial_ask {
	const struct plugin *plugin; /**< Its registry is held by the caller and `registry`. */
	const struct registry_ref *registry;
	struct uuid job;          /**< As the body's header says it. */
	struct bytes body;        /**< As kept_body() makes it. */
	uint32_t most_ms;         /**< For the attempt and for a place in line. */
	bool (*gone)(void *user); /**< As in struct preview_options. */
	void *user;
};

enum trial_verdict {
	TRIAL_UNREACHED, /**< It cannot be asked: no connection, time-out, 5xx, 429. */
	TRIAL_ILLEGAL,   /**< It answered, and that is no legal answer. */
	TRIAL_LEGAL,
};

/** What came of it; trial_fini(). */
struct trial {
	enum trial_verdict verdict;
	unsigned status; /**< 0: none. */
	uint64_t took_us;
	bool timed_out, violation; /**< violation: of the increment rule. */
	struct buf answer;         /**< Its first bytes. */
	struct buf words;          /**< What is wrong, or what was understood. */
};

SL_BEGIN_DECLS

SL_MUST_USE int driver_trial(struct driver *d, const struct trial_ask *ask, struct trial *ret,
			     struct sl_error *err);
void trial_fini(struct trial *t);

SL_END_DECLS
