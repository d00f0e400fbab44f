/* Ask one plugin, for good: sign the request, make the attempts, wait between them,
 * try another address, keep to the plugin's maxInFlight and to circuit breakers, and say
 * in the end whether it answered or cannot be asked. What the answer means is
 * core/calls/answer's business.
 *
 * An ask that finds no place among maxInFlight waits in the plugin's line, in order. While
 * the line is *held* jobs in the store are before it: places go to asks that are `first`
 * only (such a job's turn has come), and caller_freed() says when there are some.
 *
 * Layer 2. Threads: the loop's only, but for what caller_standings() gives: how plugins
 * stand (calls in flight, breakers, times passed over), for any thread. */
#pragma once

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/calls/standing.h"
#include "core/plugin.h"
#include "net/executor.h"

struct caller;
typedef uint64_t ask_id; /**< 0 is none. */

/** An ask has waited for a place for `patience_ms`, and is told so again each time it has
 * done so for as long: it may be canceled from here. */
typedef void (*ask_waits_fn)(void *user, ask_id id);

struct ask {
	const struct plugin *plugin; /**< The asker holds its registry until the end. */
	struct uuid job;
	const char *webhook_id; /**< Stable over attempts and restarts of one call; copied. */
	struct bytes body;      /**< Borrowed until done or canceled. */
	uint32_t budget_ms;     /**< Time left for the admission of the job. */
	bool dry_run;
	bool once;               /**< One attempt only: the asker has its own way to try again. */
	uint32_t earlier;        /**< Attempts that were made in earlier asks of this webhook_id. */
	const char *traceparent; /**< Or NULL; copied. */
	bool first;              /**< Its turn has come: in front of all others. */
	ask_waits_fn waits;      /**< Or NULL: it waits as long as it takes. */
};

struct ask_result {
	bool answered;  /**< False: it cannot be asked; `why` says why. */
	bool timed_out; /**< Of the last attempt. */
	int rc;         /**< When answered: 0, or SL_E_TOO_BIG for a body over the limit. */
	unsigned status;
	struct bytes body;      /**< Borrowed for the length of the callback. */
	uint32_t attempts;      /**< 0: not even tried, a breaker is open. */
	uint64_t took_us;       /**< From the first attempt to now, without waiting for a place. */
	uint64_t waited_us;     /**< Before the first attempt, for a place. */
	const char *why;        /**< Words; borrowed. */
	int64_t retry_after_ms; /**< What the last answer asked for, or -1. */
};

/** Exactly once for each ask that was not canceled; never from inside caller_ask(). */
typedef void (*ask_done_fn)(void *user, ask_id id, const struct ask_result *result);

struct caller_config {
	size_t answer_max;
	uint32_t retry_ms;    /**< First pause (100); doubles, with jitter. */
	uint32_t patience_ms; /**< After which `waits` is called (1 000). */
};

SL_BEGIN_DECLS

/** `x` and `clock` are borrowed. */
SL_MUST_USE int caller_create(const struct caller_config *config, struct executor *x,
			      const struct clock *clock, struct caller **ret);
struct caller *caller_free(struct caller *c); /**< Drops what is left; no callbacks. */

SL_MUST_USE int caller_ask(struct caller *c, const struct ask *ask, ask_done_fn done, void *user,
			   ask_id *ret);
void caller_cancel(struct caller *c, ask_id id);
bool caller_in_line(ask_id id); /**< Does it wait for a place? */
/** How long it has waited for a place by now. */
uint32_t caller_waited_ms(const struct caller *c, ask_id id);
/** About how many are before it in line; 0 when it has its place. */
uint64_t caller_ahead(ask_id id);

/** Start the attempts whose pause is over and deliver what is due; milliseconds until
 * it wants to be called again, at most `most`. */
uint32_t caller_turn(struct caller *c, uint32_t most_ms);
size_t caller_in_flight(const struct caller *c);

/** Hold a plugin's line, or let it go on. SL_E_NO_MEMORY. */
int caller_hold(struct caller *c, const char *key, bool held);
/** Places that are free now at a plugin with so many, for asks that are `first`. */
uint32_t caller_places(const struct caller *c, const char *key, uint32_t in_flight_max);
/** Did a place come free in a line that is held, since this was last asked? */
bool caller_freed(struct caller *c);
struct standings *caller_standings(struct caller *c);

/** Append "v1,..." for each key that signs now (Standard Webhooks 1.0). */
int caller_sign(struct buf *to, const struct feature *feature, const char *webhook_id,
		int64_t timestamp_s, struct bytes body, int64_t now_ms);

SL_DEFINE_SCOPED(struct caller, caller_free)

SL_END_DECLS
