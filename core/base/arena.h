/* Memory that is handed out piece by piece and given back all at once.
 *
 * A job owns an arena that dies with it. Created with its ceiling; an allocation over
 * it returns NULL. One thread at a time. */
#pragma once

#include "core/base/err.h"

struct arena;

SL_BEGIN_DECLS

SL_MUST_USE int arena_create(size_t max, struct arena **ret);
struct arena *arena_free(struct arena *a);

void *arena_alloc(struct arena *a,
		  size_t len); /**< Zeroed, aligned for any type; NULL at the ceiling. */
char *arena_strdup(struct arena *a, struct bytes text); /**< NUL-terminated copy. */
int arena_copy(struct arena *a, struct bytes from, struct bytes *ret);
size_t arena_used(const struct arena *a);

SL_DEFINE_SCOPED(struct arena, arena_free)

SL_END_DECLS
