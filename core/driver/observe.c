#include "core/driver/admission.h"
#include "net/target.h"

#include <stdio.h>
#include <stdlib.h>

struct meter *observe_meter(const struct admission *a)
{
	return a->preview ? NULL : a->driver->parts.meter;
}

static int64_t now_us(const struct admission *a) { return clock_mono_us(a->driver->parts.clock); }

static int64_t wall_us(const struct admission *a, int64_t mono_us)
{
	return a->observed.wall_us + (mono_us - a->observed.began_us);
}

static bool is_traced(const struct admission *a)
{
	return a->driver->parts.tracer && a->observed.trace.sampled;
}

void observe_begin(struct admission *a)
{
	struct observed *o = &a->observed;
	o->began_us = now_us(a);
	o->wall_us = clock_wall_ms(a->driver->parts.clock) * 1000;
	o->stage = PLUGIN_STAGES;
	trace_of_job(a->node.id, a->job.trace, tracer_percent(a->driver->parts.tracer), &o->trace);
}

/* ---- stages ---- */

static struct span *new_span(const struct admission *a, const uint8_t id[TRACE_SPAN_SIZE],
			     const uint8_t parent[TRACE_SPAN_SIZE], enum span_kind kind,
			     struct bytes name, int64_t begin_us)
{
	struct span *s = span_create(&a->observed.trace, id, parent, kind, name);
	if (!s)
		return NULL;
	s->begin_us = wall_us(a, begin_us);
	s->end_us = wall_us(a, now_us(a));
	span_add_text(s, "sluice.job.id", bytes_str(a->id_text));
	return s;
}

static void begin_stage(struct admission *a, uint32_t stage)
{
	struct observed *o = &a->observed;
	observe_stage_over(a);
	o->stage = stage;
	o->stage_us = now_us(a);
	if (is_traced(a))
		crypt_pool_take(&a->driver->lots, o->stage_span, TRACE_SPAN_SIZE);
}

void observe_stage_over(struct admission *a)
{
	struct observed *o = &a->observed;
	if (o->stage == PLUGIN_STAGES)
		return;
	const char *name = plugin_type_name((enum plugin_type)o->stage);
	meter_stage(observe_meter(a), (enum plugin_type)o->stage,
		    (uint64_t)(now_us(a) - o->stage_us));
	o->stage = PLUGIN_STAGES;
	if (!is_traced(a))
		return;
	struct span *s = new_span(a, o->stage_span, o->trace.job, SPAN_INTERNAL, bytes_str(name),
				  o->stage_us);
	if (s)
		span_add_text(s, "sluice.stage", bytes_str(name));
	tracer_post(a->driver->parts.tracer, s);
}

/* ---- calls ---- */

void observe_ask(struct admission *a, uint32_t stage, struct step *step,
		 char ret_traceparent[TRACE_TEXT_SIZE])
{
	if (a->observed.stage != stage)
		begin_stage(a, stage);
	crypt_pool_take(&a->driver->lots, step->span, TRACE_SPAN_SIZE);
	trace_format(&a->observed.trace, step->span, ret_traceparent);
}

/* Host and port of the address that was asked last; nothing else of it. */
static void add_server(struct span *s, const struct plugin *plugin, struct uuid job,
		       uint32_t attempts)
{
	struct target target;
	uint32_t which = (job.at[15] + (attempts ? attempts - 1 : 0)) % plugin->addresses;
	if (target_split(bytes_str(plugin->address[which]), &target, NULL) || target.socket.len)
		return;
	const char *at = target.place.at, *host = memmem(at, target.place.len, "://", 3);
	size_t rest = host ? target.place.len - (size_t)(host + 3 - at) : 0;
	const char *colon = rest ? memrchr(host + 3, ':', rest) : NULL;
	char *end = NULL;
	size_t len = colon ? (size_t)(colon - (host + 3)) : rest;
	long port = colon ? strtol(colon + 1, &end, 10) : 0;
	span_add_text(s, "server.address", bytes_of(host ? host + 3 : "", len));
	if (port > 0)
		span_add_number(s, "server.port", port);
}

static void describe(struct span *s, const struct admission *a, const struct step *step,
		     const struct ask_result *result)
{
	const struct plugin *plugin = a->plan->plugin[step->index];
	span_add_text(s, "sluice.stage", bytes_str(plugin_type_name(plugin->type)));
	span_add_text(s, "sluice.plugin", bytes_str(plugin->key));
	span_add_text(s, "http.request.method", BYTES("POST"));
	add_server(s, plugin, a->node.id, result->attempts);
	if (result->status)
		span_add_number(s, "http.response.status_code", result->status);
	if (result->attempts > 1)
		span_add_number(s, "http.request.resend_count", result->attempts - 1);
	if (result->waited_us >= 1000)
		span_add_number(s, "sluice.waited_ms", (int64_t)(result->waited_us / 1000));
}

static void log_call(const struct admission *a, const struct plugin *plugin,
		     const struct ask_result *result, enum meter_outcome outcome)
{
	char ms[24], attempts[16];
	struct log *log = a->driver->parts.log;
	if (!log_wants(log, LOG_DEBUG, "driver"))
		return;
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long)result->took_us / 1000);
	snprintf(attempts, sizeof(attempts), "%u", result->attempts);
	log_line(log, LOG_DEBUG, "driver", "a plugin was called", "job", a->id_text, "plugin",
		 plugin->key, "outcome", meter_outcome_name(outcome), "ms", ms, "attempts",
		 attempts, NULL);
}

void observe_call(struct admission *a, const struct step *step, const struct ask_result *result,
		  enum meter_outcome outcome)
{
	const struct plugin *plugin = a->plan->plugin[step->index];
	if (!result->attempts) /* its breaker is open: there was no call */
		return;
	log_call(a, plugin, result, outcome);
	meter_call(observe_meter(a), plugin->key, outcome, result->took_us);
	if (plugin->type == PLUGIN_GATE && outcome == METER_ANSWERED)
		meter_decision(observe_meter(a), step->gate.decision);
	if (!is_traced(a))
		return;
	struct span *s = new_span(a, step->span, a->observed.stage_span, SPAN_CLIENT,
				  bytes_str(plugin->key), now_us(a) - (int64_t)result->took_us);
	if (!s)
		return;
	describe(s, a, step, result);
	if (outcome != METER_ANSWERED) {
		span_add_text(s, "error.type", bytes_str(step->code));
		span_fail(s, bytes_str(step->code));
	} else if (plugin->type == PLUGIN_GATE) {
		span_add_text(s, "sluice.decision",
			      bytes_str(gate_decision_name(step->gate.decision)));
	}
	tracer_post(a->driver->parts.tracer, s);
}

static void log_end(const struct admission *a, const struct change *last)
{
	char code[JOB_REASON_CODE_MAX + 1];
	struct log *log = a->driver->parts.log;
	if (!log_wants(log, LOG_DEBUG, "driver"))
		return;
	snprintf(code, sizeof(code), "%.*s", BYTES_FMT(last->why.code));
	log_line(log, LOG_DEBUG, "driver", "admission has ended for now", "job", a->id_text,
		 "state", job_state_name(last->path_n ? last->path[last->path_n - 1] : a->state),
		 "code", code, NULL);
}

void observe_end(struct admission *a, const struct change *last)
{
	log_end(a, last);
	observe_stage_over(a);
	meter_admission(observe_meter(a), (uint64_t)(now_us(a) - a->observed.began_us));
}
