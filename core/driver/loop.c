#include "core/driver/admission.h"
#include "core/driver/line.h"
#include "core/driver/run.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

enum { BUCKETS = 16384, LINE_BUCKETS = 1024, TURN_MOST_MS = 1000, IDLE_MS = 3000 };

/* ---- small services for the other parts ---- */

int64_t driver_now(const struct driver *d) { return clock_wall_ms(d->parts.clock); }

/* The box takes what follows from accepted work even beyond its size; it is closed only
 * when the loop has ended, and then nothing can be lost that is not in the store. */
void driver_post(struct driver *d, struct note *note)
{
	int rc = mailbox_post_always(d->box, &note->letter);
	assert(rc == 0);
}

void driver_set_timer(struct driver *d, int64_t at_ms)
{
	if (!d->timer_ms || at_ms < d->timer_ms)
		d->timer_ms = at_ms;
}

void driver_log(struct driver *d, enum log_level level, struct uuid job, const char *msg,
		const char *key, const char *value)
{
	char id[UUID_TEXT_SIZE];
	if (key)
		log_line(d->parts.log, level, "driver", msg, "job", uuid_format(job, id), key,
			 value, NULL);
	else
		log_line(d->parts.log, level, "driver", msg, "job", uuid_format(job, id), NULL);
}

void driver_set_aside(struct driver *d, struct uuid job)
{
	atomic_fetch_add(&d->set_aside, 1);
	driver_log(d, LOG_ERROR, job,
		   "what is stored of a job cannot be read: it is set aside and stays as it is",
		   NULL, NULL);
}

size_t driver_unreadable(const struct driver *d) { return atomic_load(&d->set_aside); }

int driver_enter(struct driver *d, struct sl_error *err)
{
	size_t most = atomic_load(&d->in_admission_max);
	if (atomic_fetch_add(&d->in_admission, 1) < most)
		return 0;
	atomic_fetch_sub(&d->in_admission, 1);
	return sl_fail(err, SL_E_BUSY, "%zu jobs are in admission already; try again soon", most);
}

bool driver_is_heavy(const struct driver *d)
{
	size_t most = d->config.documents_max;
	return most && atomic_load(&d->documents) >= most;
}

struct engine *driver_engine(const struct driver *d, struct bytes name)
{
	for (int i = 0; i < DRIVER_ENGINES_MAX && d->engine[i]; i++)
		if (bytes_is(name.len ? name : bytes_str(d->config.engine_default),
			     d->engine[i]->ops->name))
			return d->engine[i];
	return NULL;
}

int driver_add_engine(struct driver *d, struct engine *engine)
{
	for (int i = 0; i < DRIVER_ENGINES_MAX; i++)
		if (!d->engine[i]) {
			d->engine[i] = engine;
			return 0;
		}
	return SL_E_BUSY;
}

bool driver_place(const struct driver *d, const struct job *job, struct engine_place *ret)
{
	struct engine *e = job->engine.len ? driver_engine(d, job->engine) : NULL;
	return e && e->ops->place(e, &job->id, ret);
}

/* ---- reports of engines ---- */

struct report_note {
	struct note note;
	struct engine_report report;
};

static void handle_report(struct driver *d, struct note *note)
{
	struct report_note *n = container_of(note, struct report_note, note);
	if (n->report.change == JOB_ERASED)
		erase_report(d, &n->report);
	else
		run_report(d, &n->report);
	free(n);
}

void driver_report(void *user, const struct engine_report *report)
{
	struct driver *d = user;
	struct report_note *n = malloc(sizeof(*n));
	if (!n) {
		driver_log(d, LOG_ERROR, report->name.job, "out of memory: a report is lost", NULL,
			   NULL);
		atomic_store(&d->report_lost, true);
		driver_wake(d);
		return;
	}
	n->note.handle = handle_report;
	n->report = *report;
	driver_post(d, &n->note);
}

/* ---- settings ---- */

struct settings_note {
	struct note note;
	struct driver_settings settings;
};

static void handle_settings(struct driver *d, struct note *note)
{
	struct settings_note *n = container_of(note, struct settings_note, note);
	d->config.budget_ms = n->settings.budget_ms;
	__atomic_store_n(&d->config.wait_for_ms, n->settings.wait_for_ms, __ATOMIC_RELAXED);
	free(n);
}

uint32_t driver_wait_for_ms(const struct driver *d)
{
	return __atomic_load_n(&d->config.wait_for_ms, __ATOMIC_RELAXED);
}

