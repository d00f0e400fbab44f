/* Reading an object of a request by a table: one line a field, one place for the rules.
 *
 * Faults are told in document order with their place ("plugins[2].timeoutMs: ..."):
 * SL_E_LACK for what is absent, null or empty and must not be, SL_E_INVALID for a wrong
 * type or value and for an unknown field. Fields that a read shows are accepted and
 * ignored. The same table makes the request's schema in openapi.json.
 *
 * What is absent leaves its member as the caller set it (JSON_NONE, defaults). Texts are
 * decoded; they live as long as the body and the arena. */
#pragma once

#include "api/schema.h"
#include "core/base/arena.h"
#include "core/json/index.h"

enum field_kind {
	FIELD_TEXT,   /**< struct bytes; min/max: bytes. */
	FIELD_INT,    /**< int64_t; min/max: the value. */
	FIELD_BOOL,   /**< bool */
	FIELD_OBJECT, /**< json_at; min/max: members. */
	FIELD_ARRAY,  /**< json_at; min/max: elements. */
	FIELD_ANY,    /**< json_at */
	FIELD_SHOWN,  /**< What a read shows: accepted, ignored; no member. */
};

enum field_flags {
	FIELD_OPTIONAL = 0,
	FIELD_REQUIRED = 1, /**< Must be there and not null. */
	FIELD_FILLED = 2,   /**< When there, not an empty string, array or object. */
};

struct fields_in {
	const struct json *json;
	struct arena *arena;
};

struct field {
	const char *name;
	enum field_kind kind;
	unsigned flags;
	size_t at;        /**< offsetof() in the struct that is filled. */
	int64_t min, max; /**< max 0: none. */
	/** Further rules, in document order with the rest; tells faults by fields_fail(). */
	int (*check)(const struct fields_in *in, json_at at, void *to, struct sl_error *err);
	const char *help; /**< One line, for openapi.json; and where it is an object or an array */
	const struct schema *of; /**< what it, or each of its elements, looks like. */
};

SL_BEGIN_DECLS

/** Fill `to` from the object at `object` by the table (ended by a NULL name). */
SL_MUST_USE int fields_read(const struct fields_in *in, json_at object, const struct field *table,
			    void *to, struct sl_error *err);

/** A string's characters, in the arena where they had to be decoded. */
SL_MUST_USE int fields_text(const struct fields_in *in, json_at at, struct bytes *ret);

/** Fail with the place of `at` in front; for checks over more than one field. */
int fields_fail(const struct fields_in *in, json_at at, struct sl_error *err, enum sl_err code,
		const char *fmt, ...) SL_PRINTF(5, 6);

SL_END_DECLS
