/* The increment rule: a decorator or the binder may add to the TaskSet it was sent, and
 * change nothing. The plugin proposes, the gateway verifies (doc/protocol.md).
 *
 * increment_check() compares an answer with what was sent and either names the first
 * change that is not an addition or leaves the list of all additions. The list is what
 * merge.h puts into the base; nothing is copied before that. Which lists are keyed,
 * which paths are protected, where commands stand is one table (core/increment/rules.c).
 *
 * Pure; linear in the size of both documents (lists and objects out of order: n log n).
 * Recurses to the depth of the documents (at most JSON_DEPTH_MAX). Rules are immutable
 * once made: any thread. An increment borrows rules and both indexes until increment_fini(). */
#pragma once

#include "core/json/index.h"

struct increment_rules;

enum increment_stage { INCREMENT_DECORATOR, INCREMENT_BINDER };

/** How the elements of a list are told apart. */
enum list_key {
	LIST_PLAIN, /**< By position: an "other list". */
	LIST_BY_NAME,
	LIST_BY_PORT, /**< containerPort and protocol (absent: TCP). */
	LIST_BY_MOUNT_PATH,
	LIST_BY_EVENT,
	LIST_BY_ALL,  /**< The whole element is its key. */
	LIST_BY_ROLE, /**< dependsOn: a role's name, or {role, on}; absent `on`: succeeded. */
};

/** What the rules say of one place in the document. */
struct place {
	uint64_t alive; /**< Patterns that may still match below. */
	uint16_t does;  /**< What those that match here say. */
	uint8_t depth;
	uint8_t list;  /**< enum list_key, for a list here. */
	bool frozen;   /**< Nothing may be added here or below. */
	bool quantity; /**< Scalars here and below are quantities. */
};

enum addition_kind {
	ADD_MEMBER,  /**< `what`: the key in the answer; `where`: an object of the base. */
	ADD_VALUE,   /**< `what` takes the place of the null `where`. */
	ADD_ELEMENT, /**< `what` is a new element of the keyed list `where`. */
	ADD_TAIL,    /**< `what` and the elements behind it in `in` follow the list `where`. */
	ADD_WORDS,  /**< The first `n` elements of the list `in` go in front of the list `where`. */
	ADD_SCRIPT, /**< The first `n` decoded bytes of the string `what` go in front of `where`. */
};

struct addition {
	enum addition_kind kind;
	json_at where;    /**< In the base. */
	json_at what, in; /**< In the answer. */
	uint32_t n;
	uint8_t list;       /**< ADD_ELEMENT: the enum list_key of `where`. */
	struct place place; /**< Of the value that is added. */
};

struct increment {
	const struct json *base, *answer;
	const struct increment_rules *rules;
	struct addition *list;
	uint32_t n, cap;
};

struct increment_options {
	const struct increment_rules *rules;
	enum increment_stage stage;
	bool typed; /**< Old members that the answer lacks are unchanged. */
};

struct increment_violation {
	char why[96];
	char path[192];                  /**< JSON pointer; cut where it is longer. */
	char old_text[96], new_text[96]; /**< "nothing" where there is none; cut. */
};

SL_BEGIN_DECLS

/** `protect`: more protected paths, NULL-terminated, or NULL: JSON pointers in which `*`
 * stands for any member or element. SL_E_INVALID names one that is none. */
SL_MUST_USE int increment_rules_create(const char *const *protect, struct increment_rules **ret,
				       struct sl_error *err);
struct increment_rules *increment_rules_free(struct increment_rules *r);

/** Is `answer` an increment of `base` (both objects)? `*ret` must be zeroed or hold an
 * earlier increment. SL_E_CONFLICT is a violation: `err` has its words, `violation`
 * (may be NULL) its parts. SL_E_NO_MEMORY. On failure the increment is empty. */
SL_MUST_USE int increment_check(const struct json *base, const struct json *answer,
				const struct increment_options *options, struct increment *ret,
				struct increment_violation *violation, struct sl_error *err);
void increment_fini(struct increment *i);
static inline void increment_finip(struct increment *i) { increment_fini(i); }

SL_DEFINE_SCOPED(struct increment_rules, increment_rules_free)

SL_END_DECLS
