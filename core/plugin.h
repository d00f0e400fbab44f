/* What the registry knows of features and their plugins: immutable once made.
 *
 * A feature is the unit of registration; its plugins live and die with it. Features
 * are reference-counted (registries of several generations share them); everything
 * else is borrowed from its feature. Layer 2. Threads: any may read. */
#pragma once

#include "core/json/build.h"
#include "selector/selector.h"

enum plugin_type {
	PLUGIN_TRANSLATOR, /* the five stages, in their order */
	PLUGIN_FACTOR,
	PLUGIN_GATE,
	PLUGIN_DECORATOR,
	PLUGIN_BINDER,
	PLUGIN_STAGES,
	PLUGIN_LIFEHOOK = PLUGIN_STAGES,
	PLUGIN_TYPES,
};

/** What a call that cannot be made, or an illegal answer, does to the job. */
enum failure_policy { FAILURE_FAIL, FAILURE_WAIT, FAILURE_IGNORE };

struct feature;

enum { PLUGIN_ADDRESSES_MAX = 16, FEATURE_PLUGINS_MAX = 64, FEATURE_NAME_MAX = 63 };
enum { PLUGIN_TAG_SIZE = 13 };

/** What the operator sets in place of what is registered. */
struct plugin_override {
	unsigned set; /**< Which of these, of enum override_bit. */
	uint32_t timeout_ms, retries, in_flight_max;
	enum failure_policy policy;
};
enum override_bit {
	OVERRIDE_TIMEOUT = 1,
	OVERRIDE_RETRIES = 2,
	OVERRIDE_IN_FLIGHT = 4,
	OVERRIDE_POLICY = 8,
};

enum { PLUGIN_TIMEOUT_MAX_MS = 300000, PLUGIN_RETRIES_MAX = 10, PLUGIN_IN_FLIGHT_MAX = 10000 };

struct plugin {
	const struct feature *feature;
	enum plugin_type type;
	const char *key;           /**< "<pluginType>.<featureName>.<author>[.<name>]" */
	char tag[PLUGIN_TAG_SIZE]; /**< Hex of a digest of its key, for webhook-ids. */
	const char *name;          /**< Or "". */
	const char *description;
	const char *address[PLUGIN_ADDRESSES_MAX];
	uint32_t addresses;
	uint32_t timeout_ms, retries, in_flight_max;
	enum failure_policy policy;
	struct plugin_override override; /**< What it says is in force above already. */
	bool side_effects;               /**< "some": not called in a dry run. */
	bool typed;                      /**< "answer": "typed". */
	uint32_t states;                 /**< LifeHook: bit per enum job_state. */
	struct selector *selector;
};

struct feature {
	const char *name, *author, *description;
	const char *authorization; /**< Or "". Secret. */
	struct bytes signing_key;  /**< Raw key. Secret. */
	struct bytes old_key;      /**< Signs too until old_key_until_ms, or empty. */
	int64_t old_key_until_ms;
	bool enabled;
	bool secrets_lost; /**< They could not be opened with the key that there is now. */
	uint64_t revision;
	int64_t created_ms, updated_ms;
	struct plugin *plugin;
	uint32_t plugins;
	struct bytes document; /**< As registered, secrets left out: JSON. */
};

SL_BEGIN_DECLS

const char *plugin_type_name(enum plugin_type type);
int plugin_type_parse(struct bytes text, enum plugin_type *ret); /**< 0 or SL_E_PLUGIN_TYPE. */
void plugin_tag(struct bytes key, char ret[PLUGIN_TAG_SIZE]);
const char *failure_policy_name(enum failure_policy policy);

SL_END_DECLS
