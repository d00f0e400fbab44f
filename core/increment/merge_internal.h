/* Shared by merge.c (what goes where in the base) and merge_value.c (values that several
 * plugins add at one place). Not for others. */
#pragma once

#include "core/increment/internal.h"
#include "core/increment/merge.h"
#include "core/increment/merge_path.h"

/** A value that one part adds. */
struct given {
	uint32_t part;
	json_at key, at; /**< In the part's answer; no key for an element. */
	struct place place;
};

struct merge {
	const struct json *base;
	const struct merge_part *part;
	struct buf *out;
	const struct merge_provenance *told;
	struct sl_error *err;
	struct merge_path path; /**< In the merged document. */
};

static inline const struct json *merge_answer(const struct merge *m, uint32_t part)
{
	return m->part[part].increment->answer;
}

SL_BEGIN_DECLS

/** Tell that `part` added what stands at the present path. */
void merge_tell(struct merge *m, uint32_t part);

/** Write one value for what `n` parts give at the present path. */
int merge_values(struct merge *m, const struct given *given, size_t n);
/** Write the members (or elements of a keyed list) that are given, merged by key, with
 * `before` in front of the first; the first new element has this index. */
int merge_children(struct merge *m, const struct given *given, size_t n, enum list_key list,
		   const char *before, uint32_t index);
/** Append a value as it is, without members that are null. */
void merge_write(struct merge *m, const struct json *j, json_at at);

SL_END_DECLS
