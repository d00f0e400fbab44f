#include "core/pipeline.h"

#include <assert.h>
#include <stdlib.h>

enum phase { READY, CALLING, COMPOSING, DONE };
enum step_state { STEP_OPEN, STEP_CALLED, STEP_ANSWERED, STEP_PASSED_OVER };

/* Which phase may follow which; DONE follows all and is followed by none. */
static const unsigned phase_moves[] = {
	[READY] = 1u << CALLING | 1u << DONE,
	[CALLING] = 1u << COMPOSING | 1u << CALLING | 1u << DONE,
	[COMPOSING] = 1u << CALLING | 1u << DONE,
	[DONE] = 0,
};

struct pipeline {
	const struct plan *plan;
	enum phase phase;
	uint32_t stage;
	size_t n_fx, cap_fx;
	struct pl_fx *fx;
	uint8_t *step; /* enum step_state */
};

static void set_phase(struct pipeline *p, enum phase to)
{
	assert(phase_moves[p->phase] & 1u << to);
	p->phase = to;
}

static void effect(struct pipeline *p, enum pl_fx_kind kind, uint32_t step)
{
	assert(p->n_fx < p->cap_fx);
	p->fx[p->n_fx++] = (struct pl_fx){kind, p->stage, step};
}

int pipeline_create(const struct plan *plan, const struct progress *from, struct pipeline **ret)
{
	scoped(pipeline_freep) struct pipeline *p = calloc(1, sizeof(*p));
	if (!p)
		return SL_E_NO_MEMORY;
	/* The most of one step: every step of a stage canceled or called, and a few more. */
	p->cap_fx = (size_t)plan->n * 2 + PLUGIN_STAGES + 4;
	p->fx = calloc(p->cap_fx, sizeof(*p->fx));
	p->step = calloc(plan->n + 1, 1);
	if (!p->fx || !p->step)
		return SL_E_NO_MEMORY;
	p->plan = plan;
	p->stage = from->stage;
	for (uint32_t i = 0; i < plan->n; i++)
		if (plan->plugin[i]->type == PLUGIN_GATE &&
		    progress_has_run(from, bytes_str(plan->plugin[i]->key)))
			p->step[i] = STEP_ANSWERED;
	*ret = take_ptr(&p);
	return 0;
}

struct pipeline *pipeline_free(struct pipeline *p)
{
	if (!p)
		return NULL;
	free(p->fx);
	free(p->step);
	free(p);
	return NULL;
}

static const struct plan_stage *stage_of(const struct pipeline *p)
{
	return &p->plan->stage[p->stage];
}

/* Call what the stage has still open; false when nothing is. */
static bool call_open(struct pipeline *p)
{
	const struct plan_stage *stage = stage_of(p);
	bool any = false;
	for (uint32_t i = stage->first; i < stage->first + stage->n; i++) {
		if (p->step[i] != STEP_OPEN)
			continue;
		p->step[i] = STEP_CALLED;
		effect(p, FX_CALL, i);
		any = true;
		if (p->stage == PLUGIN_GATE)
			break;
	}
	return any;
}

static void finish(struct pipeline *p, enum pl_fx_kind kind, uint32_t step)
{
	const struct plan_stage *stage = p->stage < PLUGIN_STAGES ? stage_of(p) : NULL;
	for (uint32_t i = stage ? stage->first : 0; stage && i < stage->first + stage->n; i++)
		if (p->step[i] == STEP_CALLED) {
			p->step[i] = STEP_OPEN;
			effect(p, FX_CANCEL, i);
		}
	effect(p, kind, step);
	set_phase(p, DONE);
}

static bool any_in(const struct pipeline *p, enum step_state state)
{
	const struct plan_stage *stage = stage_of(p);
	for (uint32_t i = stage->first; i < stage->first + stage->n; i++)
		if (p->step[i] == state)
			return true;
	return false;
}

/* Go on with the first stage, from the present one on, that has something to ask. */
static void go_on(struct pipeline *p)
{
	uint32_t from = p->stage;
	for (; p->stage < PLUGIN_STAGES; p->stage++) {
		if (stage_of(p)->fault) {
			finish(p, FX_FAIL, PL_NO_STEP);
			return;
		}
		if (!any_in(p, STEP_OPEN))
			continue;
		if (from == PLUGIN_GATE && p->stage > from)
			effect(p, FX_PROGRESS, PL_NO_STEP); /* no gate is asked any more */
		if (call_open(p)) {
			set_phase(p, CALLING);
			return;
		}
	}
	finish(p, FX_HAND_OVER, PL_NO_STEP);
}

/* One step has its end: is the stage through? */
static void step_ended(struct pipeline *p, uint32_t step)
{
	if (p->stage == PLUGIN_GATE) {
		effect(p, FX_PROGRESS, step);
		go_on(p);
	} else if (!any_in(p, STEP_CALLED)) {
		set_phase(p, COMPOSING);
		effect(p, FX_COMPOSE, PL_NO_STEP);
	}
}

static void on_answer(struct pipeline *p, const struct pl_event *event)
{
	p->step[event->step] = STEP_ANSWERED;
	if (p->stage == PLUGIN_GATE && event->decision == GATE_SUSPEND)
		finish(p, FX_SUSPEND, event->step);
	else if (p->stage == PLUGIN_GATE && event->decision != GATE_PASS)
		finish(p, FX_STOP, event->step);
	else
		step_ended(p, event->step);
}

static void on_failure(struct pipeline *p, const struct pl_event *event)
{
	enum failure_policy policy = p->plan->plugin[event->step]->policy;
	if (policy == FAILURE_IGNORE) {
		p->step[event->step] = STEP_PASSED_OVER;
		effect(p, FX_IGNORE, event->step);
		step_ended(p, event->step);
		return;
	}
	p->step[event->step] = STEP_OPEN;
	bool wait = policy == FAILURE_WAIT && event->kind == PL_UNAVAILABLE;
	finish(p, wait ? FX_WAIT : FX_FAIL, event->step);
}

static void on_composed(struct pipeline *p, bool ok)
{
	if (!ok) {
		finish(p, FX_FAIL, PL_NO_STEP);
		return;
	}
	p->stage++;
	effect(p, FX_PROGRESS, PL_NO_STEP);
	go_on(p);
}

static bool expected(const struct pipeline *p, uint32_t step)
{
	return p->phase == CALLING && step < p->plan->n && p->step[step] == STEP_CALLED;
}

struct pl_out pipeline_step(struct pipeline *p, const struct pl_event *event)
{
	p->n_fx = 0;
	switch (event->kind) {
	case PL_START:
		if (p->phase == READY)
			go_on(p);
		break;
	case PL_ANSWER:
		if (expected(p, event->step))
			on_answer(p, event);
		break;
	case PL_ILLEGAL:
	case PL_UNAVAILABLE:
		if (expected(p, event->step))
			on_failure(p, event);
		break;
	case PL_COMPOSED:
		if (p->phase == COMPOSING)
			on_composed(p, event->ok);
		break;
	case PL_ABORT:
		if (p->phase != DONE)
			finish(p, FX_FAIL, PL_NO_STEP);
		break;
	}
	return (struct pl_out){p->fx, p->n_fx};
}

bool pipeline_done(const struct pipeline *p) { return p->phase == DONE; }
uint32_t pipeline_stage(const struct pipeline *p) { return p->stage; }
