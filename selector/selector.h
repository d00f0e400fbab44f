/* Which jobs does a plugin see? A jobSelector (named conditions and a boolean
 * expression over their names) is compiled once, at registration, and then matched
 * against a job's header information.
 *
 * Layer 1: may use core/base and core/json. PCRE2 appears in selector/pattern/regex.c only. */
#pragma once

#include "core/json/index.h"

struct selector;         /* immutable once compiled and joined; any thread may match it */
struct selector_pool;    /* keys and conditions that selectors have in common */
struct selector_scratch; /* matching memory; one per thread, never shared */

enum {
	SELECTOR_CONDITIONS_MAX = 64,
	SELECTOR_NAME_MAX = 63,
	SELECTOR_PATTERN_MAX = 4096,
	SELECTOR_EXPRESSION_MAX = 4096,
	SELECTOR_DEPTH_MAX = 64,

	SELECTOR_REGEX_VALUE_MAX = 1024,     /**< Default of regex_value_max. */
	SELECTOR_REGEX_VALUE_CEILING = 2048, /**< More is taken as this. */
	SELECTOR_STEPS_MAX = 50000,          /**< Default of steps_max. */

	SELECTOR_PATTERNS_MAX = 100000, /**< Different patterns of one pool. */
};

/** false, true, or unknown: a limit was hit while a condition was evaluated. */
enum verdict { VERDICT_FALSE, VERDICT_TRUE, VERDICT_UNKNOWN };

struct selector_limits {
	size_t regex_value_max; /**< Bytes of a value that patterns are tried on (1024). */
	uint32_t steps_max;     /**< Match steps of one evaluation, all patterns together. */
};

/** One selector object of a feature or plugin, as it stands in an indexed document. */
struct selector_source {
	const struct json *json;
	json_at at; /**< The jobSelector object, or JSON_NONE when absent. */
};

SL_BEGIN_DECLS

/** Compile the selector of one plugin: `own` may override conditions of `feature` by
 * name and take its expression (doc/selector.md, "Feature and plugin"). Members other than
 * conditions and expression are looked at only for being known: `states` is the
 * caller's. Of the feature's conditions the result holds those that the expression
 * mentions. `err` names the place that is wrong, in the form
 * "plugins[2].jobSelector.conditions[0].expect: ..." (the place is json_place() of the
 * node in its document), and for expressions the column and what was expected. A faulty
 * feature is told here too, except for a pattern that nothing uses. Codes: SL_E_LACK,
 * SL_E_INVALID (also for what is too long or too many), SL_E_NO_MEMORY. */
SL_MUST_USE int selector_compile(struct selector_source feature, struct selector_source own,
				 struct selector **ret, struct sl_error *err);

/** A feature's selector by itself: conditions well-formed, a non-empty expression valid
 * over its own conditions, also where no plugin uses it. */
SL_MUST_USE int selector_check_feature(struct selector_source feature, struct sl_error *err);

/** One more owner; each calls selector_free(). */
struct selector *selector_share(struct selector *s);
/** NULL is fine; returns NULL. */
struct selector *selector_free(struct selector *s);

/** Would a job that is made for `other` be seen by `s` as well? (That is a header in which
 * each key that `other` looks at has the text it expects; patterns are taken as texts.) */
bool selector_meets(const struct selector *s, const struct selector *other,
		    struct selector_scratch *scratch);

/* ---- many of them: selector/index/index.h ---- */

SL_MUST_USE int selector_pool_create(struct selector_pool **ret);
/** Gone when all selectors that joined are. */
struct selector_pool *selector_pool_free(struct selector_pool *pool);
/** Make `s`, which nobody else has seen yet, one of the pool's, once. `owner` is whom it
 * decides for, handed back when it matches. SL_E_BUSY: there are too many patterns;
 * SL_E_NO_MEMORY. */
SL_MUST_USE int selector_join(struct selector *s, struct selector_pool *pool, const void *owner,
			      struct sl_error *err);
/** A number below the pool's greatest number of selectors at one time. */
uint32_t selector_number(const struct selector *s);
/** How many different patterns the pool has. */
size_t selector_pool_patterns(struct selector_pool *pool);

SL_MUST_USE int selector_scratch_create(const struct selector_limits *limits,
					struct selector_scratch **ret);
struct selector_scratch *selector_scratch_free(struct selector_scratch *scratch);

/** Does the job with this header information (a JSON object; preset and token keys
 * already in it) match? On VERDICT_UNKNOWN `err` names the condition and the limit. */
enum verdict selector_match(const struct selector *s, struct selector_scratch *scratch,
			    const struct json *header, struct sl_error *err);

/* ---- for explanations: each condition by itself ---- */

struct condition_view {
	struct bytes name, key, expect; /**< Borrowed from the selector. */
	bool used;                      /**< Does the expression mention it? */
};

size_t selector_condition_count(const struct selector *s);
struct condition_view selector_condition(const struct selector *s, size_t i);
/** Evaluate one condition; `value` (appended to) receives the text it was compared with,
 * `*present` whether the key exists and is not null. */
enum verdict selector_condition_match(const struct selector *s, size_t i,
				      struct selector_scratch *scratch, const struct json *header,
				      struct buf *value, bool *present, struct sl_error *err);
/** Does any condition that the expression uses look at this key? For trust warnings. */
bool selector_uses_key(const struct selector *s, struct bytes key);

SL_DEFINE_SCOPED(struct selector, selector_free)
SL_DEFINE_SCOPED(struct selector_pool, selector_pool_free)
SL_DEFINE_SCOPED(struct selector_scratch, selector_scratch_free)

SL_END_DECLS
