/* The schemas that more than one handler shows, or that are too long to stand beside it.
 *
 * Layer 3. Constants; any thread. */
#pragma once

#include "api/schema.h"

/* feature_schema.c */
extern const struct schema schema_plugin_type, schema_job_selector, schema_feature,
	schema_feature_registered, schema_feature_rotated, schema_feature_input, schema_plugin,
	schema_plugin_input;

/* job_calls.c, job_explain_match.c */
extern const struct schema schema_recorded_calls, schema_plugin_match;

/* job_schema.c */
extern const struct schema schema_job_state, schema_job_summary, schema_job_detail, schema_taskset,
	schema_job_document;

/* explain_schema.c */
extern const struct schema schema_job_event, schema_explanation, schema_dry_run;

/* replay_compare.c */
extern const struct schema schema_replay_result;

/* selector_show.c */
extern const struct schema schema_condition_result;

#define SELECTOR_RESULT_MEMBERS                                                                    \
	MEMBER("matched", BOOL, SHAPE_NULL, "null: it cannot be told."),                           \
		MEMBER_OF("conditions", schema_condition_result, SHAPE_LIST, NULL),                \
		MEMBER("error", TEXT, SHAPE_MAYBE, "Why it cannot be told.")
