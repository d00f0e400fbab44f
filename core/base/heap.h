/* A binary heap of pointers to nodes that lie in their owners: the first one, one pushed,
 * one taken out from anywhere, each in O(log n).
 *
 * Room is made beforehand (heap_reserve), so that pushing cannot fail. A node is in one
 * heap at a time and knows its place there; ownership of the elements stays with whoever
 * pushed them. Layer 0. One thread at a time. */
#pragma once

#include "core/base/base.h"

struct heap_node {
	size_t place; /**< From 1; 0: in no heap. */
};

/** Is `a` in front of `b`? */
typedef bool (*heap_before_fn)(const struct heap_node *a, const struct heap_node *b);

struct heap {
	heap_before_fn before;
	struct heap_node **at; /**< From index 1. */
	size_t n, cap;
};

SL_BEGIN_DECLS

void heap_init(struct heap *h, heap_before_fn before);
void heap_fini(struct heap *h);
/** Room for `n` nodes in all. SL_E_NO_MEMORY: as it was. */
SL_MUST_USE int heap_reserve(struct heap *h, size_t n);
void heap_push(struct heap *h, struct heap_node *node);
/** One that is in no heap may be removed, too. */
void heap_remove(struct heap *h, struct heap_node *node);
/** What it is compared by has changed. */
void heap_moved(struct heap *h, struct heap_node *node);

static inline struct heap_node *heap_first(const struct heap *h) { return h->n ? h->at[1] : NULL; }

SL_END_DECLS
