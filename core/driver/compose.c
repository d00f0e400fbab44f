/* A stage's answers put together: the next form of the TaskSet, or the factors. */
#include "core/driver/admission.h"
#include "core/increment/tell.h"

#include <stdio.h>
#include <stdlib.h>

enum { BYTES_MAX = 64 << 20, DEPTH_MAX = JSON_DEPTH_MAX, TOLD_MAX = 1 << 20 };

static const struct json_limits limits = {BYTES_MAX, DEPTH_MAX};

static int fault(struct admission *a, const char *code, struct bytes plugin, const char *words)
{
	a->fault = code;
	a->fault_plugin = plugin;
	snprintf(a->fault_words, sizeof(a->fault_words), "%s", words);
	return SL_E_INVALID;
}

/* What memory was short for is nobody's fault but ours. */
static int fault_of(struct admission *a, int rc, const char *code, const char *words)
{
	bool memory = rc == SL_E_NO_MEMORY;
	return fault(a, memory ? "internal_error" : code, bytes_of("", 0),
		     memory || !*words ? sl_err_text(rc) : words);
}

/* ---- the TaskSet as it stands ---- */

/* Take over `text` (moved) as the present TaskSet. */
static int adopt(struct admission *a, struct buf *text, struct sl_error *err)
{
	int rc = text->rc;
	if (rc)
		return sl_fail(err, (enum sl_err)rc, "the TaskSet is too large");
	buf_fini(&a->taskset_text);
	a->taskset_text = *text;
	*text = (struct buf){0};
	a->has_taskset = a->taskset_dirty = a->body_old = true;
	return json_parse(&a->taskset, buf_bytes(&a->taskset_text), &limits, err);
}

/* Likewise, and remember how it was before the stage. */
static int adopt_changed(struct admission *a, const struct plan_stage *stage, struct buf *text,
			 struct sl_error *err)
{
	scoped(buf_finip) SL_UNUSED struct buf text_before = a->taskset_text;
	scoped(json_finip) struct json before = a->taskset;
	a->taskset_text = (struct buf){0};
	a->taskset = (struct json){0};
	int rc = adopt(a, text, err);
	if (!rc)
		journal_changed(a, (uint32_t)(stage - a->plan->stage), &before);
	return rc;
}

int compose_set_taskset(struct admission *a, const struct json *json, struct sl_error *err)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, BYTES_MAX);
	int rc = taskset_fill(json, 0, &text, err);
	if (!rc)
		rc = adopt(a, &text, err);
	if (rc)
		fault_of(a, rc, "invalid_taskset", err->text);
	return rc;
}

/* ---- stages ---- */

static struct bytes key_of(const struct admission *a, const struct step *step)
{
	return bytes_str(a->plan->plugin[step->index]->key);
}

/* ---- who added what ---- */

struct telling {
	struct admission *a;
	const struct merge_part *part;
};

static void note_addition(struct admission *a, struct bytes pointer, struct bytes plugin)
{
	struct buf *to = &a->provenance;
	size_t before = to->len;
	buf_add_str(to, before ? ",{\"path\":" : "{\"path\":");
	json_quote(to, pointer);
	buf_add_str(to, ",\"plugin\":");
	json_quote(to, plugin);
	buf_add_char(to, '}');
	if (to->rc) { /* it is for reading only: what does not fit is left out whole */
		to->len = before;
		to->rc = 0;
	}
	a->provenance_dirty = true;
}

static void tell_added(void *user, struct bytes pointer, size_t part)
{
	struct telling *t = user;
	note_addition(t->a, pointer, t->part[part].plugin);
}

static int compose_translation(struct admission *a, struct step *step)
{
	struct sl_error err = {0};
	char words[sizeof(a->fault_words)];
	int rc = compose_set_taskset(a, &step->answer, &err);
	if (!rc)
		note_addition(a, bytes_of("", 0), key_of(a, step));
	if (!rc || rc == SL_E_NO_MEMORY)
		return rc;
	snprintf(words, sizeof(words), "what %s answered is no valid TaskSet: %s",
		 a->plan->plugin[step->index]->key, err.text);
	return fault(a, "invalid_taskset", key_of(a, step), words);
}

