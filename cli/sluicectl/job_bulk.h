/* Many jobs moved one after another: found by a filter, shown and asked about, then moved (or
 * erased) at a pace, with progress on standard error. One thread. */
#pragma once

#include "cli/sluicectl/job_filter.h"

struct job_bulk_options {
	struct job_filter_options filter;
	const char *per_second;
	bool yes, dry_run;
};

/** Rows for a command whose options are a `t` with these in `m`. */
#define JOB_BULK_OPTIONS(t, m)                                                                     \
	JOB_FILTER_OPTIONS(t, m.filter),                                                           \
		{"per-second",                                                                     \
		 0,                                                                                \
		 "N",                                                                              \
		 OPTION_COUNT,                                                                     \
		 offsetof(t, m.per_second),                                                        \
		 "with a filter: at most so many a second",                                        \
		 NULL,                                                                             \
		 NULL},                                                                            \
		{"dry-run",                                                                        \
		 0,                                                                                \
		 NULL,                                                                             \
		 OPTION_FLAG,                                                                      \
		 offsetof(t, m.dry_run),                                                           \
		 "with a filter: only list what it finds",                                         \
		 NULL,                                                                             \
		 NULL},                                                                            \
	{                                                                                          \
		"yes", 'y', NULL, OPTION_FLAG, offsetof(t, m.yes), "with a filter: do not ask",    \
			NULL, NULL                                                                 \
	}

struct job_bulk {
	struct job_bulk_options o;
	const char *verb, *did, *prefix; /**< "stop", "stopping", "/v1/job/stop/". */
	/** Send the request for one job; tells nothing. */
	int (*put)(struct ctl *ctl, const char *prefix, const char *job, struct api_answer *answer);
};

SL_BEGIN_DECLS

/** Is it a filter, and no names? CTL_USAGE (told) for both, or neither; `verb` as above. */
int job_bulk_wanted(struct ctl *ctl, const struct job_bulk_options *o, const char *verb,
		    bool *ret_filter);
/** Returns an enum ctl_exit. Jobs that have moved on by themselves meanwhile are counted, and
 * are no failure. */
int job_bulk_run(struct ctl *ctl, const struct job_bulk *bulk);

SL_END_DECLS
