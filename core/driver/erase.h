/* Erasing jobs in the background: which are at it just now. Layer 2; parts of the driver
 * only. Threads: the loop. */
#pragma once

#include "core/base/id.h"
#include "core/engine_port.h"

enum { ERASE_TOGETHER = 16 };

struct driver;

struct erasing_job {
	struct uuid id;
	bool over, failed; /**< The engine has answered; with a reason why files remain. */
};

struct erasing {
	bool busy;       /**< A turn is on its way through the writer. */
	bool again;      /**< There is a new mark, perhaps behind us. */
	int64_t next_ms; /**< When to look, monotonic; 0: not begun. */
	struct uuid after;
	struct erasing_job job[ERASE_TOGETHER];
	size_t n;
};

void erase_start(struct driver *d);
void erase_report(struct driver *d, const struct engine_report *report);
/** A job was taken out of the book. */
void erase_soon(struct driver *d);
