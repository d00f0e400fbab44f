/* Lists that come in pages: asked for one after another, so that they look like one list.
 *
 * Layer 6. Thread: main. Answers are borrowed until the function that got one returns. */
#pragma once

#include "cli/sluicectl/output.h"

enum { PAGES_URL_MAX = 65536 };

/** How many entries: all of them, as `limit` says, or `otherwise`. */
int64_t pages_most(bool all, const char *limit, int64_t otherwise);

/** One page, a JSON array. An exit code: any but CTL_DONE ends the walk. */
typedef int (*pages_fn)(void *user, const struct json *json, json_at page);

/** GET `url` (with its filters), page after page, until there were `most` entries or there
 * are no more. An exit code. */
int pages_each(struct ctl *ctl, const char *url, int64_t most, pages_fn each, void *user);

/** Likewise, and print them as one list. */
int pages_print(struct ctl *ctl, const char *url, int64_t most, const struct column *column,
		size_t columns);
