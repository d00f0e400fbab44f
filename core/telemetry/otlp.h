/* Spans as OTLP/HTTP wants them in JSON: names in camelCase, ids in hex, nanoseconds and
 * 64-bit numbers as strings (https://opentelemetry.io/docs/specs/otlp/). Layer 2, pure. */
#pragma once

#include "core/base/buf.h"
#include "core/telemetry/trace.h"

SL_BEGIN_DECLS

/** Append one ExportTraceServiceRequest with these spans. */
SL_MUST_USE int otlp_print(const struct span *const *span, size_t n, const char *version,
			   struct buf *to);

SL_END_DECLS
