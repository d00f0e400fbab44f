/* How an admission ends: the last change of a job in admission. What follows from it
 * (leaving memory, starting the TaskSet) waits until it is on disk. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/driver/line.h"
#include "core/driver/run.h"

#include <stdio.h>

/* A resume was written first. It takes the place of all but an end. */
static void end_behind_resume(struct admission *a, struct change *c, int rc)
{
	if (rc != SL_E_CONFLICT || !c->path_n || !job_final(c->path[0])) {
		admission_go_on_resumed(a);
		return;
	}
	c->moves = a->resumed->job.moves;
	c->again = true;
	a->resumed = admit_drop(a->driver, a->resumed);
}

static void ended(struct driver *d, struct change *c, int rc)
{
	struct admission *a = admission_find(d, c->id, c->owner);
	if (!a)
		return;
	if (rc && a->resumed) {
		end_behind_resume(a, c, rc);
		return;
	}
	crash_at(CRASH_VERDICT_WRITTEN);
	if (rc == 0 && c->engine.len)
		crash_at(CRASH_HAND_OVER_WRITTEN);
	if (rc) {
		admission_lose(a);
		return;
	}
	if (a->run && !d->closed)
		run_enter(take_ptr(&a->run), c);
	else if (c->engine.len) /* handed over, and there was no memory to go on at once */
		intake_again(d, JOB_WAITING);
	admission_drop(a);
}

/* The last change, with everything not yet written; NULL when there is no memory: then
 * the job stays as it is in the store, and is taken in again. */
static struct change *last_change(struct admission *a, const char *code, struct bytes reason,
				  const char *plugin)
{
	struct change *c;
	if (change_create(a->driver, a->node.id, a->moves, &c)) {
		driver_log(a->driver, LOG_ERROR, a->node.id, "out of memory", NULL, NULL);
		admission_lose(a);
		return NULL;
	}
	journal_flush(a, c);
	c->owner = a->serial;
	c->then = ended;
	c->why.code = change_str(c, code);
	c->why.reason = change_copy(c, bytes_cut(reason, JOB_REASON_MAX));
	c->why.plugin = change_str(c, plugin);
	return c;
}

static void move_to(struct change *c, const struct admission *a, enum job_state to)
{
	if (a->state == JOB_SUSPENDED && to == JOB_SUSPENDED)
		c->stay = true;
	else
		change_add_move(c, to);
}

static const char *step_key(const struct admission *a, const struct step *step)
{
	return a->plan->plugin[step->index]->key;
}

static const char *gate_code(const struct step *step, const char *otherwise, char out[64])
{
	struct bytes own = step->gate.reason_code;
	if (!own.len)
		return otherwise;
	snprintf(out, 64, "%.*s", BYTES_FMT(own));
	return out;
}

/* ---- gates ---- */

static int64_t with_jitter(int64_t ms, unsigned percent)
{
	uint32_t span = (uint32_t)(ms * percent / 100);
	return ms + (span ? crypt_random_below(span) : 0);
}

void verdict_suspend(struct admission *a, struct step *step)
{
	char code[64];
	int64_t now = driver_now(a->driver);
	if (admission_go_on_resumed(a))
		return;
	a->progress.waits = step->gate.ask_on_resume ? WAITS_GATE_ASK : WAITS_GATE_NEXT;
	a->progress.stage = PLUGIN_GATE;
	progress_count(&a->progress, bytes_str(step_key(a, step)));
	if (a->state != JOB_SUSPENDED) /* a gate may be asked again as often as it likes */
		a->progress.used_ms = admission_used_ms(a);
	struct change *c = last_change(a, gate_code(step, "gate_suspended", code),
				       step->gate.reason, step_key(a, step));
	if (!c)
		return;
	move_to(c, a, JOB_SUSPENDED);
	c->expires_ms = step->gate.expires_ms;
	if (step->gate.retry_after_s) {
		c->next = NEXT_ASK;
		c->next_ms = now + with_jitter((int64_t)step->gate.retry_after_s * 1000, 10);
	}
	if (c->expires_ms && (!c->next_ms || c->expires_ms <= c->next_ms)) {
		c->next = NEXT_EXPIRE;
		c->next_ms = c->expires_ms;
	}
	crash_at(CRASH_SUSPEND_DECIDED);
	journal_end(a, c);
}

void verdict_gate_gone(struct admission *a)
{
	char plugin[300], words[500];
	struct bytes holder = progress_holder(&a->progress);
	snprintf(plugin, sizeof(plugin), "%.*s", BYTES_FMT(holder));
	snprintf(words, sizeof(words),
		 "%s was to be asked again, but it is off or gone; turn it on and resume the job "
		 "with recheck, or resume it to go on without it",
		 plugin);
	if (a->progress.waits != WAITS_GATE_ASK)
		a->progress.waits = WAITS_GATE_NEXT;
	struct change *c = last_change(a, "gate_gone", bytes_str(words), plugin);
	if (!c)
		return;
	move_to(c, a, JOB_SUSPENDED);
	c->expires_ms = a->job.expires_ms;
	c->next = c->expires_ms ? NEXT_EXPIRE : NEXT_NOTHING;
	c->next_ms = c->expires_ms;
	journal_end(a, c);
}