int driver_reconfigure(struct driver *d, const struct driver_settings *settings)
{
	struct settings_note *n = calloc(1, sizeof(*n));
	if (!n)
		return SL_E_NO_MEMORY;
	n->note.handle = handle_settings;
	n->settings = *settings;
	atomic_store(&d->in_admission_max, settings->in_admission_max);
	driver_post(d, &n->note);
	return 0;
}

/* ---- turns ---- */

static bool handle_notes(struct driver *d)
{
	struct letter *next, *first = mailbox_take(d->box);
	for (struct letter *l = first; l; l = next) {
		struct note *note = container_of(l, struct note, letter);
		next = l->next;
		note->handle(d, note);
	}
	return first != NULL;
}

static uint32_t until(int64_t at_ms, int64_t now_ms, uint32_t most)
{
	if (!at_ms || at_ms - now_ms >= most)
		return most;
	return at_ms <= now_ms ? 0 : (uint32_t)(at_ms - now_ms);
}

static uint32_t next_wait(struct driver *d, uint32_t most)
{
	int64_t now = driver_now(d);
	uint32_t wait = caller_turn(d->caller, most);
	wait = until(d->stuck_ms, clock_mono_ms(d->parts.clock), wait);
	wait = until(behind_next_ms(&d->behind), clock_mono_ms(d->parts.clock), wait);
	wait = until(behind_next_ms(&d->runs_soon), clock_mono_ms(d->parts.clock), wait);
	wait = until(behind_next_ms(&d->runs_behind), clock_mono_ms(d->parts.clock), wait);
	wait = until(intake_next_ms(d), clock_mono_ms(d->parts.clock), wait);
	if (!d->timer_busy)
		wait = until(d->timer_ms, now, wait);
	if (!d->intake.first)
		wait = until(d->lines_stir ? clock_mono_ms(d->parts.clock) : d->lines_ms,
			     clock_mono_ms(d->parts.clock), wait);
	if (!d->trim_busy)
		wait = until(d->trim_ms, clock_mono_ms(d->parts.clock), wait);
	wait = until(run_next_wake(d), now, wait);
	return wait;
}

static void do_what_is_due(struct driver *d)
{
	turned_back_look(d);
	int64_t now = driver_now(d);
	journal_write_due(d, atomic_load(&d->ending));
	if (d->stuck_ms && clock_mono_ms(d->parts.clock) >= d->stuck_ms)
		change_retry_stuck(d);
	if (d->timer_ms && !d->timer_busy && d->timer_ms <= now)
		due_start(d);
	if (!d->trim_busy && clock_mono_ms(d->parts.clock) >= d->trim_ms)
		trim_start(d);
	if (atomic_exchange(&d->erased, false))
		erase_soon(d);
	if (!d->erasing.busy && clock_mono_ms(d->parts.clock) >= d->erasing.next_ms)
		erase_start(d);
	if (atomic_exchange(&d->report_lost, false))
		run_lose_all(d);
	run_tick_due(d, now);
	intake_turn(d);
	lines_turn(d);
	run_write_due(d);
}

void driver_turn(struct driver *d, uint32_t wait_ms)
{
	handle_notes(d);
	do_what_is_due(d);
	uint32_t wait = next_wait(d, wait_ms);
	d->parts.executor->ops->turn(d->parts.executor, wait);
}

void driver_stats(const struct driver *d, struct driver_stats *ret)
{
	ret->in_admission = atomic_load(&d->in_admission);
	ret->in_admission_max = atomic_load(&d->in_admission_max);
	ret->documents = atomic_load(&d->documents);
	ret->documents_max = d->config.documents_max;
}

struct watch *driver_watch(struct driver *d) { return d->watch; }

struct standings *driver_standings(struct driver *d) { return caller_standings(d->caller); }

bool driver_idle(const struct driver *d) { return atomic_load(&d->busy) == 0; }

/* ---- the thread ---- */

/* What a burst of jobs took at its height goes back to the system when they are through and
 * nothing has come for a while: the allocator alone keeps most of it. */
struct slack {
	bool any;        /* something was done since memory was given back */
	int64_t idle_ms; /* since when nothing is, or 0 */
};

static void give_back(struct driver *d, struct slack *s)
{
	int64_t now = clock_mono_ms(d->parts.clock);
	if (caller_in_flight(d->caller) || atomic_load(&d->in_admission)) {
		*s = (struct slack){.any = true};
		return;
	}
	if (!s->idle_ms)
		s->idle_ms = now;
	if (!s->any || now - s->idle_ms < IDLE_MS)
		return;
	malloc_trim(0);
	s->any = false;
}

