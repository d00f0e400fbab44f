#include "core/driver/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	OWN_BYTES_MAX = 64 << 20,
	PROVENANCE_MAX = 1 << 20,
	EVENT_ARENA_MAX = 4 << 20,
	DOC_DEPTH_MAX = JSON_DEPTH_MAX
};

static const struct json_limits own_limits = {OWN_BYTES_MAX, DOC_DEPTH_MAX};

static void run_effects(struct admission *a, struct pl_out out);

/* ---- its life ---- */

struct admission *admission_free(struct admission *a)
{
	if (!a)
		return NULL;
	for (uint32_t i = 0; a->step && i < a->plan->n; i++) {
		caller_cancel(a->driver->caller, a->step[i].ask);
		gate_reply_fini(&a->step[i].gate);
		increment_fini(&a->step[i].increment);
		json_fini(&a->step[i].answer);
		buf_fini(&a->step[i].body);
	}
	free(a->step);
	pipeline_free(a->pipeline);
	plan_free(a->plan);
	registry_drop(a->registry);
	json_fini(&a->header);
	json_fini(&a->taskset);
	buf_fini(&a->taskset_text);
	buf_fini(&a->factors);
	buf_fini(&a->provenance);
	buf_fini(&a->body);
	arena_free(a->event_arena);
	admit_free(a->from);
	admit_free(a->resumed);
	change_free(a->last);
	free(a);
	return NULL;
}

struct admission *admission_find(struct driver *d, struct uuid id, uint64_t serial)
{
	struct table_node *node = table_get(&d->admissions, id);
	struct admission *a = node ? container_of(node, struct admission, node) : NULL;
	return a && a->serial == serial ? a : NULL;
}

void admission_drop(struct admission *a)
{
	struct driver *d = a->driver;
	table_remove(&d->admissions, &a->node);
	atomic_fetch_sub(&d->in_admission, 1);
	atomic_fetch_sub(&d->busy, 1);
	admission_free(a);
}

static int load_taskset(struct admission *a)
{
	struct bytes stored = a->from->taskset;
	if (!stored.len && !bytes_is(a->job.kind, "TaskSet"))
		return 0;
	scoped(json_finip) struct json json = {0};
	struct sl_error err = {0};
	int rc = json_parse(&json, stored.len ? stored : a->from->submitted, &own_limits, &err);
	if (rc)
		return rc;
	if (!stored.len)
		return compose_set_taskset(a, &json, &err);
	buf_add_bytes(&a->taskset_text, stored);
	if (a->taskset_text.rc)
		return a->taskset_text.rc;
	a->has_taskset = true;
	return json_parse(&a->taskset, buf_bytes(&a->taskset_text), &own_limits, &err);
}

static int load(struct admission *a)
{
	struct sl_error err = {0};
	if (a->from->progress.len) {
		int rc = progress_decode(a->from->progress, &a->progress);
		if (rc)
			return rc;
	}
	int rc = json_parse(&a->header, a->from->header, &own_limits, &err);
	if (!rc)
		rc = load_taskset(a);
	if (rc)
		return rc;
	if (a->from->provenance.len > 2) /* without its brackets */
		buf_add(&a->provenance, (const char *)a->from->provenance.at + 1,
			a->from->provenance.len - 2);
	if (a->from->factors.len)
		buf_add_bytes(&a->factors, a->from->factors);
	else
		buf_add_str(&a->factors, "{}");
	return a->factors.rc;
}

static int make_plan(struct admission *a)
{
	a->registry = registry_take(a->driver->parts.registry);
	a->progress.generation = a->registry->generation;
	int rc = plan_build(a->registry, &a->header, a->has_taskset, a->job.kind,
			    a->driver->scratch, &a->plan);
	if (!rc)
		rc = pipeline_create(a->plan, &a->progress, &a->pipeline);
	if (!rc && !(a->step = calloc(a->plan->n + 1, sizeof(*a->step))))
		rc = SL_E_NO_MEMORY;
	for (uint32_t i = 0; !rc && i < a->plan->n; i++) {
		a->step[i].admission = a;
		a->step[i].index = i;
		buf_init(&a->step[i].body, a->driver->config.answer_max);
	}
	return rc;
}

static int create(struct driver *d, struct admit *from, struct admission **ret)
{
	struct admission *a = calloc(1, sizeof(*a));
	if (!a || arena_create(EVENT_ARENA_MAX, &a->event_arena)) {
		free(a);
		return SL_E_NO_MEMORY;
	}
	a->driver = d;
	a->serial = ++d->serial;
	a->from = from;
	a->job = from->job;
	a->node.id = from->job.id;
	a->moves = from->job.moves;
	a->state = from->job.state;
	a->body_stage = PLUGIN_STAGES;
	a->event_end = &a->event;
	a->began_ms = clock_mono_ms(d->parts.clock);
	uuid_format(from->job.id, a->id_text);
	buf_init(&a->taskset_text, OWN_BYTES_MAX);
	buf_init(&a->factors, OWN_BYTES_MAX);
	buf_init(&a->body, OWN_BYTES_MAX);
	buf_init(&a->provenance, PROVENANCE_MAX);
	*ret = a;
	return 0;
}

