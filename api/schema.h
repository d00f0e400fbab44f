/* What JSON looks like, as data: the payloads of answers and the parts of request bodies that
 * are objects themselves. Each named one is told once, under components/schemas of
 * openapi.json, and by reference where it is used.
 *
 * What is named is ours and closed: it has the members of its table and no others. What users
 * write themselves (SHAPE_FREE, SHAPE_ANY, `open`) is not.
 *
 * Layer 3. Tables are static const. A set belongs to whoever makes the document; any thread. */
#pragma once

#include "core/json/build.h"

struct schema;

enum shape_kind {
	SHAPE_END,  /**< Ends a list of shapes. */
	SHAPE_TEXT, /**< min/max: characters. */
	SHAPE_TIME, /**< RFC 3339. */
	SHAPE_UUID,
	SHAPE_INT, /**< min/max: the value. */
	SHAPE_BOOL,
	SHAPE_WORD,  /**< One of `words`. */
	SHAPE_FREE,  /**< Any object. */
	SHAPE_ANY,   /**< Anything. */
	SHAPE_NAMED, /**< As `of` says. */
};

enum shape_flags {
	SHAPE_LIST = 1,  /**< An array of them; min/max then count these. */
	SHAPE_NULL = 2,  /**< Or null. */
	SHAPE_MAYBE = 4, /**< A member that may be left out. */
	SHAPE_SOME = 8,  /**< One, or an array of them. */
};

struct shape {
	uint8_t kind, flags;
	int16_t min;
	int32_t max; /**< 0: none. */
	union {
		const struct schema *of;
		const char *words; /**< With spaces between them. */
	};
};

struct schema_member {
	const char *name, *help; /**< help: one line, or NULL where the name says it. */
	struct shape is;
};

/** Either members, or words: all n of word(). */
struct schema {
	const char *name, *help;
	const struct schema_member *member; /**< Ended by a NULL name. */
	bool open;                          /**< Further members are its author's own. */
	const char *(*word)(int i);
	int words;
};

#define MEMBER(name_, kind_, flags_, help_)                                                        \
	{                                                                                          \
		.name = name_, .help = help_, .is = {.kind = SHAPE_##kind_, .flags = flags_ }      \
	}
#define MEMBER_WORD(name_, words_, flags_, help_)                                                  \
	{                                                                                          \
		.name = name_, .help = help_,                                                      \
		.is = {.kind = SHAPE_WORD,                                                         \
		       .flags = flags_,                                                            \
		       .words = words_ }                                                           \
	}
#define MEMBER_OF(name_, schema_, flags_, help_)                                                   \
	{                                                                                          \
		.name = name_, .help = help_,                                                      \
		.is = {.kind = SHAPE_NAMED,                                                        \
		       .flags = flags_,                                                            \
		       .of = &(schema_) }                                                          \
	}
#define MEMBER_LIMITED(name_, kind_, min_, max_, flags_, help_)                                    \
	{                                                                                          \
		.name = name_, .help = help_,                                                      \
		.is = {.kind = SHAPE_##kind_,                                                      \
		       .flags = flags_,                                                            \
		       .min = min_,                                                                \
		       .max = max_ }                                                               \
	}

/** Of a route: one of these. */
#define PAYLOAD(...) ((const struct shape[]){__VA_ARGS__, {.kind = SHAPE_END}})
#define ONE_OF(schema_)                                                                            \
	{                                                                                          \
		.kind = SHAPE_NAMED, .of = &(schema_)                                              \
	}
#define LIST_OF(schema_)                                                                           \
	{                                                                                          \
		.kind = SHAPE_NAMED, .flags = SHAPE_LIST, .of = &(schema_)                         \
	}

enum { SCHEMAS_MAX = 128 };

/** The schemas that a document refers to so far. */
struct schema_set {
	const struct schema *schema[SCHEMAS_MAX];
	size_t n;
};

SL_BEGIN_DECLS

/** JSON Schema of one shape, or of any of several (ended by SHAPE_END). What they name is put
 * into the set. */
struct json_object *shape_schema(const struct shape *shape, struct schema_set *set);
struct json_object *shapes_schema(const struct shape *shapes, struct schema_set *set);
/** All that the set names, and what those name, by their names. */
struct json_object *schema_components(struct schema_set *set);

SL_END_DECLS