void verdict_stop(struct admission *a, struct step *step)
{
	char code[64];
	struct change *c = last_change(a, gate_code(step, "gate_stopped", code), step->gate.reason,
				       step_key(a, step));
	if (!c)
		return;
	move_to(c, a, JOB_STOPPED);
	journal_end(a, c);
}

/* ---- plugins that cannot be asked ---- */

static int64_t pause_ms(const struct admission *a)
{
	const struct driver_config *config = &a->driver->config;
	uint64_t pause = config->wait_first_ms;
	for (uint32_t i = 0; i < a->job.asked && pause < config->wait_most_ms; i++)
		pause *= 2;
	if (pause > config->wait_most_ms)
		pause = config->wait_most_ms;
	return with_jitter((int64_t)pause, 20);
}

static int64_t next_question_ms(const struct admission *a, int64_t now)
{
	int64_t since = a->job.unavailable_ms ? a->job.unavailable_ms : now;
	int64_t last = since + a->driver->config.wait_for_ms, next = now + pause_ms(a);
	return next < last ? next : last;
}

/* What a gate has set goes on while the job is asked about again. */
static void keep_expiry(const struct admission *a, struct change *c)
{
	if (a->state != JOB_SUSPENDED || !a->job.expires_ms)
		return;
	c->expires_ms = a->job.expires_ms;
	if (c->expires_ms <= c->next_ms) {
		c->next = NEXT_EXPIRE;
		c->next_ms = c->expires_ms;
	}
}

void verdict_wait(struct admission *a, struct step *step)
{
	int64_t now = driver_now(a->driver);
	if (admission_go_on_resumed(a))
		return;
	if (a->job.unavailable_ms && now - a->job.unavailable_ms >= a->driver->config.wait_for_ms) {
		step->code = "plugin_unavailable";
		verdict_fail(a, step, NULL);
		return;
	}
	a->progress.waits = WAITS_PLUGIN;
	struct change *c =
		last_change(a, "plugin_unavailable", bytes_str(step->words), step_key(a, step));
	if (!c)
		return;
	move_to(c, a, JOB_SUSPENDED);
	c->vain = true;
	c->next = NEXT_ASK;
	c->next_ms = next_question_ms(a, now);
	keep_expiry(a, c);
	if (!a->preview)
		line_wait(a->driver, step_key(a, step));
	journal_end(a, c);
}

/* ---- plugins without a place ---- */

/* A job that is asked about again stays suspended, for the reason that it had. */
static void stay_suspended(struct admission *a, struct change *c, int64_t now)
{
	c->why.code = change_copy(c, a->job.reason_code);
	c->why.reason = change_copy(c, a->job.reason);
	c->why.plugin = change_copy(c, a->job.plugin);
	c->unasked = true;
	c->next = c->parked_ms ? NEXT_LEASE : NEXT_ASK;
	c->next_ms = c->parked_ms ? now + DUE_LEASE_MS : now + pause_ms(a);
	c->expires_ms = a->job.expires_ms;
	keep_expiry(a, c);
}

/* A plugin that is not the one a suspended job waits for has no line that it could join: it
 * tries again soon. */
static struct line *join_line(const struct admission *a, const char *key)
{
	bool may = a->state == JOB_PREPARING || bytes_is(a->job.plugin, key);
	return may ? line_park(a->driver, key) : NULL;
}

static void cancel_asks(struct admission *a)
{
	for (uint32_t i = 0; i < a->plan->n; i++) {
		caller_cancel(a->driver->caller, a->step[i].ask);
		a->step[i].ask = 0;
	}
}

void verdict_park(struct admission *a, struct step *step)
{
	struct driver *d = a->driver;
	int64_t now = driver_now(d);
	const char *key = step_key(a, step);
	uint32_t waited = caller_waited_ms(d->caller, step->ask);
	char words[500];
	if (admission_go_on_resumed(a))
		return;
	struct line *line = join_line(a, key);
	if (!line && a->state == JOB_PREPARING)
		return; /* no memory for a line: it waits where it is */
	cancel_asks(a);
	admission_waited(a, waited);
	if (a->state == JOB_PREPARING)
		a->progress.used_ms = admission_used_ms(a);
	snprintf(words, sizeof(words),
		 "waits for a place at %s: %u calls at once are allowed (maxInFlight)", key,
		 a->plan->plugin[step->index]->in_flight_max);
	struct change *c = last_change(a, "in_admission", bytes_str(words), key);
	if (!c) {
		line_parked(d, line);
		return;
	}
	c->stay = true;
	c->line = line;
	if (line)
		c->parked_ms = a->parked_ms ? a->parked_ms : now - waited;
	if (a->state == JOB_SUSPENDED)
		stay_suspended(a, c, now);
	journal_end(a, c);
}