static void no_room(struct driver *d, struct admit *from, int rc)
{
	/* It lies in the store: it goes on at its timer or at the next start. */
	driver_log(d, LOG_ERROR, from->job.id, "cannot be admitted now", "why", sl_err_text(rc));
	if (from->counted)
		atomic_fetch_sub(&d->in_admission, 1);
	admit_free(from);
}

/* The gate that wanted to be asked again is not among those that match now. */
static bool gate_is_gone(const struct admission *a)
{
	bool waits = a->progress.waits == WAITS_GATE_NEXT || a->progress.waits == WAITS_GATE_ASK;
	if (!a->from->by_timer || !waits)
		return false;
	const struct plan_stage *gates = &a->plan->stage[PLUGIN_GATE];
	for (uint32_t i = gates->first; i < gates->first + gates->n; i++)
		if (bytes_is(a->job.plugin, a->plan->plugin[i]->key))
			return false;
	return true;
}

static void begin(struct admission *a)
{
	int rc = load(a);
	if (!rc)
		rc = make_plan(a);
	if (rc) {
		verdict_fail_words(a, a->fault ? a->fault : "internal_error",
				   a->fault ? a->fault_words : sl_err_text(rc));
		return;
	}
	if (gate_is_gone(a)) {
		verdict_gate_gone(a);
		return;
	}
	struct pl_event start = {.kind = PL_START};
	run_effects(a, pipeline_step(a->pipeline, &start));
}

bool admission_go_on_resumed(struct admission *a)
{
	struct driver *d = a->driver;
	struct admit *resumed = take_ptr(&a->resumed);
	if (!resumed)
		return false;
	admission_drop(a);
	admission_begin(d, &resumed->note);
	return true;
}

/* A resume while the job is being asked again by itself waits for the answer: what lets
 * it go on or ends it counts, and only otherwise the resume does. */
static bool leave_resume(struct admission *old, struct admit *from)
{
	if (!old->from->by_timer || old->state != JOB_SUSPENDED || old->ended)
		return false;
	admit_free(old->resumed);
	old->resumed = from;
	old->moves = from->job.moves;
	old->state = from->job.state;
	return true;
}

void admission_begin(struct driver *d, struct note *note)
{
	struct admit *from = container_of(note, struct admit, note);
	struct table_node *old = table_get(&d->admissions, from->job.id);
	admit_charge(d, from);
	if (d->closed || (old && from->by_timer)) { /* it is being asked already */
		admit_free(from);
		return;
	}
	if (old && leave_resume(container_of(old, struct admission, node), from))
		return;
	if (old)
		admission_drop(container_of(old, struct admission, node));
	struct admission *a;
	int rc = create(d, from, &a);
	if (rc) {
		no_room(d, from, rc);
		return;
	}
	if (!from->counted)
		atomic_fetch_add(&d->in_admission, 1);
	atomic_fetch_add(&d->busy, 1);
	table_put(&d->admissions, &a->node);
	begin(a);
}

uint32_t admission_used_ms(const struct admission *a)
{
	int64_t passed = clock_mono_ms(a->driver->parts.clock) - a->began_ms;
	return a->progress.used_ms + (passed > a->waited_ms ? (uint32_t)passed - a->waited_ms : 0);
}

/* Calls of a stage wait side by side. */
static void note_waited(struct admission *a, const struct ask_result *result)
{
	uint32_t ms = (uint32_t)(result->waited_us / 1000);
	if (ms <= a->stage_waited_ms)
		return;
	a->waited_ms += ms - a->stage_waited_ms;
	a->stage_waited_ms = ms;
}

/* ---- its log ---- */

void admission_event(struct admission *a, const struct event *event)
{
	struct change_event *e = arena_alloc(a->event_arena, sizeof(*e));
	if (!e)
		return; /* the log of one job has a ceiling */
	e->event = *event;
	e->event.time_ms = driver_now(a->driver);
	struct bytes *const texts[] = {&e->event.outcome, &e->event.reason, &e->event.reason_code,
				       &e->event.detail};
	for (size_t i = 0; i < countof(texts); i++)
		if (texts[i]->len && arena_copy(a->event_arena, *texts[i], texts[i]))
			*texts[i] = bytes_of("", 0);
	*a->event_end = e;
	a->event_end = &e->next;
}

