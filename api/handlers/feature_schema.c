#include "api/handlers/schemas.h"
#include "core/plugin.h"
#include "core/registry.h"

static const char *type_word(int i) { return plugin_type_name((enum plugin_type)i); }

const struct schema schema_plugin_type = {
	.name = "PluginType", .word = type_word, .words = PLUGIN_TYPES};

/* ---- selectors ---- */

static const struct schema_member condition_members[] = {
	MEMBER("name", TEXT, 0, "What the expression calls it."),
	MEMBER("key", TEXT, 0, "Of the header; dots lead further down."),
	MEMBER("expect", TEXT, 0, "A text, or a pattern between slashes."),
	MEMBER_WORD("match", "exact regex", SHAPE_MAYBE | SHAPE_NULL,
		    "How to read expect; without it, by its slashes."),
	{0},
};
static const struct schema condition = {.name = "Condition", .member = condition_members};

static const struct schema_member selector_members[] = {
	MEMBER_OF("conditions", condition, SHAPE_LIST | SHAPE_MAYBE | SHAPE_NULL, NULL),
	MEMBER("expression", TEXT, SHAPE_MAYBE | SHAPE_NULL, "Of names with and, or, not; or *."),
	MEMBER("states", TEXT, SHAPE_LIST | SHAPE_MAYBE | SHAPE_NULL,
	       "Of a LifeHook: what it is told of; * for all that last."),
	{0},
};
const struct schema schema_job_selector = {
	.name = "JobSelector", .help = "Which jobs.", .member = selector_members};

/* ---- plugins ---- */

static const struct schema_member override_members[] = {
	MEMBER("timeoutMs", INT, SHAPE_MAYBE, NULL),
	MEMBER("retries", INT, SHAPE_MAYBE, NULL),
	MEMBER("maxInFlight", INT, SHAPE_MAYBE, NULL),
	MEMBER_WORD("failurePolicy", "fail wait ignore", SHAPE_MAYBE, NULL),
	{0},
};
static const struct schema override = {.name = "PluginOverride",
				       .help = "Wins over what is registered.",
				       .member = override_members};

/* What its author says of a plugin; in a request null is as good as absent. */
#define PLUGIN_SAID(or_null)                                                                       \
	MEMBER_OF("pluginType", schema_plugin_type, 0, NULL),                                      \
		MEMBER("callAddress", TEXT, SHAPE_SOME, "Several share the load."),                \
		MEMBER("description", TEXT, SHAPE_MAYBE | (or_null), NULL),                        \
		MEMBER("name", TEXT, SHAPE_MAYBE | (or_null), "The last part of its key."),        \
		MEMBER_LIMITED("timeoutMs", INT, 1, PLUGIN_TIMEOUT_MAX_MS,                         \
			       SHAPE_MAYBE | (or_null), "Time for one attempt."),                  \
		MEMBER_LIMITED("retries", INT, 0, PLUGIN_RETRIES_MAX, SHAPE_MAYBE | (or_null),     \
			       "Further attempts when it cannot be asked."),                       \
		MEMBER_WORD("failurePolicy", "fail wait ignore", SHAPE_MAYBE | (or_null),          \
			    "When it cannot be asked."),                                           \
		MEMBER_LIMITED("maxInFlight", INT, 1, PLUGIN_IN_FLIGHT_MAX,                        \
			       SHAPE_MAYBE | (or_null), "Calls at once."),                         \
		MEMBER_WORD("sideEffects", "none some", SHAPE_MAYBE | (or_null),                   \
			    "With some it is not asked in dry runs."),                             \
		MEMBER_WORD("answer", "whole typed", SHAPE_MAYBE | (or_null),                      \
			    "What it answers: the TaskSet, or changes with their types.")

#define PLUGIN_SHOWN                                                                               \
	MEMBER("key", TEXT, 0, "Names it everywhere."), PLUGIN_SAID(0),                            \
		MEMBER("sequence", INT, SHAPE_MAYBE, "Its place among those of its type."),        \
		MEMBER_OF("override", override, SHAPE_MAYBE, NULL)

static const struct schema_member plugin_members[] = {
	PLUGIN_SHOWN,
	MEMBER_OF("jobSelector", schema_job_selector, 0, "Its own, or its feature's."),
	MEMBER("enabled", BOOL, 0, "Is its feature on?"),
	{0},
};
const struct schema schema_plugin = {.name = "Plugin", .member = plugin_members};

