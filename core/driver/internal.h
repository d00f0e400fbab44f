/* What the parts of the driver share: the loop's state, notes to the loop, and the
 * changes that it writes. Not for anybody else.
 *
 *   loop.c       the thread: turns, notes, timers
 *   submit.c     acceptance (the caller's thread and the writer's)
 *   request.c    stop and resume (likewise)
 *   stopped.c    what was stopped, with its children
 *   admit.c      loading a job for admission
 *   admission.c  one job in admission: effects, calls, answers
 *   compose.c    a stage's answers put together
 *   verdict.c    how an admission ends: suspended, failed, stopped, handed over
 *   change.c     one job's changes in one transaction
 *   run.c        one TaskSet at work: policy above, engine below
 *   due.c        jobs whose time has come
 *   recover.c    after a restart */
#pragma once

#include "core/answer.h"
#include "core/base/arena.h"
#include "core/base/crypt.h"
#include "core/base/list.h"
#include "core/driver.h"
#include "core/driver/table.h"
#include "core/merge.h"
#include "core/pipeline.h"
#include "core/policy.h"
#include "core/progress.h"
#include "core/replica.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum {
	ADMIT_ARENA_MAX = 512 << 20,
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
	uint32_t together_max[DRIVER_ENGINES_MAX];
	bool closed; /* being freed: neither writer nor engines are there any more */
	struct mailbox *box;
	struct caller *caller;
	struct watch *watch;
	struct selector_scratch *scratch;
	struct increment_rules *rules;
	struct id_source ids;                         /* the writer's thread */
	atomic_size_t in_admission, in_admission_max; /* the latter in place of the config's */
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
	size_t changes_open; /* submitted, not yet back */
	uint64_t serial;     /* of the newest admission or run */
};

void driver_post(struct driver *d, struct note *note);
uint32_t driver_together_max(const struct driver *d, const struct engine *engine);
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

/* ---- change.c: one job's changes, written in one transaction ---- */

struct replica_change_record {
	struct replica_change_record *next;
	uint32_t role, index;
	bool start; /* with this record on disk the engine is asked to start it */
	struct replica replica;
};

struct change_event {
	struct change_event *next;
	struct event event;
};

/** All bytes lie in its arena. Made and ended on the loop. */
struct change {
	struct write write;
	struct note note;
	struct driver *driver;
	struct arena *arena;
	struct list link; /* in driver->stuck */
	struct uuid id;
	uint32_t moves;         /* the job must have moved this often, or the change is void */
	enum job_state path[3]; /* moves to make, in order */
	size_t path_n;
	struct why why; /* of the last move, or of staying where it is */
	bool stay;      /* no move, but new words and times */
	enum job_next next;
	int64_t next_ms, expires_ms;
	bool vain; /* a plugin could not be asked: count it */
	struct bytes engine;
	struct {
		enum job_part part;
		struct bytes text;
	} doc[6];
	size_t docs;
	struct change_event *event, **event_end;
	struct replica_change_record *replica, **replica_end;
	/** On the loop, when it is on disk (0) or void (SL_E_CONFLICT, SL_E_NOT_FOUND); other
	 * failures are tried again until they pass. With a flaw: SL_E_NO_MEMORY, or 0 when the
	 * job failed instead. The change is freed afterwards. */
	void (*then)(struct driver *d, struct change *c, int rc);
	uint64_t owner; /* serial of the admission or run that it belongs to */
	struct stopped *stopped;
	int flaw; /* memory ran out while it was put together: it lacks a part */
	int rc;
};

SL_MUST_USE int change_create(struct driver *d, struct uuid id, uint32_t moves,
			      struct change **ret);
struct change *change_free(struct change *c);
void change_add_doc(struct change *c, enum job_part part, struct bytes text); /* copies */
struct bytes change_copy(struct change *c, struct bytes text);
struct bytes change_str(struct change *c, const char *text);
/** The strings of `event` are copied. */
void change_add_event(struct change *c, const struct event *event);
void change_submit(struct change *c);
void change_retry_stuck(struct driver *d);
SL_DEFINE_SCOPED(struct change, change_free)

/* ---- admit.c: what an admission begins with ---- */

struct admit {
	struct note note;
	struct arena *arena; /* holds everything below */
	struct job job;
	struct bytes header, submitted, taskset, factors, provenance, progress;
	bool counted; /* already in driver->in_admission */
	bool by_timer;
	atomic_size_t *charged; /* driver->documents, with `weight`, until it is freed */
	size_t weight;
};

SL_MUST_USE int admit_create(struct admit **ret);
struct admit *admit_free(struct admit *a);
/** Count what it and its admission hold as documents in memory, once. */
void admit_charge(struct driver *d, struct admit *a);
/** Copy everything of job `id` out of the store. */
SL_MUST_USE int admit_load(struct store_txn *txn, struct uuid id, struct admit **ret);
SL_DEFINE_SCOPED(struct admit, admit_free)

/* ---- admission.c ---- */

struct admission;

