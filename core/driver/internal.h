/* What the parts of the driver share: the loop's state and notes to the loop. Not for
 * anybody else.
 *
 *   loop.c       the thread: turns, notes, timers
 *   submit.c     acceptance (the caller's thread and the writer's)
 *   request.c    stop and resume (likewise)
 *   stopped.c    what was stopped, with its children
 *   due.c        jobs whose time has come
 *   recover.c    after a restart
 *   trim.c       what stages were given, cut down when it is old
 *
 *   change.h     change.c     one job's changes in one transaction
 *   admission.h  admit.c      loading a job for admission
 *                admission.c  one job in admission: its life
 *                effects.c    what its pipeline wants carried out
 *                ask.c        one call to a plugin
 *                answered.c   what came of it
 *                compose.c    a stage's answers put together
 *                observe.c    what is measured of it
 *                journal.c    what the store is told on the way
 *                verdict.c    how it ends: suspended, failed, stopped, handed over
 *                preview.c    the same without storing anything
 *   run.h        run.c        one TaskSet at work: policy above, engine below
 *                run_start.c  what it asks of its engine
 *
 * Layer 2. Threads: the loop, where nothing else is said. */
#pragma once

#include "core/base/crypt.h"
#include "core/base/list.h"
#include "core/base/mailbox.h"
#include "core/driver.h"
#include "core/driver/table.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum {
	STUCK_RETRY_MS = 1000, /**< A change that the store could not take is tried again. */
	DUE_LEASE_MS = 60000,  /**< A job that is being asked again is due again after this. */
};

/** A message to the loop. */
struct note {
	struct letter letter;
	void (*handle)(struct driver *d, struct note *note);
};

struct driver {
	struct driver_config config;
	struct driver_parts parts;
	struct engine *engine[DRIVER_ENGINES_MAX]; /* NULL ends */
	bool closed; /* being freed: neither writer nor engines are there any more */
	struct mailbox *box;
	struct caller *caller;
	struct watch *watch;
	struct selector_scratch *scratch;
	struct increment_rules *rules;
	struct id_source ids;                         /* the writer's thread */
	atomic_size_t in_admission, in_admission_max; /* the latter in place of the config's */
	atomic_uint previews;                         /* at work */
	atomic_size_t documents; /* bytes held by admissions and runs, roughly */
	atomic_bool ending;
	atomic_size_t busy; /* admissions and runs, for driver_idle() */
	pthread_t thread;
	bool threaded;
	/* the loop's own */
	struct table admissions, runs;
	struct list stuck;  /* changes to be tried again */
	int64_t stuck_ms;   /* when, monotonic */
	struct list waking; /* runs that want a tick */
	int64_t timer_ms;   /* the first stored timer, wall time; 0: none known */
	bool timer_busy;
	int64_t trim_ms; /* when old stages are cut down next, monotonic; 0: not begun */
	bool trim_busy;
	size_t recovering;   /* runs not yet taken up again, and one for driver_recover() */
	size_t changes_open; /* submitted, not yet back */
	uint64_t serial;     /* of the newest admission or run */
};

void driver_post(struct driver *d, struct note *note);
int64_t driver_now(const struct driver *d); /* wall time */
void driver_set_timer(struct driver *d, int64_t at_ms);
/** Count one more job in admission; any thread. SL_E_BUSY: there are enough. */
int driver_enter(struct driver *d, struct sl_error *err);
/** Are more documents in memory than there shall be? Any thread. */
bool driver_is_heavy(const struct driver *d);
void driver_log(struct driver *d, enum log_level level, struct uuid job, const char *msg,
		const char *key, const char *value);

/* ---- stopped.c: on the writer's thread ---- */

struct stopped;

/** In a transaction that may have stopped a job: stop children that are to be stopped with
 * theirs. `self`: the job that was stopped itself, if the loop is to be told of it. What
 * `*slot` held from an earlier try is freed. */
SL_MUST_USE int stopped_gather(struct driver *d, struct store_txn *txn, const struct uuid *self,
			       struct stopped **slot);
/** When the write is done: tell the loop and the waiting, unless it failed. */
void stopped_tell(struct stopped **slot, int rc);
struct stopped *stopped_free(struct stopped *s);

/* ---- due.c ---- */

void due_start(struct driver *d);

/* ---- trim.c ---- */

/** Every now and then: what stages were given, of jobs that ended long ago, goes. */
void trim_start(struct driver *d);
