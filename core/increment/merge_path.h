/* The place in a document while it is walked in the order in which containers end: each
 * step costs as much as lies between the two places. One thread. */
#pragma once

#include "core/json/index.h"

struct merge_level {
	json_at at, child; /* A container, and its element or value to look at next. */
	uint32_t index;
	size_t len; /* Of the path of the container. */
};

struct merge_path {
	const struct json *j;
	struct buf text; /* An RFC 6901 pointer. */
	struct merge_level level[JSON_DEPTH_MAX + 1];
	uint32_t n;
};

SL_BEGIN_DECLS

void merge_path_init(struct merge_path *p, const struct json *j);
void merge_path_fini(struct merge_path *p);
/** Go to the value `at`: after each place visited before, or around it. */
void merge_path_to(struct merge_path *p, json_at at);

/** Add a step by hand; returns the length to go back to with merge_path_cut(). */
size_t merge_path_key(struct merge_path *p, const struct json *j, json_at key);
size_t merge_path_index(struct merge_path *p, uint32_t index);
static inline void merge_path_cut(struct merge_path *p, size_t len) { p->text.len = len; }

SL_END_DECLS
