/* What this process takes of its machine: the process_* numbers of /metrics. Any thread. */
#pragma once

#include "core/base/metric.h"

SL_BEGIN_DECLS

/** Append them; what the system does not tell is left out. */
void process_write(struct buf *to);

SL_END_DECLS