static void *loop(void *user)
{
	struct driver *d = user;
	struct slack slack = {0};
	pthread_setname_np(pthread_self(), "sluice-loop");
	while (!atomic_load(&d->ending)) {
		driver_turn(d, TURN_MOST_MS);
		give_back(d, &slack);
	}
	return NULL;
}

void driver_wake(struct driver *d) { d->parts.executor->ops->wake(d->parts.executor); }

static void wake(void *user) { driver_wake(user); }

int driver_start(struct driver *d)
{
	if (pthread_create(&d->thread, NULL, loop, d))
		return SL_E_NO_MEMORY;
	d->threaded = true;
	return 0;
}

static bool has_behind(const struct driver *d)
{
	return !list_empty(&d->behind) || !list_empty(&d->runs_soon) ||
	       !list_empty(&d->runs_behind);
}

/* Calls in progress may still end; what is not decided by then goes on at the next start. */
static void wind_down(struct driver *d, uint32_t grace_ms)
{
	int64_t end_ms = clock_mono_ms(d->parts.clock) + grace_ms;
	while ((caller_in_flight(d->caller) || d->changes_open || has_behind(d)) &&
	       clock_mono_ms(d->parts.clock) < end_ms)
		driver_turn(d, 50);
}

void driver_stop_loop(struct driver *d, uint32_t grace_ms)
{
	if (d->threaded) {
		atomic_store(&d->ending, true);
		wake(d);
		pthread_join(d->thread, NULL);
		d->threaded = false;
	}
	wind_down(d, grace_ms);
}

/* ---- life ---- */

static int create_parts(struct driver *d, struct sl_error *err)
{
	struct selector_limits limits = {d->config.regex_value_max, SELECTOR_STEPS_MAX};
	struct caller_config caller = {.answer_max = d->config.answer_max, .retry_ms = 100};
	int rc = mailbox_create(SIZE_MAX, wake, d, &d->box);
	if (!rc)
		rc = watch_create(d->config.held_max, &d->watch);
	if (!rc)
		rc = caller_create(&caller, d->parts.executor, d->parts.clock, &d->caller);
	if (!rc)
		rc = selector_scratch_create(&limits, &d->scratch);
	if (!rc)
		rc = increment_rules_create(d->config.protect, &d->rules, err);
	if (!rc)
		rc = table_init(&d->admissions, BUCKETS);
	if (!rc)
		rc = table_init(&d->runs, BUCKETS);
	if (!rc)
		rc = table_init(&d->lines, LINE_BUCKETS);
	return rc;
}

int driver_create(const struct driver_config *config, const struct driver_parts *parts,
		  struct driver **ret, struct sl_error *err)
{
	scoped(driver_freep) struct driver *d = calloc(1, sizeof(*d));
	if (!d)
		return sl_fail(err, SL_E_NO_MEMORY, "out of memory");
	d->config = *config;
	d->parts = *parts;
	atomic_store(&d->in_admission_max, config->in_admission_max);
	list_init(&d->behind);
	list_init(&d->runs_soon);
	list_init(&d->runs_behind);
	list_init(&d->stuck);
	heap_init(&d->waking, run_wakes_before);
	list_init(&d->lines_all);
	int rc = create_parts(d, err);
	if (rc)
		return err && err->code
			       ? rc
			       : sl_fail(err, (enum sl_err)rc, "the driver cannot be set up: %s",
					 sl_err_text(rc));
	*ret = take_ptr(&d);
	return 0;
}

static void drop_admissions(struct driver *d)
{
	for (struct table_node *n; (n = table_any(&d->admissions));)
		admission_drop(container_of(n, struct admission, node));
}

static void drop_runs(struct driver *d)
{
	for (struct table_node *n; (n = table_any(&d->runs));) {
		table_remove(&d->runs, n);
		run_free(container_of(n, struct run, node));
	}
}

struct driver *driver_free(struct driver *d)
{
	if (!d)
		return NULL;
	atomic_store(&d->ending, true);
	d->closed = true;
	if (d->box) {
		while (handle_notes(d))
			drop_admissions(d);
		drop_admissions(d);
		drop_runs(d);
		for (struct list *l; (l = list_pop(&d->stuck));)
			change_free(container_of(l, struct change, link));
		mailbox_close(d->box);
	}
	caller_free(d->caller);
	selector_scratch_free(d->scratch);
	increment_rules_free(d->rules);
	table_fini(&d->admissions);
	table_fini(&d->runs);
	heap_fini(&d->waking);
	lines_fini(d);
	mailbox_free(d->box);
	watch_free(d->watch);
	free(d);
	return NULL;
}
