/* One named condition: which header value it looks at and what it expects there.
 *
 * Read from its JSON object in two steps: condition_read() checks everything that can
 * be told from the words, condition_compile() compiles the pattern, if it is one. The
 * texts live in the arena given to condition_read(). Immutable afterwards. */
#pragma once

#include "core/base/arena.h"
#include "selector/pattern/regex.h"
#include "selector/selector.h"

enum condition_kind { CONDITION_EXACT, CONDITION_REGEX };

struct condition {
	/* what is asked for each job lies together */
	struct bytes text;   /**< What is compared or compiled. */
	struct regex *regex; /**< Owned; NULL for CONDITION_EXACT and before compiling. */
	uint32_t id, key_id; /**< Once its selector has joined a pool, for those that are used. */
	enum condition_kind kind;
	unsigned flags; /**< REGEX_ bits */
	struct bytes name, key;
	struct bytes expect;                /**< As it was written. */
	json_at at;                         /**< Its object in the document it came from. */
	bool used;                          /**< Does the expression mention it? */
	struct shared *shared, *shared_key; /**< As `id`: selector/index/pool.h. */
};

SL_BEGIN_DECLS

/** Read the condition at `at`. Errors name the place: SL_E_LACK, SL_E_INVALID, SL_E_NO_MEMORY. */
SL_MUST_USE int condition_read(const struct json *json, json_at at, struct arena *arena,
			       struct condition *ret, struct sl_error *err);
/** Compile its pattern; `json` is the document it was read from. */
SL_MUST_USE int condition_compile(struct condition *condition, const struct json *json,
				  struct sl_error *err);
void condition_fini(struct condition *condition);

/** Put the place of `at` in front of err->text; returns `code`. */
int condition_fail_at(const struct json *json, json_at at, const char *member, int code,
		      struct sl_error *err);

/** "0", "17", but not "017": how a number is written in JSON. False if it is none. */
bool condition_index(struct bytes text, uint32_t *ret);

/** The header value that `key` names: the whole key as one name, else split at dots.
 * JSON_NONE when there is none, or when it is null. */
json_at condition_find(const struct json *header, struct bytes key);
/** A value as conditions see it; borrowed from the document or from `to` (appended). */
SL_MUST_USE int condition_text(const struct json *header, json_at at, struct buf *to,
			       struct bytes *ret);

SL_END_DECLS
