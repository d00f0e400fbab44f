/* The attempts this engine has in hand: a table by name. Those that wait for slots are in
 * the queue as well (queue.h).
 *
 * The engine's thread only. Attempts are owned by the table; they leave it when their
 * end has been reported. */
#pragma once

#include "core/base/list.h"
#include "core/engine_port.h"

struct party;

enum attempt_state {
	ATTEMPT_WAITING,  /**< In the queue. */
	ATTEMPT_ASKED,    /**< The spawner has been, or will be, asked to start it. */
	ATTEMPT_FOLLOWED, /**< Its supervisor lives; `pidfd` tells of its end. */
	ATTEMPT_SWEEPING, /**< Its supervisor died silently; then it will be lost. */
};

/** The plan's part that all replicas of a role share. */
struct plan_body {
	unsigned refs; /**< Counted atomically: bodies go from the loop to the engine's thread. */
	uint32_t cost; /**< Slots a replica takes. */
	int32_t priority;
	size_t len;
	char text[];
};

/** Which of its descriptors an event belongs to. */
enum watch_kind { WATCH_WAKE, WATCH_SPAWNER, WATCH_PIDFD, WATCH_NOTICE };

struct watch {
	enum watch_kind kind;
	struct attempt *attempt;
};

struct attempt {
	struct replica_name name;
	enum attempt_state state;
	struct attempt *next; /**< In its bucket. */
	struct list due;      /**< In the line for the spawner. */
	struct list member;   /**< In its party, while it waits. */
	struct party *party;  /**< With which it waits, or NULL. */
	uint32_t cost;        /**< Slots that it will take. */
	uint32_t slots;       /**< Held now. */
	struct plan_body *body;
	char *head;
	size_t head_len;
	int pidfd, notice;
	struct watch on_pidfd, on_notice;
	bool want_stop, told_stop, seen_started;
	int32_t pid; /**< Of its first process, once known. */
	int64_t started_ms;
};

struct attempts {
	struct attempt **bucket; /**< ATTEMPTS_BUCKETS of them. */
	size_t n, max;
};

enum { ATTEMPTS_BUCKETS = 8192 };

SL_BEGIN_DECLS

SL_MUST_USE int attempts_init(struct attempts *t, size_t max);
void attempts_fini(struct attempts *t); /**< Frees all that is in it. */

bool attempts_same(const struct replica_name *a, const struct replica_name *b);
struct attempt *attempts_find(const struct attempts *t, const struct replica_name *name);
/** A new one of this name, in state WAITING but not queued. SL_E_BUSY at the maximum. */
SL_MUST_USE int attempts_add(struct attempts *t, const struct replica_name *name,
			     struct attempt **ret);
/** Take it out and free it, with its descriptors. It waits in no party any more. */
void attempts_remove(struct attempts *t, struct attempt *a);

struct plan_body *plan_body_ref(struct plan_body *body);
struct plan_body *plan_body_unref(struct plan_body *body); /**< Returns NULL. */

SL_END_DECLS
