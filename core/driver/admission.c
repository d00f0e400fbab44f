/* One job in admission, from its documents to the first effect. */
#include "core/driver/admission.h"
#include "core/base/crash.h"
#include "core/driver/line.h"
#include "core/driver/run.h"
#include "core/preview.h"

#include <stdlib.h>

enum { PROVENANCE_MAX = 1 << 20, EVENT_ARENA_MAX = 4 << 20, DOC_DEPTH_MAX = JSON_DEPTH_MAX };

static const struct json_limits own_limits = {OWN_BYTES_MAX, DOC_DEPTH_MAX};

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
	if (a->line)
		line_out(a->line, -1);
	behind_remove(&a->behind);
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
	for (int i = 0; i < PLUGIN_STAGES; i++)
		buf_fini(&a->given[i].patch);
	arena_free(a->event_arena);
	admit_free(a->from);
	admit_drop(a->driver, a->resumed);
	change_free(a->last);
	run_free(a->run);
	preview_dropped(a->preview);
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

/* A move that was on its way may not be in the store: then the job is where it was. */
void admission_lose(struct admission *a)
{
	intake_again(a->driver, a->state);
	if (a->state != a->from->job.state)
		intake_again(a->driver, a->from->job.state);
	admission_drop(a);
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
	return a->factors.rc ? a->factors.rc : a->provenance.rc;
}

static int make_plan(struct admission *a)
{
	a->registry = a->preview ? registry_share(preview_registry(a->preview))
				 : registry_take(a->driver->parts.registry);
	a->progress.generation = a->registry->generation;
	int64_t from_us = clock_mono_us(a->driver->parts.clock);
	int rc = plan_build(a->registry, &a->header, a->has_taskset, a->job.kind,
			    a->driver->scratch, &a->plan);
	meter_selector(observe_meter(a),
		       (uint64_t)(clock_mono_us(a->driver->parts.clock) - from_us));
	if (!rc && a->preview)
		rc = preview_prune(a->preview, a->plan);
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
	a->turn = from->turn || from->recovered;
	a->parked_ms = from->turn ? from->job.parked_ms : from->recovered ? from->job.since_ms : 0;
	if ((a->line = from->line))
		line_out(a->line, 1);
	a->body_stage = PLUGIN_STAGES;
	a->event_end = &a->event;
	behind_init(&a->behind);
	a->began_ms = clock_mono_ms(d->parts.clock);
	uuid_format(from->job.id, a->id_text);
	observe_begin(a);
	buf_init(&a->taskset_text, OWN_BYTES_MAX);
	buf_init(&a->factors, OWN_BYTES_MAX);
	buf_init(&a->body, OWN_BYTES_MAX);
	buf_init(&a->provenance, PROVENANCE_MAX);
	*ret = a;
	return 0;
}

static void no_room(struct driver *d, struct admit *from, int rc)
{
	/* It lies in the store: it goes on at its timer, or is taken in again. */
	driver_log(d, LOG_ERROR, from->job.id, "cannot be admitted now", "why", sl_err_text(rc));
	intake_again(d, from->job.state);
	admit_drop(d, from);
}

static bool is_planned(const struct admission *a, struct bytes gate)
{
	const struct plan_stage *gates = &a->plan->stage[PLUGIN_GATE];
	for (uint32_t i = gates->first; i < gates->first + gates->n; i++)
		if (bytes_is(gate, a->plan->plugin[i]->key))
			return true;
	return false;
}

/* The gate that suspended the job is to be asked again and not among those that match now:
 * also when meanwhile it could not be asked, or another one could not. Only a person who
 * does not want it asked may let the job go in its place. */
