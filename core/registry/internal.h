/* What the parts of the registry share. Not for anybody else.
 *
 *   read.c      a feature's document, checked member by member
 *   feature.c   the feature that comes of it: reference-counted, immutable
 *   record.c    how a feature is stored, its secrets sealed
 *   order.c     the execution order: ranks in the store
 *   hooked.c    its LifeHooks as subscribers of the outbox
 *   generation.c one generation, made from the one before
 *   holder.c    which one is in force: publish, take, drop
 *   register.c  registering and replacing
 *   change.c    delete, turn, order
 *   preview.c   generations of nobody's
 *   override.c  what the operator sets instead
 *   rotate.c    another signing key
 *   stored.c    read for tools, without a registry
 *   recorded.c  what the audit log says of a change
 *   show.c      as the API shows them */
#pragma once

#include "core/base/arena.h"
#include "core/base/crypt.h"
#include "core/registry.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	SIGNING_KEY_MIN = 24,
	SIGNING_KEY_MAX = 64,
	SIGNING_KEY_MADE = 32,
	FEATURE_DOCUMENT_MAX = 4 << 20,
	PLUGIN_KEY_MAX = 300,
};

/** A feature with what only the registry needs of it. */
struct full_feature {
	struct feature pub; /* first */
	atomic_size_t refs;
	struct arena *arena;
	struct buf text; /* the document, normalized: pub.document */
	struct json json;
};

/** What a document says, checked; places are in the document that was read. */
struct reading {
	const struct json *json;
	const struct registry_config *config;
	struct arena *arena;
	struct feature feature;
	json_at selector; /* of the feature, or JSON_NONE */
	bool has_authorization, has_signing_key;
	int enabled; /* -1: not said */
	bool stored; /* its addresses were checked when it came, and are at each connection */
	struct sl_error *err;
};

/** Read and check `json`; what it finds is allocated in `arena`, selectors must be freed
 * (feature_selectors_free) also after a failure. */
SL_MUST_USE int reading_read(struct reading *r);
void feature_selectors_free(struct feature *f);

/** "name: " in front of the words, from a node's place in the document. */
int reading_fail(struct reading *r, json_at at, enum sl_err code, const char *fmt, ...)
	SL_PRINTF(4, 5);
SL_MUST_USE int reading_text(struct reading *r, json_at at, size_t max, const char **ret);
SL_MUST_USE int reading_plugin(struct reading *r, json_at at, struct plugin *plugin);

/** A member reader; the table drives the walk. */
struct member {
	const char *name;
	int (*read)(void *object, struct reading *r, json_at at); /* NULL: known and ignored */
	bool required;
};
/** Walk the members of `object` in document order through `table` (ended by a NULL name). */
SL_MUST_USE int reading_members(struct reading *r, json_at object, const struct member *table,
				void *into);

/* feature.c */
SL_MUST_USE int feature_make(const struct registry_config *config, const struct json *document,
			     struct full_feature **ret, struct reading *reading);
struct full_feature *feature_share(const struct feature *f);
struct full_feature *feature_drop(struct full_feature *f); /* returns NULL */
/** Another feature alike but for on or off, revision and times. */
SL_MUST_USE int feature_copy(const struct registry_config *config, const struct feature *f,
			     struct full_feature **ret);
SL_DEFINE_SCOPED(struct full_feature, feature_drop)

/* record.c */
SL_MUST_USE int record_write(const struct feature *f, const uint8_t *key, struct buf *to);
/** *ret_sealed: its secrets could not be opened, so it is off. */
SL_MUST_USE int record_read(const struct registry_config *config, struct bytes record,
			    struct full_feature **ret, bool *ret_sealed, struct sl_error *err);
SL_MUST_USE int record_signing_key(struct bytes text, struct arena *arena, struct bytes *ret);
void record_show_signing_key(struct bytes key, struct buf *to);

/* generation.c */
enum { BLOCKS = 256 };

struct generation {
	struct registry_ref pub; /* first */
	atomic_size_t refs;
	struct ranked *ranked[PLUGIN_TYPES]; /* as pub.ordered */
	struct block *block[BLOCKS];         /* the features' owners, by name */
};

/** A plugin with its rank as stored. */
struct ranked {
	const struct plugin *plugin;
	uint64_t rank;
	uint32_t number; /* its selector's */
};

/** `from` (NULL: nothing) without `gone` (NULL: none) and with the `n` of `come`, whose
 * references stay the caller's. If nothing comes or goes, all ranks are read again. */
