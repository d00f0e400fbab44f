/* Log lines as JSON, as they arrive, printed with the replica they are of in front:
 * "[worker 0] text", "[worker 0 stderr] text". One thread. */
#pragma once

#include "core/base/buf.h"
#include "core/json/index.h"

struct log_lines {
	struct buf rest;       /**< The beginning of a line that has not arrived whole. */
	struct buf text, last; /**< Scratch; the prefix of a line that goes on. */
	struct json json;
};

SL_BEGIN_DECLS

void log_lines_init(struct log_lines *l);
void log_lines_fini(struct log_lines *l);
/** 0, or negative: standard output is gone, or this is not what it should be. */
SL_MUST_USE int log_lines_take(struct log_lines *l, struct bytes piece);

SL_END_DECLS
