#include "api/handlers/schemas.h"

/* What a call and other events have in common. */
#define CALL                                                                                       \
	MEMBER("generation", INT, SHAPE_MAYBE, "Of the registry that it was asked from."),         \
		MEMBER("attempts", INT, SHAPE_MAYBE, NULL),                                        \
		MEMBER("durationUs", INT, SHAPE_MAYBE, "Microseconds."),                           \
		MEMBER("status", INT, SHAPE_MAYBE, "Of its answer."),                              \
		MEMBER("decision", TEXT, SHAPE_MAYBE, "Of a gate."),                               \
		MEMBER("outcome", TEXT, SHAPE_MAYBE, "What came of it."),                          \
		MEMBER("count", INT, SHAPE_MAYBE, "So often in a row, where more than once."),     \
		MEMBER("reason", TEXT, SHAPE_MAYBE, NULL),                                         \
		MEMBER("reasonCode", TEXT, SHAPE_MAYBE, NULL),                                     \
		MEMBER("who", TEXT, SHAPE_MAYBE, "Id of the token that asked for it."),            \
		MEMBER("detail", TEXT, SHAPE_MAYBE,                                                \
		       "An answer that was no good; for read_feature only.")

static const struct schema_member event_members[] = {
	MEMBER("number", INT, 0, "Rises; gaps are events that were let go."),
	MEMBER("time", TIME, 0, NULL),
	MEMBER_WORD("type", "state call replica request note", 0, NULL),
	MEMBER_OF("state", schema_job_state, SHAPE_MAYBE, "The new one."),
	MEMBER_OF("stage", schema_plugin_type, SHAPE_MAYBE, NULL),
	MEMBER("plugin", TEXT, SHAPE_MAYBE, NULL),
	CALL,
	MEMBER("role", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("replica", INT, SHAPE_MAYBE, NULL),
	MEMBER("exitCode", INT, SHAPE_MAYBE, NULL),
	{0},
};
const struct schema schema_job_event = {.name = "JobEvent", .member = event_members};

static const struct schema_member call_members[] = {
	MEMBER("plugin", TEXT, 0, "Its key."),
	MEMBER("number", INT, SHAPE_MAYBE, "Of the event."),
	MEMBER("time", TIME, SHAPE_MAYBE, NULL),
	MEMBER_WORD("type", "call note", SHAPE_MAYBE, NULL),
	MEMBER_OF("stage", schema_plugin_type, SHAPE_MAYBE, NULL),
	CALL,
	MEMBER("additions", TEXT, SHAPE_LIST | SHAPE_MAYBE, "Paths of the TaskSet that it added."),
	{0},
};
static const struct schema call = {
	.name = "Call",
	.help = "A plugin that was asked, or is to come, or was skipped.",
	.member = call_members};

static const struct schema_member added_members[] = {
	MEMBER("path", TEXT, 0, "A JSON pointer."),
	MEMBER("plugin", TEXT, 0, NULL),
	{0},
};
static const struct schema added = {.name = "Addition", .member = added_members};

/* ---- why a job is where it is ---- */

static const struct schema_member stage_members[] = {
	MEMBER_OF("stage", schema_plugin_type, 0, NULL),
	MEMBER("finished", BOOL, 0, NULL),
	MEMBER("generation", INT, SHAPE_MAYBE, "Of the registry that it ran with."),
	MEMBER_OF("calls", call, SHAPE_LIST, NULL),
	{0},
};
static const struct schema stage = {.name = "Stage", .member = stage_members};

static const struct schema_member explanation_members[] = {
	MEMBER("summary", TEXT, 0, "What holds it and who can move it, in a sentence or two."),
	MEMBER_OF("state", schema_job_state, 0, NULL),
	MEMBER("reason", TEXT, 0, NULL),
	MEMBER("reasonCode", TEXT, 0, NULL),
	MEMBER("since", TIME, 0, NULL),
	MEMBER("plugin", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("next", TIME, SHAPE_MAYBE, "Then something happens by itself."),
	MEMBER_OF("stages", stage, SHAPE_LIST, NULL),
	MEMBER_OF("provenance", added, SHAPE_LIST, "Who added what."),
	{0},
};
const struct schema schema_explanation = {.name = "Explanation", .member = explanation_members};

/* ---- what would become of one ---- */

static const struct schema_member dry_stage_members[] = {
	MEMBER_OF("stage", schema_plugin_type, 0, NULL),
	MEMBER_OF("calls", call, SHAPE_LIST, NULL),
	{0},
};
static const struct schema dry_stage = {.name = "DryRunStage", .member = dry_stage_members};

static const struct schema_member dry_run_members[] = {
	MEMBER("summary", TEXT, 0, NULL),
	MEMBER("complete", BOOL, 0, "false: it had to end early."),
	MEMBER_OF("state", schema_job_state, 0, "What it would be; waiting: admitted."),
	MEMBER("reason", TEXT, 0, NULL),
	MEMBER("reasonCode", TEXT, 0, NULL),
	MEMBER("plugin", TEXT, SHAPE_MAYBE, NULL),
	MEMBER("next", TIME, SHAPE_MAYBE, NULL),
	MEMBER("generation", INT, 0, "Of the registry."),
	MEMBER("durationUs", INT, 0, NULL),
	MEMBER_OF("stages", dry_stage, SHAPE_LIST, NULL),
	MEMBER("factors", FREE, 0, NULL),
	MEMBER("taskset", FREE, SHAPE_MAYBE, NULL),
	MEMBER_OF("provenance", added, SHAPE_LIST, NULL),
	{0},
};
const struct schema schema_dry_run = {.name = "DryRun", .member = dry_run_members};
