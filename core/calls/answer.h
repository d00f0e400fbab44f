/* What a plugin answered, read by the rules of its stage.
 *
 * A legal answer becomes a struct reply; anything else is an illegal answer with words
 * that name what was wrong. Unknown members are ignored; `reason` may be missing;
 * advice and reason may be numbers or booleans. Layer 2, pure: any thread. */
#pragma once

#include "core/job.h"
#include "core/pipeline.h"

enum { FACTORS_MAX = 1024 /**< Of one answer. */ };

/** A gate's answer. Strings are borrowed from `text` or from the body. */
struct gate_reply {
	enum gate_decision decision;
	struct bytes reason, reason_code;
	uint32_t retry_after_s; /**< 0: none. */
	int64_t expires_ms;     /**< 0: none. */
	bool ask_on_resume;
	struct buf text; /**< Owned: gate_reply_fini(). */
};

SL_BEGIN_DECLS

/** Index an answer's body under the limits for answers. SL_E_INVALID, SL_E_TOO_BIG. */
SL_MUST_USE int answer_parse(struct bytes body, size_t bytes_max, struct json *ret,
			     struct sl_error *err);

SL_MUST_USE int answer_gate(const struct json *body, struct gate_reply *ret, struct sl_error *err);
void gate_reply_fini(struct gate_reply *r);
const char *gate_decision_name(enum gate_decision decision);

/** Is this a factor, or an array of them? (A 204 has none.) */
SL_MUST_USE int answer_check_factors(const struct json *body, struct sl_error *err);
/** Is this a TaskSet document at all? Its content is checked elsewhere. */
SL_MUST_USE int answer_check_taskset(const struct json *body, struct sl_error *err);

/** Append {"topic": [{topic, advice, reason}, ...], ...}: the factors of all answers in
 * plugin order, grouped by topic in order of appearance. NULL answers are passed over. */
SL_MUST_USE int factors_compose(const struct json *const *answer, size_t n, struct buf *to);

SL_END_DECLS
