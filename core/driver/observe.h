/* What is measured of an admission: numbers for /metrics, spans for the tracer.
 *
 * Part of struct admission and struct step; changes nothing of what they do. Layer 2.
 * Threads: the loop. */
#pragma once

#include "core/telemetry/meter.h"
#include "core/telemetry/tracer.h"

struct admission;
struct step;
struct ask_result;
struct change;

/** Of an admission. Times are monotonic microseconds. */
struct observed {
	struct trace trace;
	int64_t began_us, wall_us; /* wall_us: Unix time of began_us */
	uint32_t stage;            /* that is at work; PLUGIN_STAGES: none */
	int64_t stage_us;          /* when its first call was made */
	uint8_t stage_span[TRACE_SPAN_SIZE];
};

/** Where it is counted; nothing is of a dry run. */
struct meter *observe_meter(const struct admission *a);
void observe_begin(struct admission *a);
/** A call will be made: what the plugin is told of the trace. */
void observe_ask(struct admission *a, uint32_t stage, struct step *step,
		 char ret_traceparent[TRACE_TEXT_SIZE]);
void observe_call(struct admission *a, const struct step *step, const struct ask_result *result,
		  enum meter_outcome outcome);
/** The stage at work, if there is one, is over. */
void observe_stage_over(struct admission *a);
/** It ends with this change. */
void observe_end(struct admission *a, const struct change *last);
