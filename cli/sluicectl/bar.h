/* How far something long has come, on terminals only: one line, drawn again in its place.
 * One thread. */
#pragma once

#include "cli/sluicectl/ctl.h"

/** Zero it and set the first two. */
struct bar {
	const struct ctl *ctl;
	const char *word; /**< "checking" */
	bool drawn;
	int percent; /**< As drawn. */
};

SL_BEGIN_DECLS

void bar_draw(struct bar *bar, uint64_t done, uint64_t all);
/** Take it away, for other lines to be printed. */
void bar_clear(struct bar *bar);

/** Append "1.5 MiB". */
void bar_bytes(struct buf *to, uint64_t bytes);

SL_END_DECLS
