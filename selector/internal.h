/* A compiled selector as the files of this folder see it, and what a thread needs to match.
 * Not for other folders. */
#pragma once

#include "selector/condition.h"
#include "selector/expression/program.h"

#include <stdatomic.h>

struct selector {
	struct arena *arena; /* the conditions' texts */
	struct condition *condition;
	unsigned n;
	unsigned regexes; /* patterns that the expression mentions: they share the steps */
	struct program program;
	atomic_uint refs;
	/* once it has joined */
	struct selector_pool *pool;
	const void *owner;
	uint32_t number;
};

struct selector_scratch {
	struct selector_limits limits;
	struct regex_scratch *regex;
	struct buf value;
	struct indexing *indexing; /* selector/index/indexing.h; made at the first use */
};

/** What one pattern of this selector may spend: an equal part of the whole, so that a
 * condition's verdict does not depend on which others were tried before it. */
struct regex_limits match_share(const struct selector *s, const struct selector_limits *limits);
/** Why a condition is unknown, in words. */
enum verdict match_fail_long(const struct condition *c, size_t len, size_t max,
			     struct sl_error *err);
enum verdict match_fail_search(const struct condition *c, enum regex_result why, uint32_t steps,
			       struct sl_error *err);
enum verdict match_fail_memory(const struct condition *c, struct sl_error *err);
