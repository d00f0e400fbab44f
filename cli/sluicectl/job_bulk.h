/* Many jobs moved one after another: found by a filter, shown and asked about, then moved at
 * a pace, with progress on standard error. One thread. */
#pragma once

#include "cli/sluicectl/job_filter.h"

struct job_bulk {
	struct job_filter_options filter;
	const char *verb, *did, *prefix; /**< "stop", "stopping", "/v1/job/stop/". */
	/** Send the request for one job; tells nothing. */
	int (*put)(struct ctl *ctl, const char *prefix, const char *job, struct api_answer *answer);
	long per_second; /**< 0: as fast as it goes. */
	bool yes, dry_run;
};

SL_BEGIN_DECLS

/** Returns an enum ctl_exit. Jobs that have moved on by themselves meanwhile are counted, and
 * are no failure. */
int job_bulk_run(struct ctl *ctl, const struct job_bulk *bulk);

SL_END_DECLS
