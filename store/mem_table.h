/* One table in memory: sorted entries in leaves, shared between snapshots.
 *
 * A table is immutable once it is shared: a change copies the spine and the one leaf it
 * touches when somebody else holds them too, so a snapshot costs one reference. NULL is
 * the empty table. Private to store/mem.c. References may be dropped on any thread; a
 * table is changed only by the one writing transaction. */
#pragma once

#include "core/base/err.h"

struct mem_table;

/** A stored pair; lives as long as its table. */
struct mem_entry {
	struct bytes key, val;
};

/** What to look for, relative to a key. */
enum mem_where { MEM_AT, MEM_AT_OR_AFTER, MEM_AFTER, MEM_BEFORE, MEM_FIRST, MEM_LAST };

SL_BEGIN_DECLS

struct mem_table *mem_table_ref(struct mem_table *table);
struct mem_table *mem_table_unref(struct mem_table *table); /**< Returns NULL. */

size_t mem_table_count(const struct mem_table *table);
/** NULL when there is none. */
const struct mem_entry *mem_table_find(const struct mem_table *table, enum mem_where where,
				       struct bytes key);
/** Change `*table`, which the caller holds one reference of; SL_E_NO_MEMORY leaves it. */
int mem_table_put(struct mem_table **table, struct bytes key, struct bytes val);
int mem_table_del(struct mem_table **table, struct bytes key);

SL_END_DECLS
