/* The registry: the current set of features, compiled, immutable, replaced whole.
 *
 * A change (register, delete, turn on or off, reorder) is checked whole, written to
 * the store, and only then published as a new registry with the next generation.
 * Whoever needs a registry takes a reference and works on that one to the end; nobody
 * ever sees half a change.
 *
 * Layer 2. Threads: registry_take() and what it returns, any; changes, any (they are
 * serialised inside and sleep for their commit: not on the loop or the writer). */
#pragma once

#include "core/audit.h"
#include "core/plugin.h"
#include "net/executor.h"
#include "selector/index/index.h"
#include "store/writer.h"

struct registry_ref { /* one generation */
	uint64_t generation;
	const struct feature *const *feature; /**< By name. */
	size_t features;
	/** Plugins of each type in execution order; those of disabled features included. */
	const struct plugin *const *ordered[PLUGIN_TYPES];
	size_t count[PLUGIN_TYPES];
	/** 1-based position in `ordered`, by the number of a plugin's selector. */
	const uint32_t *place;
	size_t places;
	/** Selectors of enabled features; their owners are plugins. */
	const struct selector_index *stages, *hooks;
	uint32_t hook_states; /**< That any enabled LifeHook listens to. */
};

struct registry; /* the holder of the current generation, and what changes it */

struct registry_config {
	size_t features_max, plugins_max;
	uint32_t timeout_ms, retries;   /**< Defaults of plugins. */
	const struct http_config *http; /**< For checking call addresses; borrowed. */
	const uint8_t *secret_key; /**< CRYPT_KEY_SIZE bytes that seal secrets at rest; borrowed. */
};

/** What the caller of a change may do. */
struct feature_caller {
	bool may_write;      /**< write_feature; else register_feature only. */
	struct bytes author; /**< The token's binding, or empty. */
	struct audit_by by;  /**< For the audit log; without a token: not in it. */
};

SL_BEGIN_DECLS

/** Read all features from the store and publish the first generation. A feature whose
 * secrets cannot be opened with the key is off. Borrowed: store, writer, clock. */
SL_MUST_USE int registry_create(const struct registry_config *config, struct store *store,
				struct writer *writer, const struct clock *clock,
				struct registry **ret, struct sl_error *err);
struct registry *registry_free(struct registry *r);
/** Other defaults for plugins that are registered from now on. Any thread. */
void registry_reconfigure(struct registry *r, uint32_t timeout_ms, uint32_t retries);

/** Call `told` after each change that is in force, on the thread of the change; NULL ends
 * that. It must be quick. Any thread. */
void registry_tell(struct registry *r, void (*told)(void *user), void *user);

const struct registry_ref *registry_take(struct registry *r);
/** A further reference to one that is held. */
const struct registry_ref *registry_share(const struct registry_ref *ref);
const struct registry_ref *registry_drop(
	const struct registry_ref *ref); /**< NULL is fine; returns NULL. */

const struct feature *registry_feature(const struct registry_ref *ref,
				       struct bytes name); /**< Or NULL. */
const struct plugin *registry_plugin(const struct registry_ref *ref,
				     struct bytes key); /**< Or NULL. */
/** 1-based position of a plugin in the order of its type. */
size_t registry_sequence(const struct registry_ref *ref, const struct plugin *plugin);

/** A generation of nobody's: the present one with the feature `name` turned on, or with
 * `candidate` (a whole document, checked and secured as if it were registered) in the place
 * of the one of its name, or beside all. `*ret_feature` is that feature, held with `*ret`.
 * Any thread that may sleep. */
SL_MUST_USE int registry_preview(struct registry *r, struct bytes name,
				 const struct json *candidate, const struct feature_caller *caller,
				 const struct registry_ref **ret,
				 const struct feature **ret_feature, struct sl_error *err);

/** A generation with nothing but the feature of this document, checked and secured as if
 * it were registered for the first time. */
SL_MUST_USE int registry_alone(struct registry *r, const struct json *document,
			       const struct feature_caller *caller, const struct registry_ref **ret,
			       struct sl_error *err);

/* ---- for tools on a store that no gateway uses ---- */

/** A feature as it is stored. */
struct registry_stored {
	struct bytes name;             /**< Its key. */
	const struct feature *feature; /**< NULL: it cannot be read. Lent for the call. */
	bool sealed;                   /**< Its secrets could not be opened. */
	const char *why;               /**< Why it cannot be read. */
};
typedef void (*registry_stored_fn)(void *user, const struct registry_stored *stored);
/** Each of them; `secret_key` NULL: all secrets are sealed. Any thread. */
SL_MUST_USE int registry_read_stored(struct store_txn *txn, const uint8_t *secret_key,
				     registry_stored_fn each, void *user);

/* ---- changes; each fills *payload (the feature as the API shows it) where it says so ---- */

/** Register or replace (the rules are in doc/protocol.md, "Registering"): `if_match` is
 * -1 or the revision that must be the present one. payload: the feature and `warnings`. */
SL_MUST_USE int registry_register(struct registry *r, const struct json *document,
				  const struct feature_caller *caller, int64_t if_match,
				  struct json_object **payload, struct sl_error *err);
SL_MUST_USE int registry_delete(struct registry *r, struct bytes name,
				const struct feature_caller *caller, struct sl_error *err);
SL_MUST_USE int registry_turn(struct registry *r, struct bytes name, bool on,
			      const struct feature_caller *caller, struct sl_error *err);
/** Put `before` directly in front of `after`, unless it already runs earlier. */
SL_MUST_USE int registry_order(struct registry *r, enum plugin_type type, struct bytes before,
			       struct bytes after, const struct feature_caller *caller,
			       struct sl_error *err);

/** Another signing key (`key` as people write it, or empty: one is made); the old one signs
 * too for `overlap_s`. payload: the feature with the new key, and `oldKeyUntil`. */
SL_MUST_USE int registry_rotate(struct registry *r, struct bytes name, struct bytes key,
				uint32_t overlap_s, const struct feature_caller *caller,
				struct json_object **payload, struct sl_error *err);
/** What wins over what is registered of a plugin, now and later; `set` 0 clears it, also
 * for a key that nobody has registered now. payload: the plugin, if there is one. */
SL_MUST_USE int registry_override(struct registry *r, struct bytes key,
				  const struct plugin_override *o,
				  const struct feature_caller *caller, struct json_object **payload,
				  struct sl_error *err);

/* ---- as the API shows them (secrets as "***") ---- */

struct json_object *feature_show(const struct registry_ref *ref, const struct feature *feature);
struct json_object *plugin_show(const struct registry_ref *ref, const struct plugin *plugin);

SL_DEFINE_SCOPED(const struct registry_ref, registry_drop)
SL_DEFINE_SCOPED(struct registry, registry_free)

SL_END_DECLS
