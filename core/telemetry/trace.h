/* Where a job stands in a trace (W3C Trace Context), and one span of it.
 *
 * A job is traced in its submitter's trace, or else in one that is named after the job. Its
 * span's id comes from its own id, so that whoever makes a span below it, also after a
 * restart, knows it without asking. A span is made by whoever measured it and moved to the
 * tracer; its texts are copied into it and cut to what it holds. Layer 2, pure. */
#pragma once

#include "core/base/id.h"
#include "core/base/mailbox.h"

enum {
	TRACE_ID_SIZE = 16,
	TRACE_SPAN_SIZE = 8,
	TRACE_TEXT_SIZE = 56, /**< Of a traceparent, its NUL included. */
};

struct trace {
	uint8_t id[TRACE_ID_SIZE];
	uint8_t job[TRACE_SPAN_SIZE];    /**< The job's own span. */
	uint8_t parent[TRACE_SPAN_SIZE]; /**< The submitter's, or zero. */
	bool sampled;
};

enum span_kind { SPAN_INTERNAL = 1, SPAN_CLIENT = 3, SPAN_CONSUMER = 5 }; /* OTLP's numbers */

enum { SPAN_ATTRIBUTES = 12, SPAN_TEXT = 768 };

struct span_attribute {
	const char *key;  /**< A literal. */
	const char *text; /**< In the span; NULL: it is `number`. */
	int64_t number;
};

struct span {
	struct letter letter;
	uint8_t trace[TRACE_ID_SIZE];
	uint8_t id[TRACE_SPAN_SIZE], parent[TRACE_SPAN_SIZE]; /**< No parent: zero. */
	enum span_kind kind;
	int64_t begin_us, end_us; /**< Unix time. */
	const char *name;         /**< In the span. */
	const char *failure;      /**< In the span; NULL: it went well. */
	struct span_attribute attribute[SPAN_ATTRIBUTES];
	size_t attributes, used;
	char room[SPAN_TEXT];
};

SL_BEGIN_DECLS

/** Is this a traceparent, "00-<32 hex>-<16 hex>-<2 hex>", whose ids are not zero? */
bool trace_is_parent(struct bytes text);
/** `parent` is the submitter's traceparent or empty; without one `sample_percent` of the
 * jobs are sampled. */
void trace_of_job(struct uuid job, struct bytes parent, unsigned sample_percent, struct trace *ret);
/** What a plugin is sent: `span` is its parent. */
void trace_format(const struct trace *trace, const uint8_t span[TRACE_SPAN_SIZE],
		  char out[TRACE_TEXT_SIZE]);
/** "%02x" of each byte; `out` holds 2 * len + 1. */
void trace_hex(const uint8_t *at, size_t len, char *out);

/** A new span of this trace, the caller's until it is moved on; NULL: no memory. */
struct span *span_create(const struct trace *trace, const uint8_t id[TRACE_SPAN_SIZE],
			 const uint8_t parent[TRACE_SPAN_SIZE], enum span_kind kind,
			 struct bytes name);
struct span *span_free(struct span *span);
void span_fail(struct span *span, struct bytes why);
/** Empty texts, and what there is no room for, are left out. */
void span_add_text(struct span *span, const char *key, struct bytes text);
void span_add_number(struct span *span, const char *key, int64_t number);

SL_DEFINE_SCOPED(struct span, span_free)

SL_END_DECLS
