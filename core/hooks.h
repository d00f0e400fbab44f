/* LifeHooks: subscribers are told of their jobs' state changes.
 *
 * Two halves, with the outbox (core/outbox.h) between them:
 *
 *   writer's thread   every transaction that moved jobs is looked at before it is committed:
 *                     each change (core/ledger/feed.h) is matched against the LifeHook plugins of
 *                     the registry that is in force, and a delivery for each match is put
 *                     into the same transaction
 *   sluice-hooks      reads what is due, sends it (core/calls/caller), and writes what became of
 *                     it. It holds a bounded window of each subscriber's deliveries; the
 *                     rest stays in the store
 *
 * A crash at any point loses nothing: what was sent and not yet written as delivered is
 * sent again, under the same webhook-id. What is acknowledged is written behind, and the next
 * change of the job does not wait for that.
 *
 * Layer 2. Threads: as said; hooks_settings() any. Times in milliseconds. */
#pragma once

#include "core/base/log.h"
#include "core/calls/standing.h"
#include "core/outbox.h"
#include "core/registry.h"
#include "core/telemetry/meter.h"
#include "store/writer.h"

struct hooks;

struct hooks_config {
	struct outbox_limits limits;
	size_t regex_value_max;
	unsigned flying_max; /**< Calls in flight to all subscribers together. */
};

/** What it works with; all borrowed. The executor is its own: nobody else turns it. */
struct hooks_parts {
	struct store *store;
	struct writer *writer;
	struct registry *registry;
	struct executor *executor;
	const struct clock *clock;
	struct log *log;
	struct meter *meter; /**< Or NULL. */
	/** After a commit in which jobs moved, on the writer's thread; or NULL. */
	void (*moved)(void *user);
	void *user;
};

SL_BEGIN_DECLS

/** From now on every change is matched: before the first job moves. Sleeps for a commit
 * when the registry has LifeHooks that the outbox does not know. */
SL_MUST_USE int hooks_create(const struct hooks_config *config, const struct hooks_parts *parts,
			     struct hooks **ret, struct sl_error *err);
SL_MUST_USE int hooks_start(struct hooks *h); /**< Start the thread. */
/** Let calls in flight end for at most `grace_ms`, write what came of them, end the thread.
 * Changes are still matched. */
void hooks_stop(struct hooks *h, uint32_t grace_ms);
/** After the writer has ended. NULL is fine; returns NULL. */
struct hooks *hooks_free(struct hooks *h);

/** Without a thread of its own: one turn on the caller's (simulation). */
void hooks_turn(struct hooks *h, uint32_t wait_ms);
/** Nothing is in flight or on its way to the store. */
bool hooks_idle(const struct hooks *h);

/** From now on. Any thread. */
void hooks_set_times(struct hooks *h, int64_t retry_for_ms, int64_t keep_dead_ms);
/** How subscribers stand: calls in flight, breakers. Lives as long as the hooks. */
struct standings *hooks_standings(struct hooks *h);
/** Look again: deliveries were changed, or features. Any thread. */
void hooks_wake(struct hooks *h);

SL_DEFINE_SCOPED(struct hooks, hooks_free)

SL_END_DECLS
