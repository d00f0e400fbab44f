/* A TaskSet and up to four answers to it, made of the decisions in some bytes: most
 * answers are increments, and what they add often meets at one place. For a fuzzer the
 * bytes are its input; for a test they are random. One thread. */
#pragma once

#include "core/base/buf.h"

enum { SCENE_PARTS = 4 };

struct merge_scene {
	struct bytes from; /**< Decisions; where they end, all are 0. */
	size_t used;
	struct buf base, answer[SCENE_PARTS];
	bool typed; /**< Answers may lack old members. */
};

SL_BEGIN_DECLS

void merge_scene_make(struct merge_scene *s, struct bytes from);
void merge_scene_fini(struct merge_scene *s);
static inline void merge_scene_finip(struct merge_scene *s) { merge_scene_fini(s); }

SL_END_DECLS
