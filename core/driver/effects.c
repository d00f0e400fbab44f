/* The effects of a pipeline carried out. */
#include "core/base/crash.h"
#include "core/driver/admission.h"

#include <stdio.h>

/* Whatever the plugins' policies are. */
void effects_spent_budget(struct admission *a)
{
	size_t size = sizeof(a->fault_words),
	       used = (size_t)snprintf(
		       a->fault_words, size,
		       "admission used its %u ms of active time:", a->driver->config.budget_ms);
	for (uint32_t i = 0; i < a->plan->n && used < size; i++)
		if (a->step[i].used_ms)
			used += (size_t)snprintf(a->fault_words + used, size - used, " %s %u ms;",
						 a->plan->plugin[i]->key, a->step[i].used_ms);
	a->fault = "budget_exhausted";
	a->fault_plugin = bytes_of("", 0);
	struct pl_event abort = {.kind = PL_ABORT};
	effects_run(a, pipeline_step(a->pipeline, &abort));
}

static void note_progress(struct admission *a, const struct pl_fx *fx)
{
	crash_at(CRASH_STAGE_OVER);
	a->resumed = admit_drop(a->driver, a->resumed); /* it goes on: nobody has to help */
	a->progress.stage = (uint8_t)fx->stage;
	a->stage_waited_ms = 0;
	if (fx->stage != a->observed.stage)
		observe_stage_over(a);
	a->parked_ms = 0;
	a->job.parked_ms = 0;
	if (fx->step != PL_NO_STEP &&
	    progress_add_gate(&a->progress, bytes_str(a->plan->plugin[fx->step]->key)))
		driver_log(a->driver, LOG_WARN, a->node.id, "too many gates to remember", NULL,
			   NULL);
	journal_write(a);
}

static void record_ignored(struct admission *a, const struct step *step)
{
	const struct plugin *plugin = a->plan->plugin[step->index];
	struct event event = {.type = EVENT_NOTE,
			      .state = a->state,
			      .stage = (uint8_t)plugin->type,
			      .plugin = bytes_str(plugin->key),
			      .outcome = plugin->type == PLUGIN_GATE ? BYTES("failed_open")
								     : BYTES("passed_over"),
			      .reason = bytes_str(step->words)};
	journal_event(a, &event);
	if (!a->preview)
		standings_failed_open(caller_standings(a->driver->caller), plugin->key);
	if (plugin->type == PLUGIN_GATE)
		meter_fail_open(observe_meter(a));
}

/* Returns false when the admission came to its end. */
static bool run_effect(struct admission *a, const struct pl_fx *fx)
{
	struct step *step = fx->step == PL_NO_STEP ? NULL : &a->step[fx->step];
	int rc;
	switch (fx->kind) {
	case FX_CALL:
		rc = ask_plugin(a, fx->stage, step);
		if (rc == SL_E_TIMEOUT)
			effects_spent_budget(a);
		else if (rc)
			verdict_fail_words(a, "internal_error", sl_err_text(rc));
		return rc == 0;
	case FX_CANCEL:
		caller_cancel(a->driver->caller, step->ask);
		step->ask = 0;
		return true;
	case FX_PROGRESS:
		note_progress(a, fx);
		return true;
	case FX_IGNORE:
		record_ignored(a, step);
		return true;
	case FX_COMPOSE:
		return true;
	case FX_SUSPEND:
		verdict_suspend(a, step);
		return false;
	case FX_WAIT:
		verdict_wait(a, step);
		return false;
	case FX_STOP:
		verdict_stop(a, step);
		return false;
	case FX_FAIL:
		verdict_fail(a, step, &a->plan->stage[fx->stage]);
		return false;
	case FX_HAND_OVER:
		verdict_hand_over(a);
		return false;
	}
	return true;
}

void effects_run(struct admission *a, struct pl_out out)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < out.n; i++) {
			struct pl_fx fx = out.fx[i];
			if (!run_effect(a, &fx))
				return;
			if (fx.kind != FX_COMPOSE)
				continue;
			/* always the last effect of its step */
			struct pl_event event = {.kind = PL_COMPOSED,
						 .ok = compose_stage(a, fx.stage) == 0};
			observe_stage_over(a);
			crash_at(CRASH_STAGE_COMPOSED);
			out = pipeline_step(a->pipeline, &event);
			more = true;
			break;
		}
	}
}
