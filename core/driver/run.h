/* One TaskSet at work: the policy decides above, the engine carries out below.
 *
 * Layer 2; parts of the driver only. Threads: the loop. */
#pragma once

#include "core/driver/change.h"
#include "core/policy.h"

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
	char note[200]; /* from the engine, for the event that it runs */
	int64_t created_ms;
};

/** Begin (or, with `recovering`, go on with) a TaskSet. `text` is moved. */
void run_begin(struct driver *d, const struct job *job, struct buf *text, bool recovering);
void run_stop(struct driver *d, struct uuid id);
void run_report(struct driver *d, const struct engine_report *report);
void run_tick_due(struct driver *d, int64_t now_ms);
struct run *run_free(struct run *r);
SL_DEFINE_SCOPED(struct run, run_free)
