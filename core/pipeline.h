/* One job's walk through its plan: a state machine and nothing else.
 *
 * Pure: no I/O, no clock, no thread, no log, and after pipeline_create() no allocation.
 * The driver feeds it events and carries out the effects that come back; tests/sim
 * feeds the same machine from a seed.
 *
 *   READY --START--> CALLING --all answered--> COMPOSING --COMPOSED--> CALLING (next stage)
 *                      |  \--gate passed--> CALLING (next gate)          | last stage
 *                      v                                                 v
 *                    DONE: suspended, waiting for a plugin, stopped, failed, or handed over
 *
 * Stages run in their order; the plugins of a stage side by side, gates one after
 * another. The safe answer is always the one that does not let the job run. */
#pragma once

#include "core/plan.h"
#include "core/progress.h"

enum gate_decision { GATE_STOP, GATE_SUSPEND, GATE_PASS };

enum pl_event_kind {
	PL_START,
	PL_ANSWER,      /**< A legal answer; of a gate: `decision`. */
	PL_ILLEGAL,     /**< An answer that is not one. */
	PL_UNAVAILABLE, /**< The plugin cannot be asked. */
	PL_COMPOSED,    /**< The stage's answers were put together; `ok`. */
	PL_ABORT,       /**< Somebody stopped the job, or it ran out of budget. */
};

struct pl_event {
	enum pl_event_kind kind;
	uint32_t step; /**< Index into plan->plugin. */
	enum gate_decision decision;
	bool ok;
};

enum pl_fx_kind {
	FX_CALL,      /**< Ask plugin `step`. */
	FX_CANCEL,    /**< Its answer is not wanted any more. */
	FX_IGNORE,    /**< `step` is passed over by its failurePolicy; to be recorded. */
	FX_COMPOSE,   /**< Put the answers of `stage` together, then send PL_COMPOSED. */
	FX_PROGRESS,  /**< `stage` is the first one not finished; gates: `step` has passed. */
	FX_SUSPEND,   /**< Gate `step` suspended the job. DONE. */
	FX_WAIT,      /**< `step` cannot be asked, and its policy is to wait. DONE. */
	FX_STOP,      /**< Gate `step` stopped the job. DONE. */
	FX_FAIL,      /**< By plugin `step`, or without one by the fault of `stage`. DONE. */
	FX_HAND_OVER, /**< Admitted: to the engine. DONE. */
};

enum { PL_NO_STEP = UINT32_MAX };

struct pl_fx {
	enum pl_fx_kind kind;
	uint32_t stage, step;
};

struct pl_out {
	const struct pl_fx *fx; /**< Borrowed until the next pipeline_step(). */
	size_t n;
};

struct pipeline;

SL_BEGIN_DECLS

/** `plan` is borrowed. `from` says what is finished already (also borrowed, only here). */
SL_MUST_USE int pipeline_create(const struct plan *plan, const struct progress *from,
				struct pipeline **ret);
struct pipeline *pipeline_free(struct pipeline *p);

/** Take one event. Answers that are not expected (any more) are ignored: no effects. */
struct pl_out pipeline_step(struct pipeline *p, const struct pl_event *event);

bool pipeline_done(const struct pipeline *p);
uint32_t pipeline_stage(const struct pipeline *p);

SL_DEFINE_SCOPED(struct pipeline, pipeline_free)

SL_END_DECLS
