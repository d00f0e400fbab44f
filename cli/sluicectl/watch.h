/* Waiting for a job, and seeing what happens to it meanwhile.
 *
 * Asks GET /v1/job/detail (and /v1/job/events) again and again: after 100 ms at first,
 * then ever slower up to once a second, faster again after news; where answers take long
 * (thousands of replicas), with pauses of four times as long, 10 seconds at most. A gateway
 * that cannot be reached or is busy is asked on for a minute. One thread. */
#pragma once

#include "cli/sluicectl/output.h"

enum watch_show {
	WATCH_QUIETLY, /**< Only a progress line, on terminals. */
	WATCH_EVENTS,  /**< Each event of the job as it happens; on terminals also how far its
			  roles are. */
	WATCH_ALL,     /**< Likewise, the roles everywhere; and for people also its output when
			  it is final. */
};

SL_BEGIN_DECLS

/** Until the job is final: then CTL_DONE if it succeeded, else CTL_REFUSED; the outcome is
 * printed. */
int watch_job(struct ctl *ctl, const char *job, enum watch_show show);

extern const struct column event_columns[];
extern const size_t event_column_count;

SL_END_DECLS
