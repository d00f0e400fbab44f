/* Merges of a scene's answers against the model: every choice of two to four legal ones,
 * in every order. One thread. */
#pragma once

#include "tests/lib/merge_scene.h"

struct merge_tally {
	uint64_t answers, legal, merged, conflicts;
};

SL_BEGIN_DECLS

/** False, with what differs on stderr, if the merge and the model do not agree. `one`: a
 * number that picks one order, or negative: all. */
bool merge_check(const struct merge_scene *s, int one, struct merge_tally *tally);

SL_END_DECLS
