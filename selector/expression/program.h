/* An expression, parsed: a small tree over the conditions' numbers, and its value in
 * three-valued logic.
 *
 * The nodes lie in one array, linked by first child and next sibling, so that an index
 * over many selectors can walk them. `x && y && z` is one node with three children.
 * Immutable once parsed; any thread may evaluate. */
#pragma once

#include "core/base/err.h"
#include "selector/selector.h"

enum program_kind { PROGRAM_ALL, PROGRAM_CONDITION, PROGRAM_NOT, PROGRAM_AND, PROGRAM_OR };

#define PROGRAM_NONE UINT16_MAX

struct program_node {
	uint8_t kind;      /**< enum program_kind */
	uint8_t condition; /**< Its number, for PROGRAM_CONDITION. */
	uint16_t first;    /**< First child, or PROGRAM_NONE. */
	uint16_t next;     /**< Next child of the same parent, or PROGRAM_NONE. */
};

struct program {
	struct program_node *node;
	uint16_t n, cap, root;
};

/** The number of the condition called `name`, or a negative code; SL_E_NOT_FOUND gives the
 * parser's own words, others must come with theirs in `err`. */
typedef int (*program_resolve)(void *user, struct bytes name, struct sl_error *err);
/** The verdict of one condition. */
typedef enum verdict (*program_ask)(void *user, unsigned condition);

SL_BEGIN_DECLS

/** Parse `expression` into the zeroed `program`. Errors name the column and what was
 * expected there: SL_E_INVALID, SL_E_NO_MEMORY, or what `resolve` said. */
SL_MUST_USE int program_parse(struct program *program, struct bytes expression,
			      program_resolve resolve, void *user, struct sl_error *err);
void program_fini(struct program *program);

/** Asks no more than it needs: a false part of `&&` and a true part of `||` decide. */
enum verdict program_evaluate(const struct program *program, program_ask ask, void *user);

SL_END_DECLS