static const struct schema_member feature_plugin_members[] = {
	PLUGIN_SHOWN,
	MEMBER_OF("jobSelector", schema_job_selector, SHAPE_MAYBE, "Its own."),
	{0},
};
static const struct schema feature_plugin = {.name = "FeaturePlugin",
					     .member = feature_plugin_members};

#define IGNORED "As a read shows it; accepted and ignored."

static const struct schema_member plugin_input_members[] = {
	PLUGIN_SAID(SHAPE_NULL),
	MEMBER_OF("jobSelector", schema_job_selector, SHAPE_MAYBE | SHAPE_NULL,
		  "Its own, with its feature's conditions."),
	MEMBER("key", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("sequence", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("enabled", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("override", ANY, SHAPE_MAYBE, IGNORED),
	{0},
};
const struct schema schema_plugin_input = {
	.name = "PluginInput", .help = "A plugin to be.", .member = plugin_input_members};

/* ---- features ---- */

#define FEATURE_SHOWN                                                                              \
	MEMBER("name", TEXT, 0, NULL), MEMBER("author", TEXT, 0, NULL),                            \
		MEMBER("description", TEXT, SHAPE_MAYBE, NULL),                                    \
		MEMBER_OF("jobSelector", schema_job_selector, SHAPE_MAYBE,                         \
			  "Of the plugins that have none."),                                       \
		MEMBER("enabled", BOOL, 0, NULL),                                                  \
		MEMBER("authorization", TEXT, 0, "*** where there is one."),                       \
		MEMBER("revision", INT, 0, "Grows with every change of the document."),            \
		MEMBER("createdAt", TIME, 0, NULL), MEMBER("updatedAt", TIME, 0, NULL),            \
		MEMBER_OF("plugins", feature_plugin, SHAPE_LIST, NULL)

static const struct schema_member feature_members[] = {FEATURE_SHOWN, {0}};
const struct schema schema_feature = {.name = "Feature", .member = feature_members};

static const struct schema_member registered_members[] = {
	FEATURE_SHOWN,
	MEMBER("signingKey", TEXT, SHAPE_MAYBE, "Where it is new; shown this once."),
	MEMBER("warnings", TEXT, SHAPE_LIST, "What to look at."),
	{0},
};
const struct schema schema_feature_registered = {.name = "FeatureRegistered",
						 .member = registered_members};

static const struct schema_member rotated_members[] = {
	FEATURE_SHOWN,
	MEMBER("signingKey", TEXT, 0, "The new one, shown this once."),
	MEMBER("oldKeyUntil", TIME, SHAPE_MAYBE, "Till then the old one signs too."),
	{0},
};
const struct schema schema_feature_rotated = {.name = "FeatureRotated", .member = rotated_members};

static const struct schema_member input_members[] = {
	MEMBER_LIMITED("name", TEXT, 1, FEATURE_NAME_MAX, 0, NULL),
	MEMBER_LIMITED("author", TEXT, 1, FEATURE_NAME_MAX, 0, NULL),
	MEMBER("description", TEXT, SHAPE_MAYBE | SHAPE_NULL, NULL),
	MEMBER("authorization", TEXT, SHAPE_MAYBE | SHAPE_NULL,
	       "Sent to its plugins; *** keeps the stored one."),
	MEMBER("signingKey", TEXT, SHAPE_MAYBE | SHAPE_NULL,
	       "whsec_ and base64; without it one is made or kept."),
	MEMBER_OF("jobSelector", schema_job_selector, SHAPE_MAYBE | SHAPE_NULL,
		  "Needed unless each plugin has its own."),
	MEMBER("enabled", BOOL, SHAPE_MAYBE | SHAPE_NULL, "Of a new one; needs write_feature."),
	{.name = "plugins",
	 .is = {.kind = SHAPE_NAMED,
		.flags = SHAPE_LIST,
		.min = 1,
		.max = FEATURE_PLUGINS_MAX,
		.of = &schema_plugin_input}},
	MEMBER("revision", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("createdAt", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("updatedAt", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("warnings", ANY, SHAPE_MAYBE, IGNORED),
	MEMBER("oldKeyUntil", ANY, SHAPE_MAYBE, IGNORED),
	{0},
};
const struct schema schema_feature_input = {
	.name = "FeatureInput", .help = "A feature to be.", .member = input_members};
