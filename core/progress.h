/* How far a job's admission got: stored with the job, so that it goes on there after a
 * suspension or a crash. Strings are borrowed from the record it was read from, or from
 * whoever added them. Layer 2, pure. */
#pragma once

#include "core/base/buf.h"

/** Whom a suspended job waits for. */
enum waits_for {
	WAITS_NOT,
	WAITS_GATE_NEXT, /**< A gate suspended it; a resume goes on behind that gate. */
	WAITS_GATE_ASK,  /**< A gate suspended it and wants to be asked again on a resume. */
	WAITS_PLUGIN,    /**< A plugin cannot be asked; a resume asks it at once. */
	WAITS_RECHECK,   /**< Resumed on condition that the gate is asked again. */
};

enum { PROGRESS_GATES_MAX = 256, PROGRESS_ASKED_MAX = 32 };

/** A gate that suspended the job, and how often: the next call to it is another one. */
struct gate_asked {
	struct bytes gate;
	uint32_t times;
};

struct progress {
	uint8_t stage; /**< The first stage that is not finished. */
	enum waits_for waits;
	uint32_t used_ms;                      /**< Of the job's budget. */
	uint64_t generation;                   /**< Registry of the last part. */
	struct bytes gate[PROGRESS_GATES_MAX]; /**< Keys of gates that have run. */
	size_t gates;
	struct gate_asked asked[PROGRESS_ASKED_MAX]; /**< The newest last. */
	size_t askeds;
};

SL_BEGIN_DECLS

void progress_encode(const struct progress *p, struct buf *to);
SL_MUST_USE int progress_decode(struct bytes record, struct progress *ret);
bool progress_has_run(const struct progress *p, struct bytes gate);
/** SL_E_TOO_BIG when there are PROGRESS_GATES_MAX already. */
SL_MUST_USE int progress_add_gate(struct progress *p, struct bytes gate);
/** How often this gate has suspended the job, as far as is known. */
uint32_t progress_times(const struct progress *p, struct bytes gate);
void progress_count(struct progress *p, struct bytes gate); /**< Once more. */
/** The gate that suspended the job last and has not let it go since, nor has a person done
 * so in its place; empty: there is none. */
struct bytes progress_holder(const struct progress *p);

SL_END_DECLS
