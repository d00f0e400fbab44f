/* One call to a plugin on behalf of a job: its body, its names, its trace. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/driver/line.h"

enum { WEBHOOK_ID_SIZE = 4 + UUID_TEXT_SIZE + 1 + PLUGIN_TAG_SIZE + 1 + NUMBER_TEXT_SIZE };

static int make_body(struct admission *a, uint32_t stage)
{
	uint32_t before = a->body_stage;
	if (before == stage)
		return 0;
	if (before < PLUGIN_STAGES && before != PLUGIN_TRANSLATOR && !a->body_old) {
		journal_given_again(a, stage, before); /* gates change nothing */
		a->body_stage = stage;
		return 0;
	}
	a->body_old = false;
	buf_reset(&a->body);
	kept_body(buf_bytes(&a->factors), a->from->header,
		  stage == PLUGIN_TRANSLATOR ? a->from->submitted : buf_bytes(&a->taskset_text),
		  &a->body);
	a->body_stage = stage;
	if (!a->body.rc)
		journal_given(a, stage);
	return a->body.rc;
}

/* Stable over attempts and restarts of one call, another one for each time a gate is
 * asked anew. */
static void make_webhook_id(const struct admission *a, const struct plugin *plugin,
			    char out[WEBHOOK_ID_SIZE])
{
	char *to = stpcpy(stpcpy(stpcpy(stpcpy(out, "msg_"), a->id_text), "_"), plugin->tag);
	*to++ = '_';
	number_format(progress_times(&a->progress, bytes_str(plugin->key)), to);
}

/* Its turn has come, after it was parked or while a pass lets it go. */
static bool has_turn(const struct admission *a, const struct plugin *plugin)
{
	const struct line *line;
	if (a->turn && a->from->recovered) /* it was under way, but maybe behind these */
		return !(line = line_find(a->driver, plugin->key)) || !line->parked ||
		       a->from->job.since_ms <= line->oldest_ms;
	return (a->turn && bytes_is(a->from->job.plugin, plugin->key)) ||
	       (a->line && strcmp(a->line->key, plugin->key) == 0);
}

/* Another call of the same stage is under way: what it answers would be lost. */
static bool has_company(const struct admission *a, const struct step *step)
{
	for (uint32_t i = 0; i < a->plan->n; i++)
		if (&a->step[i] != step && a->step[i].ask && !caller_in_line(a->step[i].ask))
			return true;
	return false;
}

/* A job that has been parked in this stage stays in memory near the front, so that two
 * plugins with few places cannot send it to and fro for ever. */
static bool is_near(const struct admission *a, const struct step *step)
{
	enum { NEAR = 16 };
	uint32_t places = a->plan->plugin[step->index]->in_flight_max;
	return a->parked_ms && caller_ahead(step->ask) < (places > NEAR ? places : NEAR);
}

void ask_waits(void *user, ask_id id SL_UNUSED)
{
	struct step *step = user;
	struct admission *a = step->admission;
	if (!a->ended && !has_company(a, step) && !is_near(a, step))
		verdict_park(a, step);
}

int ask_plugin(struct admission *a, uint32_t stage, struct step *step)
{
	char webhook_id[WEBHOOK_ID_SIZE], traceparent[TRACE_TEXT_SIZE];
	uint32_t used = admission_used_ms(a), budget = a->driver->config.budget_ms;
	const struct plugin *plugin = a->plan->plugin[step->index];
	int rc = make_body(a, stage);
	if (rc)
		return rc;
	if (used >= budget)
		return SL_E_TIMEOUT;
	make_webhook_id(a, plugin, webhook_id);
	observe_ask(a, stage, step, traceparent);
	struct ask ask = {.plugin = plugin,
			  .job = a->job.id,
			  .webhook_id = webhook_id,
			  .body = buf_bytes(&a->body),
			  .budget_ms = budget - used,
			  .dry_run = a->preview != NULL,
			  .traceparent = traceparent,
			  .first = has_turn(a, plugin),
			  .waits = a->preview ? NULL : ask_waits};
	if (a->line && strcmp(a->line->key, plugin->key) == 0)
		a->line_asked = true;
	crash_at(CRASH_CALL_BEFORE);
	rc = caller_ask(a->driver->caller, &ask, ask_answered, step, &step->ask);
	crash_at(CRASH_CALL_SENT);
	return rc;
}
