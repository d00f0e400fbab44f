/* What the domain counts for /metrics: calls, decisions, admissions, stages.
 *
 * Made once and handed to whoever counts; a NULL meter counts nothing. Labels are bounded:
 * the first METER_PLUGINS plugins that are called have series of their own, all further
 * ones share `other`. Counting allocates once for each of those plugins. Any thread. */
#pragma once

#include "core/base/metric.h"
#include "core/pipeline.h"

struct meter;

enum { METER_PLUGINS = 100 };

enum meter_outcome {
	METER_ANSWERED,
	METER_ILLEGAL, /**< An answer that is not one. */
	METER_TIMEOUT,
	METER_UNAVAILABLE,
	METER_OUTCOMES,
};

SL_BEGIN_DECLS

SL_MUST_USE int meter_create(struct meter **ret);
struct meter *meter_free(struct meter *m);

const char *meter_outcome_name(enum meter_outcome outcome); /**< "answered", ... */
/** One call with all its attempts came to its end. */
void meter_call(struct meter *m, const char *plugin, enum meter_outcome outcome, uint64_t us);
void meter_decision(struct meter *m, enum gate_decision decision);
/** Admission ended for now: the job was handed over, suspended, stopped or failed. */
void meter_admission(struct meter *m, uint64_t us);
void meter_stage(struct meter *m, enum plugin_type stage, uint64_t us);
/** The plugins of one job were found. */
void meter_selector(struct meter *m, uint64_t us);
void meter_conflict(struct meter *m);
void meter_fail_open(struct meter *m);

/** Append all of it as the text format wants it. */
void meter_write(const struct meter *m, struct buf *to);

SL_DEFINE_SCOPED(struct meter, meter_free)

SL_END_DECLS
