/* Shared by the files of the increment rule and the merge: places, and the words of a
 * violation. Not for others. */
#pragma once

#include "core/increment/increment.h"

/** What the rules say of a place. */
enum place_does {
	DOES_PROTECT = 1,
	DOES_BINDER_ADDS = 2, /**< With DOES_PROTECT: the binder may add it where it is absent. */
	DOES_IGNORE = 4,      /**< Not looked at in an answer. */
	DOES_OWN = 8,         /**< An added element here belongs to its plugin: free. */
	DOES_COMMAND = 16,    /**< Only something in front may be added. */
	DOES_ENV = 32,        /**< An added element here must not have a protected name. */
};

struct walk {
	const struct json *base, *answer;
	const struct increment_options *options;
	struct increment *to;
	struct increment_violation *violation;
	struct sl_error *err;
};

SL_BEGIN_DECLS

struct place place_root(const struct increment_rules *r);
struct place place_member(const struct increment_rules *r, struct place from, const struct json *j,
			  json_at key);
struct place place_element(const struct increment_rules *r, struct place from, uint32_t index);
/** The names that no plugin may add to `env`. */
bool increment_env_protected(const struct json *j, json_at name);

/** Has a dependency members beside `role` and `on`? */
bool increment_dependency_says_more(const struct json *j, json_at dependency);

/** Two scalars of the same meaning; quantities by amount. False for arrays and objects. */
bool increment_scalars_equal(const struct json *a, json_at at, const struct json *b, json_at bt,
			     bool quantity);

/** Compare two values that are neither null. */
int increment_compare(struct walk *w, json_at b, json_at a, struct place place);
/** Look for what may not be added in a value that is wholly new. */
int increment_check_new(struct walk *w, json_at a, struct place place);
/** The `command` of a container; both are arrays. */
int increment_check_command(struct walk *w, json_at b, json_at a, struct place place);
int increment_record(struct walk *w, const struct addition *addition);

/** Name a violation; JSON_NONE where there is no old or no new value. */
int increment_violate(struct walk *w, const char *why, json_at b, json_at a);

/** A value for a message: without white space, cut to 80 bytes. */
void increment_show(const struct json *j, json_at at, char *to, size_t size);
/** `from`, cut at a character where it is longer than `size` - 1. */
void increment_cut(struct bytes from, char *to, size_t size);

SL_END_DECLS
