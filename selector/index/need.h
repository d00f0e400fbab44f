/* Conditions of which at least one must hold (or be unknown) for a selector to be anything
 * but false.
 *
 * Of `a && (b || !c)` that is {a}; of `a || b` it is {a, b}; of `!a` there is none: it is
 * true just when nothing is there. As the verdicts of parts only ever raise the whole (false <
 * unknown < true, a negated condition counted as true), a selector of whose set every
 * condition is false is false: an unknown one anywhere else cannot change that. So who has
 * looked at the set alone may leave such a selector out, and loses no error.
 *
 * Which set, where there are several, is decided by what each condition costs. Pure. */
#pragma once

#include "selector/expression/program.h"

#define NEED_NONE UINT64_MAX /**< The cost of having no set: it must always be looked at. */

struct need {
	uint64_t set; /**< Bit per condition of the selector. */
	uint64_t cost;
};

SL_BEGIN_DECLS

/** `cost` has one number, below 2^32, for each condition. */
struct need need_find(const struct program *program, const uint64_t *cost);

SL_END_DECLS