SL_MUST_USE int generation_make(struct registry *r, const struct registry_ref *from,
				const struct feature *gone, struct full_feature *const *come,
				size_t n, uint64_t number, struct generation **ret);
struct generation *generation_free(struct generation *g); /* returns NULL */
/** Make the selectors some of the registry's pool, before anybody else sees them. SL_E_BUSY:
 * too many patterns. */
SL_MUST_USE int feature_join(struct registry *r, struct full_feature *f, struct sl_error *err);

/* holder.c */
struct registry {
	struct registry_config config;
	struct store *store;
	struct writer *writer;
	const struct clock *clock;
	struct selector_pool *pool;
	pthread_mutex_t changing; /* one change at a time */
	pthread_mutex_t lock;     /* guards `current` */
	struct generation *current;
	void (*told)(void *user); /* of each new generation */
	void *told_user;
};

/** What a change writes: one record put or deleted, and ranks. */
struct registry_write {
	struct write write;
	struct bytes name, record; /* no record: deleted */
	bool touches_feature;
	bool turned_on;
	const struct feature *old_feature, *new_feature; /* plugins that go, plugins that come */
	const struct registry_ref *present; /* for ordering, and where plugins may come */
	/* ordering: put `before` in front of `after` */
	enum plugin_type type;
	struct bytes before, after;
	/* overriding */
	struct bytes overridden; /* the plugin's key, or empty */
	const struct plugin_override *override;
	bool cleared;              /* there was one, and now there is none */
	struct recorded *recorded; /* for the audit log, or NULL */
};

/** What the audit log is to say of a change: texts made before it is written. */
struct recorded {
	struct audit_entry entry;
	struct buf before, after;
	int rc;
};

/* recorded.c */
/** What `caller` does to `target`; `before` and `after` are moved, NULL: nothing to tell.
 * recorded_fini() afterwards. */
void recorded_make(struct recorded *q, const struct registry *r,
		   const struct feature_caller *caller, const char *action, struct bytes target,
		   struct json_object *before, struct json_object *after);
static inline void recorded_fini(struct recorded *q)
{
	buf_fini(&q->before);
	buf_fini(&q->after);
}
/** Into the transaction of the change. */
SL_MUST_USE int recorded_apply(const struct recorded *q, struct store_txn *txn);

/** Write and sleep until it is on disk. */
SL_MUST_USE int registry_write(struct registry *r, struct registry_write *w, struct sl_error *err);
/** Publish the next generation: the current features with `replaced` (by name) exchanged
 * for `with` (moved; NULL: gone). Reads ranks from the store. */
SL_MUST_USE int registry_publish(struct registry *r, const struct feature *replaced,
				 struct full_feature *with);

/* override.c: in a transaction */
void override_apply(struct store_txn *txn, struct full_feature *f);
/** In one of its own, to one that nobody has seen yet. */
SL_MUST_USE int override_load(struct registry *r, struct full_feature *f);
SL_MUST_USE int override_write(struct registry_write *w, struct store_txn *txn);

/* change.c */
/** The feature of this name, if this caller may change it. */
SL_MUST_USE int registry_find(const struct registry_ref *now, struct bytes name,
			      const struct feature_caller *caller, const struct feature **ret,
			      struct sl_error *err);

/* hooked.c: inside a write */
SL_MUST_USE int hooked_apply(struct registry_write *w, struct store_txn *txn);
/** Has it LifeHooks? */
bool hooked_any(const struct feature *f);

/** As registry_publish(), but nobody else sees it. `with` is moved. `now` NULL: alone. */
SL_MUST_USE int registry_imagine(struct registry *r, const struct registry_ref *now,
				 const struct feature *replaced, struct full_feature *with,
				 const struct registry_ref **ret);

/* register.c */
/** The feature that a document would make, secrets settled; nothing is written. `now` NULL:
 * nothing else is registered. */
SL_MUST_USE int registering_imagine(struct registry *r, const struct json *document,
				    const struct feature_caller *caller,
				    const struct registry_ref *now, struct full_feature **ret,
				    struct sl_error *err);

/* show.c */
struct json_object *override_show(const struct plugin_override *o);

/* order.c: inside a write */
SL_MUST_USE int order_apply(struct registry_write *w, struct store_txn *txn);
/** Rank of a plugin, or UINT64_MAX. */
uint64_t order_rank(struct store_txn *txn, enum plugin_type type, const char *key);
