/* One TaskSet at work: the policy decides above, the engine carries out below.
 *
 * Layer 2; parts of the driver only. Threads: the loop. */
#pragma once

#include "core/driver/behind.h"
#include "core/driver/change.h"
#include "core/policy/policy.h"

/** What the store knows of one replica. */
struct told {
	uint64_t becomes;                     /* what the job's log says last */
	struct replica_change_record *record; /* in the run's `next`, or NULL */
};

/** A TaskSet as read; what is indexed and borrowed lies in `text`. */
struct run_set {
	struct buf text;
	struct json json;
	struct taskset *set;
};

struct run {
	struct table_node node;
	struct driver *driver;
	struct heap_node waking; /* in driver->waking */
	int64_t wake_ms;
	struct engine *engine;
	struct buf text;
	struct json json;
	size_t weight; /* in driver->documents */
	struct taskset *set;
	struct policy *policy;
	struct told *told;    /* of each replica, role by role */
	uint32_t moves;       /* changes on their way and `next` included */
	enum job_state state; /* likewise */
	uint64_t serial;
	bool writing;        /* a change is on its way */
	struct change *next; /* what came up meanwhile: the next one */
	struct behind behind;
	bool soon; /* `next` holds more than that replicas have started */
	bool stopping, ended;
	char note[200]; /* from the engine, for the event that it runs */
	int64_t created_ms;
};

/** What a run goes on with, out of the store; a note to the loop. */
struct run_load {
	struct note note; /* for run_take_up() */
	struct arena *arena;
	struct job job;
	struct buf text;
	struct run_replica *replica;
};

struct run_replica {
	struct run_replica *next;
	uint32_t role, index;
	struct replica stored;
};

/** Get ready to run a TaskSet that is handed over with `c`, and put its first replicas into
 * it. Nothing is started, and nobody finds it, before run_enter(). `from` is moved. */
SL_MUST_USE int run_prepare(struct driver *d, const struct job *job, struct run_set *from,
			    struct change *c, struct run **ret);
/** `c` is on disk: begin. `r` is moved. */
void run_enter(struct run *r, const struct change *c);
/** Go on with one, unless it is in memory already. The note: struct run_load, freed. */
void run_take_up(struct driver *d, struct note *note);
/** Copy all of it out of the store. SL_E_CORRUPT, SL_E_NOT_FOUND: it cannot be run. */
SL_MUST_USE int run_load(struct store_txn *txn, const struct job *job, struct run_load **ret);
struct run_load *run_load_free(struct run_load *l);
void run_stop(struct driver *d, struct uuid id);
/** A report was lost: which run it was for is not known. */
void run_lose_all(struct driver *d);
void run_report(struct driver *d, const struct engine_report *report);
void run_tick_due(struct driver *d, int64_t now_ms);
/** When the first one wants a tick, or 0. */
int64_t run_next_wake(const struct driver *d);
/** Likewise all that wait, whose waits are not longer than they were to be. */
void run_turn_back(struct driver *d, int64_t now_ms);
bool run_wakes_before(const struct heap_node *a, const struct heap_node *b);
struct run *run_free(struct run *r);

/* For run_save.c: */
struct run *run_find(struct driver *d, struct uuid id);
/** It cannot be told any more what became of it: it is taken up again from the store. */
void run_lose(struct run *r);
/** What came with a change that is on disk. */
void run_carry_on(struct run *r, const struct change *c);

/* ---- run_save.c ---- */

/** What the policy wants stored goes into the next change. The run may be gone then. */
void run_save(struct run *r, const struct policy_out *out);
/** Likewise of what it wants at the start, into the change that hands it over. */
void run_put_first(struct run *r, struct change *c, const struct policy_out *out);
/** The replica is stored like this. */
void run_told(struct run *r, uint32_t role, uint32_t index, const struct replica *stored);
/** Let the next change be written when it is due, if there is one. */
void run_write(struct run *r);
void run_write_due(struct driver *d);

/* ---- run_start.c ---- */

struct run_start { /* one replica to start */
	enum start_how how;
	uint32_t role, index, group;
};

struct replica_name run_name_of(const struct run *r, uint32_t role, uint32_t index);
/** Groups stand together. What the engine does not take is reported as refused. */
void run_start(struct run *r, const struct run_start *start, size_t n);
/** Starts of a change that is on disk now. What was to end meanwhile is not started. */
void run_launch(struct run *r, const struct change *c);
/** Ask the engine for each replica that may still be there. One that it was only about to
 * be asked for is started now, under the same name; one that ran is lost. */
void run_find_again(struct run *r);
void run_set_fini(struct run_set *s);
static inline void run_set_finip(struct run_set *s) { run_set_fini(s); }
SL_DEFINE_SCOPED(struct run, run_free)
SL_DEFINE_SCOPED(struct run_load, run_load_free)
