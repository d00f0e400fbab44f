/* A table from job id to what is going on with it: intrusive, chained, fixed number of
 * buckets (ids are random enough). The elements are their owner's. One thread. */
#pragma once

#include "core/base/id.h"

struct table_node {
	struct table_node *next;
	struct uuid id;
};

struct table {
	struct table_node **bucket;
	size_t buckets, n; /**< `buckets` is a power of two. */
};

SL_MUST_USE int table_init(struct table *t, size_t buckets);
void table_fini(struct table *t);
struct table_node *table_get(const struct table *t, struct uuid id);
void table_put(struct table *t, struct table_node *node); /**< Not in it yet. */
void table_remove(struct table *t, struct table_node *node);
/** Any element, or NULL: for emptying. */
struct table_node *table_any(const struct table *t);