static bool gate_is_gone(struct admission *a)
{
	struct bytes holder = progress_holder(&a->progress);
	if (a->progress.stage > PLUGIN_GATE || !holder.len || is_planned(a, holder))
		return false;
	if (a->from->by_timer || a->progress.waits == WAITS_RECHECK)
		return true;
	if (progress_add_gate(&a->progress, holder))
		driver_log(a->driver, LOG_WARN, a->node.id, "too many gates to remember", NULL,
			   NULL);
	return false;
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
	crash_at(CRASH_ADMISSION_BEGUN);
	struct pl_event start = {.kind = PL_START};
	effects_run(a, pipeline_step(a->pipeline, &start));
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

/* The answer has come that lets it go on, and its move is on its way to the store; the
 * resume's move was there first. Both lead to the same place, and the answer further. */
static bool is_overtaken(const struct admission *old, const struct admit *from)
{
	return old->from->by_timer && old->writing && old->state == JOB_PREPARING &&
	       from->job.moves == old->moves;
}

/* A resume while the job is being asked again by itself waits for the answer: what lets
 * it go on or ends it counts, and only otherwise the resume does. */
static bool leave_resume(struct admission *old, struct admit *from)
{
	if (is_overtaken(old, from)) {
		old->overtaken = true;
		admit_drop(old->driver, from);
		return true;
	}
	if (!old->from->by_timer || old->state != JOB_SUSPENDED)
		return false;
	admit_drop(old->driver, old->resumed);
	old->resumed = from;
	if (old->ended) /* its last change is on its way, and learns of this one there */
		return true;
	old->moves = from->job.moves;
	old->state = from->job.state;
	return true;
}

/* What was let go for a plugin has asked it at once, or else (it does not match any more,
 * another one comes before it) it has no turn. */
static void lose_turn(struct admission *a)
{
	if (!a)
		return;
	a->turn = false;
	if (a->line && !a->line_asked)
		line_out(take_ptr(&a->line), -1);
}

static void enter(struct admission *a)
{
	if (!a->from->counted)
		atomic_fetch_add(&a->driver->in_admission, 1);
	atomic_fetch_add(&a->driver->busy, 1);
	table_put(&a->driver->admissions, &a->node);
	struct driver *d = a->driver;
	uint64_t serial = a->serial;
	struct uuid id = a->node.id;
	begin(a);
	lose_turn(admission_find(d, id, serial));
}

int admission_begin_preview(struct driver *d, struct admit *from, struct previewing *preview,
			    struct admission **ret)
{
	struct admission *a;
	int rc = create(d, from, &a);
	if (rc)
		return rc;
	admit_charge(d, from);
	a->preview = preview;
	a->node.id = preview_id(d);
	uuid_format(a->node.id, a->id_text);
	*ret = a; /* it may be at its end already when this returns */
	enter(a);
	return 0;
}

/* What is asked for is at work already, or further. */
static bool is_there(const struct admission *old, const struct admit *from)
{
	return old && (from->by_timer || (from->fed && from->job.moves <= old->moves));
}

void admission_begin(struct driver *d, struct note *note)
{
	struct admit *from = container_of(note, struct admit, note);
	struct table_node *node = table_get(&d->admissions, from->job.id);
	struct admission *a, *old = node ? container_of(node, struct admission, node) : NULL;
	admit_charge(d, from);
	if (d->closed || is_there(old, from)) {
		admit_drop(d, from);
		return;
	}
	if (old && leave_resume(old, from))
		return;
	if (old)
		admission_drop(old);
	int rc = create(d, from, &a);
	if (rc) {
		no_room(d, from, rc);
		return;
	}
	enter(a);
}

void admission_let_go(struct driver *d, struct uuid job)
{
	struct table_node *node = table_get(&d->admissions, job);
	if (node)
		admission_drop(container_of(node, struct admission, node));
}

void admission_waited(struct admission *a, uint32_t ms)
{
	if (ms <= a->stage_waited_ms)
		return;
	a->waited_ms += ms - a->stage_waited_ms;
	a->stage_waited_ms = ms;
}

uint32_t admission_used_ms(const struct admission *a)
{
	int64_t passed = clock_mono_ms(a->driver->parts.clock) - a->began_ms;
	return a->progress.used_ms + (passed > a->waited_ms ? (uint32_t)passed - a->waited_ms : 0);
}
