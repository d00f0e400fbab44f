/* What is written behind: it may wait a little, so that what comes next goes into the same
 * write. A line of those who wait, first come, first written; each stands in it once.
 *
 * Layer 2; parts of the driver only. Threads: the loop. Times: monotonic milliseconds. */
#pragma once

#include "core/base/list.h"

/** Lies in its owner, who takes it out (behind_remove) before it is freed. */
struct behind {
	struct list link;
	int64_t due_ms; /**< 0: it is in no line. */
};

static inline void behind_init(struct behind *b)
{
	list_init(&b->link);
	b->due_ms = 0;
}

/** To the end of the line; who stands there already keeps its place and its time. */
static inline void behind_put(struct list *line, struct behind *b, int64_t due_ms)
{
	if (b->due_ms)
		return;
	b->due_ms = due_ms;
	list_push(line, &b->link);
}

static inline void behind_remove(struct behind *b)
{
	list_remove(&b->link);
	b->due_ms = 0;
}

/** When the first one is due, or 0: nobody waits. */
static inline int64_t behind_next_ms(const struct list *line)
{
	return list_empty(line) ? 0 : container_of(line->next, struct behind, link)->due_ms;
}

/** The first one, out of the line, if it is due; else NULL. */
static inline struct behind *behind_take(struct list *line, int64_t now_ms)
{
	if (list_empty(line) || behind_next_ms(line) > now_ms)
		return NULL;
	struct behind *b = container_of(line->next, struct behind, link);
	behind_remove(b);
	return b;
}