struct step { /* one plugin of the plan */
	struct admission *admission;
	uint32_t index;
	ask_id ask;
	struct buf body; /* its answer, kept until the stage is composed */
	struct json answer;
	bool answered;
	bool timed_out;
	uint32_t used_ms;
	const char *code; /* when it failed: the reason code */
	char words[600];  /* and why */
	struct gate_reply gate;
	struct increment increment; /* decorators and the binder: what was added */
};

struct admission {
	struct table_node node;
	struct driver *driver;
	struct admit *from;   /* owned: job and documents as loaded */
	struct job job;       /* facts; strings borrowed from `from` */
	uint32_t moves;       /* as the store has it, changes on their way included */
	enum job_state state; /* likewise: preparing, or suspended while asked again */
	char id_text[UUID_TEXT_SIZE];
	struct progress progress;
	struct json header;
	struct buf taskset_text; /* the TaskSet as it stands */
	struct json taskset;
	bool has_taskset, taskset_dirty, factors_dirty, provenance_dirty;
	struct buf provenance; /* who added what: elements of a JSON array */
	struct buf factors;
	const struct registry_ref *registry;
	struct plan *plan;
	struct pipeline *pipeline;
	struct step *step;
	struct buf body; /* the request of the present stage */
	uint32_t body_stage;
	int64_t began_ms;          /* monotonic */
	uint32_t waited_ms;        /* for places at plugins: no active time */
	uint32_t stage_waited_ms;  /* of it in the present stage: the longest of its calls */
	struct arena *event_arena; /* events not yet written */
	struct change_event *event, **event_end;
	uint64_t serial; /* of its life: an answer to an earlier one is not taken for its own */
	bool writing;    /* a progress change is on its way */
	bool dirty;      /* there is newer progress */
	struct admit *resumed; /* a resume that came while a plugin was asked again */
	bool ended;            /* its last change is made */
	struct change *last;   /* and waits for the one on its way, or NULL */
	const char *fault;     /* reason code of a stage that could not be composed */
	struct bytes fault_plugin;
	char fault_words[600];
};

void admission_begin(struct driver *d, struct note *note); /* note: struct admit */
struct admission *admission_free(struct admission *a);     /* also out of the table */
void admission_drop(struct admission *a); /* somebody else decided: calls canceled, freed */
/** The plugin was asked again in vain: let the resume that came meanwhile go on instead.
 * False when there is none; else `a` is gone. */
bool admission_go_on_resumed(struct admission *a);
void admission_event(struct admission *a, const struct event *event);
/** The admission of this id and serial, or NULL. */
struct admission *admission_find(struct driver *d, struct uuid id, uint64_t serial);
/** Submit its last change, behind what is on its way. */
void admission_end(struct admission *a, struct change *c);
/** Move docs, progress and events that the store has not seen into `c`. */
void admission_flush(struct admission *a, struct change *c);
uint32_t admission_used_ms(const struct admission *a);

/* compose.c: 0, or a fault in a->fault and its words. */
int compose_stage(struct admission *a, uint32_t stage);
/** Is this step's answer an increment of the present TaskSet? SL_E_CONFLICT with words if not. */
int compose_check(struct admission *a, struct step *step, struct sl_error *err);
/** What a legal answer says, for the job's log; `to` needs buf_fini(). */
void compose_tell(const struct admission *a, const struct step *step, struct buf *to);
/** SL_E_INVALID for a status that is none of an answer, with what the plugin says of it:
 * that is meant for the submitter, so it goes where everybody reads. */
int compose_refusal(const struct ask_result *result, struct sl_error *err);
int compose_set_taskset(struct admission *a, const struct json *json, struct sl_error *err);

/* verdict.c: carry out the last effect of a pipeline. */
void verdict_suspend(struct admission *a, struct step *step);
void verdict_wait(struct admission *a, struct step *step);
/** Its time came, but the gate that suspended it is off or gone. */
void verdict_gate_gone(struct admission *a);
void verdict_stop(struct admission *a, struct step *step);
void verdict_fail(struct admission *a, struct step *step, const struct plan_stage *stage);
void verdict_fail_words(struct admission *a, const char *code, const char *words);
void verdict_hand_over(struct admission *a);

/* ---- run.c ---- */

struct run {
	struct table_node node;
	struct driver *driver;
	struct list link; /* in driver->waking */
	int64_t wake_ms;
	struct engine *engine;
	struct buf text;
	struct json json;
	size_t weight; /* in driver->documents */
	struct taskset *set;
	struct policy *policy;
	uint32_t moves;       /* changes on their way and `next` included */
	enum job_state state; /* likewise */
	uint64_t serial;
	bool writing;        /* a change is on its way */
	struct change *next; /* what came up meanwhile: the next one */
	bool stopping, ended;
	int64_t created_ms;
};

/** Begin (or, with `recovering`, go on with) a TaskSet. `text` is moved. */
void run_begin(struct driver *d, const struct job *job, struct buf *text, bool recovering);
void run_stop(struct driver *d, struct uuid id);
void run_report(struct driver *d, const struct engine_report *report);
void run_tick_due(struct driver *d, int64_t now_ms);
struct run *run_free(struct run *r);
SL_DEFINE_SCOPED(struct run, run_free)

/* ---- due.c ---- */

void due_start(struct driver *d);
