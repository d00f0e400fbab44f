/* One TaskSet at work: the policy decides above, the engine carries out below.
 *
 * Layer 2; parts of the driver only. Threads: the loop. */
#pragma once

#include "core/driver/change.h"
#include "core/policy/policy.h"

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
	uint64_t *told;       /* of each replica, role by role: what the job's log says last */
	uint32_t moves;       /* changes on their way and `next` included */
	enum job_state state; /* likewise */
	uint64_t serial;
	bool writing;        /* a change is on its way */
	struct change *next; /* what came up meanwhile: the next one */
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

/** Begin with a TaskSet. `text` is moved. */
void run_begin(struct driver *d, const struct job *job, struct buf *text);
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
bool run_wakes_before(const struct heap_node *a, const struct heap_node *b);
struct run *run_free(struct run *r);

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
SL_DEFINE_SCOPED(struct run, run_free)
SL_DEFINE_SCOPED(struct run_load, run_load_free)
