/* What the gateway tells of itself: numbers for /metrics, spans for a collector.
 *
 * Opened before what counts, closed behind it; any part may be NULL. Main's thread. */
#pragma once

#include "api/http_meter.h"
#include "cli/config.h"
#include "core/telemetry/meter.h"
#include "core/telemetry/tracer.h"

struct telemetry {
	struct meter *meter;
	struct http_meter *http_meter;
	struct tracer *tracer; /**< Only with otel.endpoint. */
};

SL_BEGIN_DECLS

/** SL_E_INVALID with words: otel.endpoint is none. Close it on failure too. */
SL_MUST_USE int telemetry_open(const struct config *config, struct store *store, struct log *log,
			       struct telemetry *ret, struct sl_error *err);
/** Spans that wait are sent for at most `grace_ms`, and some seconds. */
void telemetry_close(struct telemetry *t, uint32_t grace_ms);

SL_END_DECLS
