/* Patterns that cannot hold a thread: the one place that knows PCRE2.
 *
 * A pattern is compiled once, with JIT and with PCRE2's automatic call-outs: the
 * compiled code calls back before each item of the pattern that it tries, at whatever
 * start position. One such call is a step. A search is therefore one plain search over
 * the whole value, with the meaning a pattern has anywhere else, and still stops at an
 * exact number of steps in all. Single items that are slow by themselves (a class of a
 * thousand ranges, grapheme clusters) are stopped by the thread's own processor time.
 * A search that was stopped says so; it never says "not found".
 *
 * A value that holds none of the texts that the pattern needs (selector/pattern/literal.h) is not
 * searched at all: that is "not found", whatever the steps.
 *
 * A compiled pattern is immutable, counted and shared between threads; a scratch belongs to
 * one thread. Values must be UTF-8, as everything that passed the JSON index is. */
#pragma once

#include "selector/pattern/literal.h"

struct regex;
struct regex_scratch; /* match data and a stack of its own for compiled code */

enum {
	REGEX_PATTERN_MAX = 4096,
	REGEX_NEST_MAX = 50, /**< Groups within groups: what fits a small thread stack. */
};

enum regex_flag { REGEX_I = 1, REGEX_M = 2, REGEX_S = 4, REGEX_X = 8 };

enum regex_result {
	REGEX_STEPS, /**< The steps are used up. */
	REGEX_TIME,  /**< The time is used up. */
	REGEX_STACK, /**< The stack is used up, or the library failed. */
	REGEX_NO,
	REGEX_YES,
};

struct regex_limits {
	uint32_t steps;
	uint32_t cpu_us;
};

SL_BEGIN_DECLS

/** 0; SL_E_INVALID with words; SL_E_NO_MEMORY. `flags` are REGEX_ bits. */
SL_MUST_USE int regex_compile(struct bytes pattern, unsigned flags, struct regex **ret,
			      struct sl_error *err);
/** One more owner; each calls regex_free(). */
struct regex *regex_share(struct regex *regex);
struct regex *regex_free(struct regex *regex);
/** NULL: none are known. */
const struct literals *regex_literals(const struct regex *regex);

SL_MUST_USE int regex_scratch_create(struct regex_scratch **ret);
struct regex_scratch *regex_scratch_free(struct regex_scratch *scratch);

/** Does `value` lack the texts that the pattern needs? Then it is not found, whatever the limits.
 */
bool regex_rules_out(const struct regex *regex, struct bytes value);
/** Is the pattern found anywhere in `value`? */
enum regex_result regex_search(const struct regex *regex, struct regex_scratch *scratch,
			       struct bytes value, struct regex_limits limits);
/** Steps that the last search took. */
uint32_t regex_steps(const struct regex_scratch *scratch);

SL_DEFINE_SCOPED(struct regex, regex_free)
SL_DEFINE_SCOPED(struct regex_scratch, regex_scratch_free)

SL_END_DECLS
