/* The tracer: brings spans to an OpenTelemetry collector (OTLP over HTTP, JSON).
 *
 * A thread of its own collects spans and sends them in batches. Whoever measured something
 * only posts: a full queue drops the span and counts it, nobody ever waits for a collector.
 * The spans of whole jobs it makes itself, from the feed of state changes in the store.
 * A batch that cannot be delivered is tried again a few times, then dropped and counted.
 *
 * Layer 2. Threads: tracer_post(), tracer_stats() and tracer_is_for() any; the rest main's. */
#pragma once

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/telemetry/trace.h"
#include "net/executor.h"
#include "store/store.h"

struct tracer;

struct tracer_config {
	const char *endpoint; /**< As OTEL_EXPORTER_OTLP_ENDPOINT: /v1/traces is added. */
	const char *version;  /**< Of the gateway. */
	unsigned sample_percent;
	size_t queue_max; /**< Spans that wait. */
	uint32_t timeout_ms;
};

/** All since the start; the difference of the first two is on its way. */
struct tracer_stats {
	uint64_t made, exported, dropped;
};

SL_BEGIN_DECLS

/** `x` is the tracer's own executor and is freed with it, on failure too; the rest is
 * borrowed. */
SL_MUST_USE int tracer_create(const struct tracer_config *config, struct executor *x,
			      struct store *store, const struct clock *clock, struct log *log,
			      struct tracer **ret);
/** Jobs that end from now on have their spans. */
SL_MUST_USE int tracer_start(struct tracer *t);
/** Send what is there, for at most `grace_ms`, and end. NULL is fine; returns NULL. */
struct tracer *tracer_close(struct tracer *t, uint32_t grace_ms);

/** How much of what has no traceparent of its own is sampled: 100 without a tracer, as
 * plugins may trace what they do. */
unsigned tracer_percent(const struct tracer *t);
/** Moves `span`, which may be NULL. Without a tracer it is freed. */
void tracer_post(struct tracer *t, struct span *span);
void tracer_stats(const struct tracer *t, struct tracer_stats *ret);

SL_END_DECLS
