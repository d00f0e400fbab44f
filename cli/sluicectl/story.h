/* A job's events as a person reads them: a line for each, with the time since the first
 * one, who was asked, how long that took and what came of it; and what the job printed.
 *
 *     0.004 s  AccessGate          office/quota           2.1 ms  pass: 0 of 4 jobs are under way
 *
 * A plugin is shown by its feature and name ("office/quota"): feature names are unique.
 * Colours only on terminals without NO_COLOR. One thread. */
#pragma once

#include "cli/sluicectl/output.h"

enum { STORY_STARTS_MAX = 64 };

/** Zero it and set `ctl`. */
struct story {
	struct ctl *ctl;
	bool begun;
	bool showed_output;
	int64_t first_ms, last_ms; /**< Wall time of the first event and of the newest. */
	struct {                   /**< Replicas that have started, the newest ones. */
		char name[80];
		int64_t ms;
	} start[STORY_STARTS_MAX];
	size_t starts;
};

SL_BEGIN_DECLS

/** Print a call to a plugin without its time, `stage` in front. */
void story_call(const struct ctl *ctl, const struct json *json, json_at event, const char *stage);
/** Print the line of one event. */
void story_event(struct story *s, const struct json *json, json_at event);
/** Print the last 50 lines of each of the first 20 replicas, behind their names; an enum
 * ctl_exit. */
int story_output(struct story *s, const char *job, const struct json *json, json_at detail);
/** Print how the job ended and, unless it succeeded, what to do next. `job` is the member of
 * that name of a detail. */
void story_end(struct story *s, const struct json *json, json_at job);

SL_END_DECLS