static int compose_factors(struct admission *a, const struct plan_stage *stage)
{
	scoped(buf_finip) struct buf text = {0};
	const struct json **answer = calloc(stage->n ? stage->n : 1, sizeof(*answer));
	if (!answer)
		return fault(a, "internal_error", bytes_of("", 0), sl_err_text(SL_E_NO_MEMORY));
	for (uint32_t i = 0; i < stage->n; i++) {
		struct step *step = &a->step[stage->first + i];
		answer[i] = step->answered ? &step->answer : NULL;
	}
	buf_init(&text, BYTES_MAX);
	int rc = factors_compose(answer, stage->n, &text);
	free(answer);
	if (rc)
		return fault_of(a, rc, "plugin_bad_answer", "the factors are too large");
	if (!bytes_eq(buf_bytes(&text), buf_bytes(&a->factors)))
		journal_outdated(a, PLUGIN_FACTOR);
	buf_fini(&a->factors);
	a->factors = text;
	text = (struct buf){0};
	a->factors_dirty = a->body_old = true;
	return 0;
}

static size_t collect(struct admission *a, const struct plan_stage *stage, struct merge_part *part)
{
	size_t n = 0;
	for (uint32_t i = 0; i < stage->n; i++) {
		struct step *step = &a->step[stage->first + i];
		if (step->answered)
			part[n++] = (struct merge_part){key_of(a, step), &step->increment};
	}
	return n;
}

static int compose_additions(struct admission *a, const struct plan_stage *stage)
{
	struct sl_error err = {0};
	scoped(buf_finip) struct buf text = {0};
	struct merge_part *part = calloc(stage->n + 1, sizeof(*part));
	if (!part)
		return fault(a, "internal_error", bytes_of("", 0), sl_err_text(SL_E_NO_MEMORY));
	size_t n = collect(a, stage, part);
	buf_init(&text, BYTES_MAX);
	struct telling telling = {a, part};
	struct merge_provenance told = {tell_added, &telling};
	int rc = n ? merge_increments(&a->taskset, part, n, &text, &told, &err) : 0;
	free(part);
	for (uint32_t i = 0; i < stage->n; i++) /* they look into the TaskSet that goes */
		increment_fini(&a->step[stage->first + i].increment);
	if (n && !rc)
		rc = adopt_changed(a, stage, &text, &err);
	if (rc == SL_E_CONFLICT)
		meter_conflict(observe_meter(a));
	return rc ? fault_of(a, rc, rc == SL_E_CONFLICT ? "decorator_conflict" : "invalid_taskset",
			     err.text)
		  : 0;
}

int compose_stage(struct admission *a, uint32_t stage)
{
	const struct plan_stage *s = &a->plan->stage[stage];
	a->fault = NULL;
	switch ((enum plugin_type)stage) {
	case PLUGIN_TRANSLATOR:
		return compose_translation(a, &a->step[s->first]);
	case PLUGIN_FACTOR:
		return compose_factors(a, s);
	case PLUGIN_DECORATOR:
	case PLUGIN_BINDER:
		return compose_additions(a, s);
	default:
		return 0;
	}
}

int compose_check(struct admission *a, struct step *step, struct sl_error *err)
{
	const struct plugin *plugin = a->plan->plugin[step->index];
	struct increment_options options = {
		.rules = a->driver->rules,
		.stage = plugin->type == PLUGIN_BINDER ? INCREMENT_BINDER : INCREMENT_DECORATOR,
		.typed = plugin->typed};
	return json_type(&step->answer, 0) != JSON_OBJECT
		       ? sl_fail(err, SL_E_INVALID, "the answer must be an object, not %s",
				 json_type_name(json_type(&step->answer, 0)))
		       : increment_check(&a->taskset, &step->answer, &options, &step->increment,
					 NULL, err);
}

/* ---- words for the job's log ---- */

int compose_refusal(const struct ask_result *result, struct sl_error *err)
{
	scoped(buf_finip) struct buf words = {0};
	buf_init(&words, TOLD_MAX);
	tell_refusal(result->body, &words);
	return sl_fail(err, SL_E_INVALID, "it answered with status %u, not 200%s%s", result->status,
		       words.len ? ": " : "", buf_str(&words));
}

void compose_tell(const struct admission *a, const struct step *step, struct buf *to)
{
	buf_init(to, TOLD_MAX);
	switch (a->plan->plugin[step->index]->type) {
	case PLUGIN_TRANSLATOR:
		tell_roles(&step->answer, to);
		break;
	case PLUGIN_FACTOR:
		if (step->answered)
			tell_factors(&step->answer, to);
		else
			buf_add_str(to, "no advice");
		break;
	case PLUGIN_DECORATOR:
	case PLUGIN_BINDER:
		tell_additions(&step->increment, to);
		break;
	default:
		break;
	}
}