void admission_flush(struct admission *a, struct change *c)
{
	scoped(buf_finip) struct buf progress = {0};
	buf_init(&progress, OWN_BYTES_MAX);
	progress_encode(&a->progress, &progress);
	change_add_doc(c, PART_PROGRESS, buf_bytes(&progress));
	if (a->taskset_dirty)
		change_add_doc(c, PART_TASKSET, buf_bytes(&a->taskset_text));
	if (a->provenance_dirty) {
		scoped(buf_finip) struct buf list = {0};
		buf_init(&list, OWN_BYTES_MAX);
		buf_addf(&list, "[%s]", buf_str(&a->provenance));
		change_add_doc(c, PART_PROVENANCE, buf_bytes(&list));
	}
	if (a->factors_dirty)
		change_add_doc(c, PART_FACTORS, buf_bytes(&a->factors));
	for (struct change_event *e = a->event; e; e = e->next)
		change_add_event(c, &e->event);
	a->event = NULL;
	a->event_end = &a->event;
	a->taskset_dirty = a->factors_dirty = a->provenance_dirty = a->dirty = false;
}

/* Progress is written behind, one change at a time: the next one takes all that came
 * up meanwhile. */
static void write_progress(struct admission *a);

static void progress_written(struct driver *d, struct change *c, int rc)
{
	struct admission *a = admission_find(d, c->id, c->owner);
	if (!a)
		return;
	a->writing = false;
	if (rc || c->flaw) { /* somebody moved the job elsewhere, or it failed */
		if (!admission_go_on_resumed(a))
			admission_drop(a);
	} else if (a->last)
		change_submit(take_ptr(&a->last));
	else if (a->dirty && !a->ended)
		write_progress(a);
}

/* Changes of one job reach the store in their order, also when one must be tried again. */
void admission_end(struct admission *a, struct change *c)
{
	a->ended = true;
	if (a->writing)
		a->last = c;
	else
		change_submit(c);
}

static void write_progress(struct admission *a)
{
	struct change *c;
	a->dirty = true;
	if (a->writing || change_create(a->driver, a->node.id, a->moves, &c))
		return;
	admission_flush(a, c);
	if (a->state == JOB_SUSPENDED) { /* an answer that lets it go on */
		c->path[c->path_n++] = JOB_PREPARING;
		c->why.code = BYTES("in_admission");
		c->why.reason = BYTES("in admission");
		a->state = JOB_PREPARING;
		a->moves++;
		a->job.asked = 0;
		a->job.unavailable_ms = 0;
	}
	c->owner = a->serial;
	c->then = progress_written;
	a->writing = true;
	change_submit(c);
}

/* ---- calls ---- */

static int make_body(struct admission *a, uint32_t stage)
{
	if (a->body_stage == stage)
		return 0;
	buf_reset(&a->body);
	buf_add_str(&a->body, "{\"factors\":");
	buf_add_bytes(&a->body, buf_bytes(&a->factors));
	buf_add_str(&a->body, ",\"header\":");
	buf_add_bytes(&a->body, a->from->header);
	buf_add_str(&a->body, ",\"job\":");
	buf_add_bytes(&a->body, stage == PLUGIN_TRANSLATOR ? a->from->submitted
							   : buf_bytes(&a->taskset_text));
	buf_add_char(&a->body, '}');
	a->body_stage = stage;
	return a->body.rc;
}

/* Stable over attempts and restarts of one call, another one for each time a gate is
 * asked anew. */
static void make_webhook_id(const struct admission *a, const struct plugin *plugin, char out[96])
{
	uint8_t hash[CRYPT_HASH_SIZE];
	crypt_hash(bytes_of("", 0), bytes_str(plugin->key), hash);
	snprintf(out, 96, "msg_%s_%02x%02x%02x%02x%02x%02x_%u", a->id_text, hash[0], hash[1],
		 hash[2], hash[3], hash[4], hash[5],
		 progress_times(&a->progress, bytes_str(plugin->key)));
}

/* A span of its own in the submitter's trace, or in one named after the job. */
static void make_traceparent(const struct admission *a, char out[56])
{
	static const char hex[] = "0123456789abcdef";
	char trace[33], span[17];
	uint8_t random[8];
	const char *from = a->job.trace.len ? (const char *)a->job.trace.at + 3 : a->id_text;
	size_t n = 0;
	for (; n < 32; from++)
		if (*from != '-')
			trace[n++] = *from;
	trace[n] = '\0';
	crypt_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		span[2 * i] = hex[random[i] >> 4];
		span[2 * i + 1] = hex[random[i] & 15];
	}
	span[16] = '\0';
	snprintf(out, 56, "00-%s-%s-%.2s", trace, span,
		 a->job.trace.len ? (const char *)a->job.trace.at + 53 : "01");
}

