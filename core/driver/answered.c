/* What came of a call: read, put into the job's log, given to the pipeline. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/driver/line.h"

#include <stdio.h>

static void record_call(struct admission *a, const struct step *step,
			const struct ask_result *result, const char *outcome, struct bytes reason,
			bool bad)
{
	const struct plugin *plugin = a->plan->plugin[step->index];
	struct event event = {.type = EVENT_CALL,
			      .state = a->state,
			      .stage = (uint8_t)plugin->type,
			      .attempts = result->attempts,
			      .status = result->status,
			      .took_us = result->took_us,
			      .generation = a->registry->generation,
			      .plugin = bytes_str(plugin->key),
			      .outcome = bytes_str(outcome),
			      .reason = reason,
			      .reason_code = bytes_str(step->code),
			      .detail = bad ? bytes_cut(result->body, EVENT_DETAIL_MAX)
					    : bytes_of("", 0)};
	journal_event(a, &event);
}

static int read_gate(struct step *step, struct sl_error *err)
{
	return answer_gate(&step->answer, &step->gate, err);
}

static int read_answer(struct admission *a, struct step *step, const struct ask_result *result,
		       struct sl_error *err)
{
	const struct plugin *plugin = a->plan->plugin[step->index];
	if (result->rc)
		return sl_fail(err, SL_E_TOO_BIG, "the answer is larger than %zu bytes",
			       a->driver->config.answer_max);
	if (plugin->type == PLUGIN_FACTOR && result->status == 204)
		return 0;
	if (result->status != 200)
		return compose_refusal(result, err);
	buf_reset(&step->body);
	buf_add_bytes(&step->body, result->body);
	if (step->body.rc)
		return sl_fail(err, (enum sl_err)step->body.rc, "no memory for the answer");
	int rc = answer_parse(buf_bytes(&step->body), a->driver->config.answer_max, &step->answer,
			      err);
	if (rc)
		return sl_wrap(err, rc, "the answer is not JSON as it must be: ");
	step->answered = true;
	switch (plugin->type) {
	case PLUGIN_GATE:
		return read_gate(step, err);
	case PLUGIN_FACTOR:
		return answer_check_factors(&step->answer, err);
	case PLUGIN_TRANSLATOR:
		return answer_check_taskset(&step->answer, err);
	default:
		return compose_check(a, step, err);
	}
}

static struct pl_event unavailable(struct admission *a, struct step *step,
				   const struct ask_result *result)
{
	const char *key = a->plan->plugin[step->index]->key;
	step->timed_out = result->timed_out;
	step->code = result->timed_out ? "plugin_timeout" : "plugin_unavailable";
	int used = snprintf(step->words, sizeof(step->words), "%s cannot be asked: %s", key,
			    result->why ? result->why : "no answer");
	if (result->attempts && used > 0 && (size_t)used < sizeof(step->words))
		snprintf(step->words + used, sizeof(step->words) - (size_t)used, " (%u attempt%s)",
			 result->attempts, result->attempts == 1 ? "" : "s");
	record_call(a, step, result, "unavailable", bytes_str(step->words), false);
	observe_call(a, step, result, result->timed_out ? METER_TIMEOUT : METER_UNAVAILABLE);
	return (struct pl_event){.kind = PL_UNAVAILABLE, .step = step->index};
}

static struct pl_event illegal(struct admission *a, struct step *step,
			       const struct ask_result *result, int rc, const char *why)
{
	const char *key = a->plan->plugin[step->index]->key;
	step->answered = false;
	step->code = rc == SL_E_CONFLICT    ? "increment_violation"
		     : rc == SL_E_NO_MEMORY ? "internal_error" /* not the plugin's fault */
					    : "plugin_bad_answer";
	snprintf(step->words, sizeof(step->words), "%s: %s", key, why);
	record_call(a, step, result, "illegal", bytes_str(step->words), true);
	observe_call(a, step, result, METER_ILLEGAL);
	return (struct pl_event){.kind = PL_ILLEGAL, .step = step->index};
}

static struct pl_event legal(struct admission *a, struct step *step,
			     const struct ask_result *result)
{
	scoped(buf_finip) struct buf told = {0};
	bool gate = a->plan->plugin[step->index]->type == PLUGIN_GATE;
	compose_tell(a, step, &told);
	record_call(a, step, result, gate ? gate_decision_name(step->gate.decision) : "answered",
		    gate ? step->gate.reason : buf_bytes(&told), false);
	observe_call(a, step, result, METER_ANSWERED);
	return (struct pl_event){
		.kind = PL_ANSWER, .step = step->index, .decision = step->gate.decision};
}

static bool is_spent(const struct admission *a, const struct step *step)
{
	return admission_used_ms(a) >= a->driver->config.budget_ms &&
	       a->plan->plugin[step->index]->policy != FAILURE_IGNORE;
}

/* What it means for those who wait in the store for the same plugin. */
static void tell_lines(struct admission *a, const char *key, const struct ask_result *result)
{
	if (result->answered)
		line_answered(a->driver, key);
	else
		line_failed(a->driver, key);
	if (a->line && strcmp(a->line->key, key) == 0)
		line_out(take_ptr(&a->line), -1);
}

void ask_answered(void *user, ask_id id SL_UNUSED, const struct ask_result *result)
{
	struct step *step = user;
	struct admission *a = step->admission;
	struct sl_error err = {0};
	struct pl_event event;
	step->ask = 0;
	crash_at(CRASH_CALL_ANSWERED);
	if (a->ended)
		return;
	admission_waited(a, (uint32_t)(result->waited_us / 1000));
	tell_lines(a, a->plan->plugin[step->index]->key, result);
	step->used_ms += (uint32_t)(result->took_us / 1000);
	int rc = result->answered ? read_answer(a, step, result, &err) : 0;
	if (!result->answered)
		event = unavailable(a, step, result);
	else if (rc)
		event = illegal(a, step, result, rc, err.text);
	else
		event = legal(a, step, result);
	crash_at(CRASH_CALL_JUDGED);
	if (event.kind == PL_UNAVAILABLE && is_spent(a, step))
		effects_spent_budget(a);
	else
		effects_run(a, pipeline_step(a->pipeline, &event));
}
