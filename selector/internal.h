/* A compiled selector as the files of this folder see it. An index over many selectors
 * walks `condition` and `program`; both are immutable. Not for other folders. */
#pragma once

#include "selector/condition.h"
#include "selector/program.h"

struct selector {
	struct arena *arena; /* the conditions' texts */
	struct condition *condition;
	unsigned n;
	unsigned regexes; /* patterns that the expression mentions: they share the steps */
	struct program program;
};