/* ---- failures ---- */

static void fail(struct admission *a, const char *code, const char *words, const char *plugin)
{
	struct change *c = last_change(a, code, bytes_str(words), plugin);
	if (!c)
		return;
	move_to(c, a, JOB_FAILED);
	journal_end(a, c);
}

void verdict_fail_words(struct admission *a, const char *code, const char *words)
{
	fail(a, code, words, "");
}

void verdict_fail(struct admission *a, struct step *step, const struct plan_stage *stage)
{
	char plugin[256];
	if (step) {
		fail(a, step->code, step->words, step_key(a, step));
	} else if (a->fault) {
		snprintf(plugin, sizeof(plugin), "%.*s", BYTES_FMT(a->fault_plugin));
		fail(a, a->fault, a->fault_words, plugin);
	} else {
		fail(a, stage->fault, stage->words, stage->fault_plugin);
	}
}

/* ---- to the engine ---- */

/* What memory was short for is not the TaskSet's fault. */
static void fail_for(struct admission *a, int rc, const char *code, const struct sl_error *err)
{
	bool memory = rc == SL_E_NO_MEMORY;
	verdict_fail_words(a, memory ? "internal_error" : code,
			   memory || !err->code ? sl_err_text(rc) : err->text);
}

static struct engine *find_engine(struct admission *a, const struct taskset *set)
{
	char words[300] = "";
	struct engine *engine = driver_engine(a->driver, set->engine);
	if (engine)
		return engine;
	size_t used = (size_t)snprintf(words, sizeof(words), "no engine named %.*s; configured:",
				       BYTES_FMT(bytes_cut(set->engine, 100)));
	for (int i = 0; i < DRIVER_ENGINES_MAX && a->driver->engine[i]; i++)
		used += (size_t)snprintf(words + used, sizeof(words) - used, " %s",
					 a->driver->engine[i]->ops->name);
	verdict_fail_words(a, "engine_unknown", words);
	return NULL;
}

static bool gang_fits(struct admission *a, const struct taskset *set, struct engine *engine)
{
	struct gang_room room scoped(gang_room_finip) = {0};
	char words[400];
	if (set->gang != GANG_TOGETHER)
		return true;
	if (gang_room_of(engine, &a->taskset, set, &room)) {
		verdict_fail_words(a, "internal_error", "out of memory");
		return false;
	}
	struct gang_need need = gang_needs(set, &room);
	if (need.units <= room.most)
		return true;
	snprintf(words, sizeof(words),
		 "spec.gang: the %u replicas%s%.*s that are to start together need room for %llu, "
		 "but the engine %s never holds more than %u; without gang: true they start one by "
		 "one",
		 need.replicas, need.role.len ? " of role " : "", BYTES_FMT(need.role),
		 (unsigned long long)need.units, engine->ops->name, room.most);
	verdict_fail_words(a, "engine_refused", words);
	return false;
}

static bool engine_takes(struct admission *a, const struct taskset *set, struct engine *engine)
{
	struct sl_error err = {0};
	int rc = engine->ops->check(engine, buf_bytes(&a->taskset_text), &err);
	if (rc) {
		fail_for(a, rc, "engine_refused", &err);
		return false;
	}
	return gang_fits(a, set, engine);
}

/* Its first replicas are stored with the hand-over, so that they start as soon as that is on
 * disk. The TaskSet is the run's from now on. */
static void prepare_run(struct admission *a, struct taskset *set, struct change *c)
{
	scoped(run_set_finip) struct run_set from = {a->taskset_text, a->taskset, set};
	struct job job = a->job;
	job.moves = a->moves + (uint32_t)c->path_n;
	job.state = JOB_WAITING;
	job.engine = c->engine;
	a->taskset_text = (struct buf){0};
	a->taskset = (struct json){0};
	int rc = c->flaw ? 0 : run_prepare(a->driver, &job, &from, c, &a->run);
	if (rc)
		driver_log(a->driver, LOG_ERROR, a->node.id, "cannot be run now; trying again",
			   "why", sl_err_text(rc));
}

void verdict_hand_over(struct admission *a)
{
	scoped(taskset_freep) struct taskset *set = NULL;
	struct sl_error err = {0};
	int rc = taskset_read(&a->taskset, 0, &set, &err);
	if (rc) {
		fail_for(a, rc, "invalid_taskset", &err);
		return;
	}
	struct engine *engine = find_engine(a, set);
	if (!engine || !engine_takes(a, set, engine))
		return;
	a->progress.stage = PLUGIN_STAGES;
	struct change *c = last_change(a, "waiting_for_slot", BYTES("handed to its engine"), "");
	if (!c)
		return;
	c->engine = change_str(c, engine->ops->name);
	if (a->state == JOB_SUSPENDED)
		change_add_move(c, JOB_PREPARING);
	change_add_move(c, JOB_WAITING);
	if (!a->preview)
		prepare_run(a, take_ptr(&set), c);
	crash_at(CRASH_HAND_OVER_DECIDED);
	journal_end(a, c);
}
