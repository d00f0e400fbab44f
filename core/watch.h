/* Those who wait for a job to move.
 *
 * A fixed number of buckets; a job's id says which is its. A waiter enters its bucket, looks
 * whether what it waits for has come, and then sleeps; whoever has committed a move wakes
 * those who wait for this job. So a move is either seen by the look or wakes the sleeper:
 * none is missed, and nobody is woken by the moves of other jobs.
 *
 * Others (streams) are not held here but called: watch_listen().
 *
 * Layer 2. Any thread; only watch_wait() sleeps. Times are monotonic milliseconds. */
#pragma once

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/base/list.h"

struct watch;

/** Has it come? Asked on the waiter's thread, again after each move of the job. */
typedef bool (*watch_look_fn)(void *user);

/** One who is called at each move of a job. Its memory is the listener's. */
struct watch_ear {
	struct uuid job;
	void (*heard)(void *user); /**< With the bucket held: quick, calls no watch_*(). */
	void *user;
	struct list link; /**< The watch's. */
};

SL_BEGIN_DECLS

/** At most `held_max` may wait at one time. */
SL_MUST_USE int watch_create(unsigned held_max, struct watch **ret);
/** Nobody may wait any more. NULL is fine; returns NULL. */
struct watch *watch_free(struct watch *watch);

/** Take a place among those who may wait. SL_E_UNAVAILABLE: none is free. */
SL_MUST_USE int watch_enter(struct watch *watch);
void watch_leave(struct watch *watch); /**< Give it back. */

/** With a place: sleep until `look` says yes, for at most `most_ms`, or until
 * watch_end(). `look` is asked at least once. */
void watch_wait(struct watch *watch, struct uuid job, uint32_t most_ms, watch_look_fn look,
		void *user);
/** This job moved, and the move is on disk. */
void watch_tell(struct watch *watch, struct uuid job);
/** Call `ear` from now on: whatever moves after this is heard. */
void watch_listen(struct watch *watch, struct watch_ear *ear);
/** Afterwards it is not called any more. */
void watch_unlisten(struct watch *watch, struct watch_ear *ear);
/** Wake everybody; from now on nobody sleeps. */
void watch_end(struct watch *watch);

SL_DEFINE_SCOPED(struct watch, watch_free)

SL_END_DECLS