static void answered(void *user, ask_id id, const struct ask_result *result);

static int call(struct admission *a, uint32_t stage, struct step *step)
{
	char webhook_id[96], traceparent[56];
	uint32_t used = admission_used_ms(a), budget = a->driver->config.budget_ms;
	const struct plugin *plugin = a->plan->plugin[step->index];
	int rc = make_body(a, stage);
	if (rc)
		return rc;
	if (used >= budget)
		return SL_E_TIMEOUT;
	make_webhook_id(a, plugin, webhook_id);
	make_traceparent(a, traceparent);
	struct ask ask = {.plugin = plugin,
			  .job = a->node.id,
			  .webhook_id = webhook_id,
			  .body = buf_bytes(&a->body),
			  .budget_ms = budget - used,
			  .traceparent = traceparent};
	return caller_ask(a->driver->caller, &ask, answered, step, &step->ask);
}

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
			      .plugin = bytes_str(plugin->key),
			      .outcome = bytes_str(outcome),
			      .reason = reason,
			      .reason_code = bytes_str(step->code),
			      .detail = bad ? bytes_cut(result->body, EVENT_DETAIL_MAX)
					    : bytes_of("", 0)};
	admission_event(a, &event);
}

/* ---- answers ---- */

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
		return sl_fail(err, SL_E_TOO_BIG, "no room for the answer");
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
	snprintf(step->words, sizeof(step->words), "%s cannot be asked: %s (%u attempt%s)", key,
		 result->why ? result->why : "no answer", result->attempts,
		 result->attempts == 1 ? "" : "s");
	record_call(a, step, result, "unavailable", bytes_str(step->words), false);
	return (struct pl_event){.kind = PL_UNAVAILABLE, .step = step->index};
}

static struct pl_event illegal(struct admission *a, struct step *step,
			       const struct ask_result *result, int rc, const char *why)
{
	const char *key = a->plan->plugin[step->index]->key;
	step->answered = false;
	step->code = rc == SL_E_CONFLICT ? "increment_violation" : "plugin_bad_answer";
	snprintf(step->words, sizeof(step->words), "%s: %s", key, why);
	record_call(a, step, result, "illegal", bytes_str(step->words), true);
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
	return (struct pl_event){
		.kind = PL_ANSWER, .step = step->index, .decision = step->gate.decision};
}

/* Whatever the plugins' policies are. */
static void spent_budget(struct admission *a)
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
	run_effects(a, pipeline_step(a->pipeline, &abort));
}

static bool is_spent(const struct admission *a, const struct step *step)
{
	return admission_used_ms(a) >= a->driver->config.budget_ms &&
	       a->plan->plugin[step->index]->policy != FAILURE_IGNORE;
}

static void answered(void *user, ask_id id SL_UNUSED, const struct ask_result *result)
{
	struct step *step = user;
	struct admission *a = step->admission;
	struct sl_error err = {0};
	struct pl_event event;
	step->ask = 0;
	if (a->ended)
		return;
	note_waited(a, result);
	step->used_ms += (uint32_t)(result->took_us / 1000);
	int rc = result->answered ? read_answer(a, step, result, &err) : 0;
	if (!result->answered)
		event = unavailable(a, step, result);
	else if (rc)
		event = illegal(a, step, result, rc, err.text);
	else
		event = legal(a, step, result);
	if (event.kind == PL_UNAVAILABLE && is_spent(a, step))
		spent_budget(a);
	else
		run_effects(a, pipeline_step(a->pipeline, &event));
}

/* ---- effects ---- */

static void note_progress(struct admission *a, const struct pl_fx *fx)
{
	a->resumed = admit_free(a->resumed); /* it goes on: nobody has to help */
	a->progress.stage = (uint8_t)fx->stage;
	a->stage_waited_ms = 0;
	if (fx->step != PL_NO_STEP &&
	    progress_add_gate(&a->progress, bytes_str(a->plan->plugin[fx->step]->key)))
		driver_log(a->driver, LOG_WARN, a->node.id, "too many gates to remember", NULL,
			   NULL);
	write_progress(a);
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
	admission_event(a, &event);
}

/* Returns false when the admission came to its end. */
static bool run_effect(struct admission *a, const struct pl_fx *fx)
{
	struct step *step = fx->step == PL_NO_STEP ? NULL : &a->step[fx->step];
	int rc;
	switch (fx->kind) {
	case FX_CALL:
		rc = call(a, fx->stage, step);
		if (rc == SL_E_TIMEOUT)
			spent_budget(a);
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

static void run_effects(struct admission *a, struct pl_out out)
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
			out = pipeline_step(a->pipeline, &event);
			more = true;
			break;
		}
	}
}
