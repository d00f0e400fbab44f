/* What merging decorators means, slowly and obviously: each place of the base and of all
 * answers is looked at together, every pair of values is compared, nothing is sorted or
 * remembered. Shares no code with core/increment/merge, core/increment/keyset or the list of
 * additions; the parsed documents and the cutting of long words are the same.
 *
 * The answers are increments of the base. One thread. */
#pragma once

#include "core/json/index.h"

enum { MODEL_PARTS_MAX = 4 };

struct merge_model {
	const struct json *base;
	const struct json *answer[MODEL_PARTS_MAX]; /**< In `sequence` order. */
	const char *plugin[MODEL_PARTS_MAX];
	size_t n;
	struct buf out;       /**< The merged document. */
	struct buf conflicts; /**< Or each conflict that may be named, a line each. */
	struct buf path;
};

/** A value in one of the documents; NONE where there is none, or a null. */
struct spot {
	const struct json *j;
	json_at at;
};

SL_BEGIN_DECLS

void merge_model_run(struct merge_model *m);
void merge_model_fini(struct merge_model *m);
static inline void merge_model_finip(struct merge_model *m) { merge_model_fini(m); }

/** The same JSON, a null member being none. */
bool merge_model_alike(struct spot a, struct spot b);

SL_END_DECLS
