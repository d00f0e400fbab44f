/* What the parts of the driver share: the loop's state and notes to the loop. Not for
 * anybody else.
 *
 *   loop.c       the thread: turns, notes, timers
 *   submit.c     acceptance (the caller's thread and the writer's)
 *   request.c    stop and resume (likewise)
 *   stopped.c    what was stopped, with its children
 *   hold.c       admission held and released (likewise)
 *   due.c        jobs whose time has come
 *   turned_back.c  the clock was turned back: who waits for a while waits no longer for it
 *   intake.c     stored jobs that belong into memory
 *   line.h       line.c       jobs in the store that wait for a plugin
 *                line_look.c  a look into the store: the first of them go on
 *   taken.h      taken.c      jobs taken out of the store to be asked about again
 *   recover.c    after a restart
 *   trial.c      one sample call to a plugin
 *   trim.c       what stages were given, cut down when it is old
 *
 *   behind.h     what may wait a little to be written
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
 *                run_save.c   what the store is told of it
 *                run_load.c   what is taken up again, out of the store
 *
 * Layer 2. Threads: the loop, where nothing else is said. */
#pragma once

#include "core/base/crypt.h"
#include "core/base/heap.h"
#include "core/base/list.h"
#include "core/base/mailbox.h"
#include "core/driver.h"
#include "core/driver/erase.h"
#include "core/driver/table.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum {
	STUCK_RETRY_MS = 1000, /**< A change that the store could not take is tried again. */
	DUE_LEASE_MS = 60000,  /**< A job that is being asked again is due again after this. */
	HOLD_WORDS_MAX = 4096,
};

/** A message to the loop. */
struct note {
	struct letter letter;
	void (*handle)(struct driver *d, struct note *note);
};

/** What a walk over stored jobs looks at; the lower ones go first. */
enum intake_sort {
	INTAKE_WAITING = 1,
	INTAKE_RUNNING = 2,
	INTAKE_PUT_OFF = 4, /**< Suspended, and their time came during a hold. */
	INTAKE_PREPARING = 8,
	INTAKE_HELD = 16,
	INTAKE_LEASED = 32, /**< Suspended, and asked about again: some may be lost. */
};

struct intake {
	unsigned asked, walking; /* of enum intake_sort; at most one is walked */
	struct uuid behind;      /* how far the walk is */
	int64_t at_ms;           /* its next piece, monotonic */
	bool busy;               /* a piece is at the writer's */
	bool first;              /* what was in admission is not in memory yet */
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
	atomic_bool previews_over;                    /* they are to end, none begins */
	atomic_size_t documents; /* bytes held by admissions and runs, roughly */
	atomic_size_t holds;     /* in the store: none, nobody has to look */
	atomic_bool released;    /* one was lifted: the loop shall look who is held no longer */
	atomic_bool report_lost; /* for want of memory */
	atomic_bool erased;      /* a job was taken out of the book: the loop shall look */
	atomic_size_t set_aside; /* jobs that could not be read */
	atomic_bool ending;
	atomic_size_t busy; /* admissions and runs, for driver_idle() */
	pthread_t thread;
	bool threaded;
	/* the loop's own */
	struct table admissions, runs;
	struct list behind; /* admissions whose progress is still to be written: behind.h */
	struct list runs_soon, runs_behind; /* likewise what became of runs */
	struct list stuck;                  /* changes to be tried again */
	int64_t stuck_ms;                   /* when, monotonic */
	struct heap waking;                 /* runs that want a tick, the first one in front */
	int64_t timer_ms;                   /* the first stored timer, wall time; 0: none known */
	bool timer_busy;
	struct clock_watch clock_watch;
	int64_t turned_back_ms; /* by so much, and stored timers do not follow yet */
	bool turning_back;      /* they are being changed */
	int64_t trim_ms;        /* when old stages are cut down next, monotonic; 0: not begun */
	bool trim_busy;
	struct erasing erasing;
	struct table lines;    /* plugins that jobs in the store wait for: line.h */
	struct list lines_all; /* likewise */
	bool lines_stir;       /* some may go on now */
	int64_t lines_ms;      /* or then, monotonic; 0: not known */
	uint64_t lines_generation;
	size_t changes_open; /* submitted, not yet back */
	struct intake intake;
	uint64_t serial;        /* of the newest admission or run */
	struct crypt_pool lots; /* for ids of spans */
};

void driver_post(struct driver *d, struct note *note);
int64_t driver_now(const struct driver *d); /* wall time */
void driver_set_timer(struct driver *d, int64_t at_ms);
/** Count one more job in admission; any thread. SL_E_BUSY: there are enough. */
int driver_enter(struct driver *d, struct sl_error *err);
/** Are more documents in memory than there shall be? Any thread. */
bool driver_is_heavy(const struct driver *d);
void driver_wake(struct driver *d); /* out of its sleep; any thread */
/** A job cannot be read: it stays where it is, loudly. */
void driver_set_aside(struct driver *d, struct uuid job);
void driver_log(struct driver *d, enum log_level level, struct uuid job, const char *msg,
		const char *key, const char *value);

/* ---- turned_back.c ---- */

/** At the start: was the clock turned back since the store was written last? */
SL_MUST_USE int turned_back_begin(struct driver *d, struct store_txn *txn);
/** In each turn. */
void turned_back_look(struct driver *d);

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

/* ---- hold.c ---- */

/** In a transaction: is the job to be held? `*ret` says why, in `words`. SL_E_NOT_FOUND: no. */
SL_MUST_USE int driver_find_hold(struct driver *d, struct store_txn *txn, const struct job *job,
				 struct buf *words, struct why *ret);

/* ---- intake.c ---- */

/** Walk over all jobs of these sorts, soon. */
void intake_ask(struct driver *d, unsigned sorts, uint32_t delay_ms);
/** A job in this state was lost from memory, or may have been: look for it. */
void intake_again(struct driver *d, enum job_state state);
void intake_after_release(struct driver *d); /* any thread */
void intake_turn(struct driver *d);
/** When there is something to do, monotonic; 0: nothing. */
int64_t intake_next_ms(const struct driver *d);

/* ---- due.c ---- */

void due_start(struct driver *d);

/* ---- trim.c ---- */

/** Every now and then: what stages were given, of jobs that ended long ago, goes. */
void trim_start(struct driver *d);
