/* Previews: an admission on the loop of which nothing is stored, and its asker, who sleeps
 * on a thread of the API. */
#include "core/preview.h"

#include "core/driver/admission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 200 };

/** One preview on its way. Shared by its asker and the loop: whoever lets go last frees. */
struct previewing {
	struct note begin, over, cancel;
	struct driver *driver;
	const struct registry_ref *registry;
	struct admit *from;          /* until it begins */
	struct admission *admission; /* the loop's, while it goes on */
	struct preview_skipped *skipped;
	size_t skips;
	bool incomplete;       /* a translator was not asked */
	struct change *change; /* the last one: what would be written */
	int64_t began_us, ended_us;
	int rc;
	bool canceled; /* its asker has said so */
	bool cut;      /* and that came before its end */
	sem_t done;
	atomic_int refs;
};

/** What the asker gets; owns what it points into. */
struct full_preview {
	struct preview pub; /* first */
	struct change *change;
	const struct registry_ref *registry;
	struct preview_skipped *skipped;
	struct event *event;
};

static void let_go(struct previewing *q)
{
	if (atomic_fetch_sub(&q->refs, 1) != 1)
		return;
	admit_free(q->from);
	change_free(q->change);
	registry_drop(q->registry);
	free(q->skipped);
	sem_destroy(&q->done);
	atomic_fetch_sub(&q->driver->previews, 1);
	free(q);
}

struct uuid preview_id(const struct driver *d)
{
	struct id_source ids;
	static const struct uuid none = {{0}};
	id_source_init(&ids, none);
	return id_next(&ids, driver_now(d));
}

/* ---- on the loop ---- */

const struct registry_ref *preview_registry(const struct previewing *q) { return q->registry; }

static void prune_stage(struct previewing *q, struct plan *plan, int type, uint32_t *to)
{
	struct plan_stage *stage = &plan->stage[type];
	uint32_t first = *to;
	for (uint32_t i = stage->first; i < stage->first + stage->n; i++) {
		const struct plugin *p = plan->plugin[i];
		if (p->side_effects)
			q->skipped[q->skips++] = (struct preview_skipped){p->key, p->type};
		else
			plan->plugin[(*to)++] = p;
	}
	if (type == PLUGIN_TRANSLATOR && stage->n && *to == first && !stage->fault) {
		q->incomplete = true;
		stage->fault = "in_admission"; /* it ends here */
		stage->fault_plugin = q->skipped[q->skips - 1].key;
		snprintf(stage->words, sizeof(stage->words),
			 "%s is not asked in a dry run: it declares side effects",
			 stage->fault_plugin);
	}
	stage->first = first;
	stage->n = *to - first;
}

int preview_prune(struct previewing *q, struct plan *plan)
{
	uint32_t to = 0;
	q->skipped = calloc(plan->n + 1, sizeof(*q->skipped));
	if (!q->skipped)
		return SL_E_NO_MEMORY;
	for (int type = 0; type < PLUGIN_STAGES; type++)
		prune_stage(q, plan, type, &to);
	plan->n = to;
	return 0;
}

static void finish(struct previewing *q, int rc)
{
	q->rc = rc;
	q->ended_us = clock_mono_us(q->driver->parts.clock);
	sem_post(&q->done);
	let_go(q);
}

/* The admission may be in the midst of its last effect: it goes at the next turn. */
void preview_ended(struct previewing *q, struct change *c)
{
	q->change = c;
	driver_post(q->driver, &q->over);
}

static void handle_over(struct driver *d SL_UNUSED, struct note *note)
{
	struct previewing *q = container_of(note, struct previewing, over);
	admission_drop(q->admission);
}

/* Its admission is gone: with a last change it has ended, else somebody dropped it. */
void preview_dropped(struct previewing *q)
{
	if (!q)
		return;
	q->admission = NULL;
	finish(q, q->change ? 0 : SL_E_CANCELED);
}

static void handle_begin(struct driver *d, struct note *note)
{
	struct previewing *q = container_of(note, struct previewing, begin);
	struct admit *from = take_ptr(&q->from);
	q->began_us = clock_mono_us(d->parts.clock);
	int rc = d->closed ? SL_E_CANCELED : admission_begin_preview(d, from, q, &q->admission);
	if (rc) { /* else it may be at its end already */
		admit_free(from);
		atomic_fetch_sub(&d->in_admission, 1);
		finish(q, rc);
	}
}

/* Its time is over, or its asker gone: what came so far is all. */
static void handle_cancel(struct driver *d, struct note *note)
{
	struct previewing *q = container_of(note, struct previewing, cancel);
	struct admission *a = q->admission;
	struct change *c;
	if (a && !a->ended) {
		a->ended = q->cut = true;
		if (change_create(d, a->node.id, a->moves, &c) == 0) {
			journal_flush(a, c);
			q->change = c;
		}
		admission_drop(a);
	}
	let_go(q);
}

/* ---- the asker ---- */

static int copy(struct admit *a, struct bytes from, struct bytes *to)
{
	return from.len ? arena_copy(a->arena, from, to) : 0;
}

static int make_admit(struct driver *d, const struct preview_from *from, struct admit **ret)
{
	scoped(admit_freep) struct admit *a = NULL;
	scoped(buf_finip) struct buf text = {0};
	struct progress progress = {.stage = (uint8_t)from->stage};
	int rc = admit_create(&a);
	if (rc)
		return rc;
	a->counted = true;
	a->job = (struct job){.id = from->id,
			      .state = JOB_PREPARING,
			      .created_ms = driver_now(d),
			      .since_ms = driver_now(d),
			      .reason_code = BYTES("in_admission")};
	buf_init(&text, 4096);
	progress_encode(&progress, &text);
	const struct bytes source[] = {from->user,    from->name,      from->kind,
				       from->header,  from->submitted, from->taskset,
				       from->factors, buf_bytes(&text)};
	struct bytes *const target[] = {&a->job.user,  &a->job.name, &a->job.kind, &a->header,
					&a->submitted, &a->taskset,  &a->factors,  &a->progress};
	rc = text.rc;
	for (size_t i = 0; i < countof(source) && !rc; i++)
		rc = copy(a, source[i], target[i]);
	if (!rc)
		*ret = take_ptr(&a);
	return rc;
}

static int enter(struct driver *d, struct sl_error *err)
{
	if (atomic_load(&d->ending) || atomic_load(&d->previews_over))
		return sl_fail(err, SL_E_UNAVAILABLE, "the gateway is stopping");
	if (driver_is_heavy(d))
		return sl_fail(err, SL_E_BUSY, "the jobs at work fill the memory; try again soon");
	if (atomic_fetch_add(&d->previews, 1) >= PREVIEWS_MAX) {
		atomic_fetch_sub(&d->previews, 1);
		return sl_fail(err, SL_E_BUSY, "%d dry runs are at work already; try again soon",
			       PREVIEWS_MAX);
	}
	int rc = driver_enter(d, err);
	if (rc)
		atomic_fetch_sub(&d->previews, 1);
	return rc;
}

void driver_end_previews(struct driver *d) { atomic_store(&d->previews_over, true); }

static int create(struct driver *d, const struct preview_from *from,
		  const struct preview_options *options, struct previewing **ret)
{
	struct previewing *q = calloc(1, sizeof(*q));
	int rc = q ? make_admit(d, from, &q->from) : SL_E_NO_MEMORY;
	if (rc) {
		free(q);
		return rc;
	}
	q->driver = d;
	q->registry = registry_share(options->registry);
	q->begin.handle = handle_begin;
	q->over.handle = handle_over;
	q->cancel.handle = handle_cancel;
	atomic_init(&q->refs, 2); /* the asker's and the loop's */
	sem_init(&q->done, 0, 0);
	*ret = q;
	return 0;
}

static bool wait_a_little(struct previewing *q)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return sem_timedwait(&q->done, &until) == 0;
}

static void cancel(struct previewing *q)
{
	q->canceled = true;
	atomic_fetch_add(&q->refs, 1);
	driver_post(q->driver, &q->cancel);
}

/* Until it is over. A loop that has ended answers nobody. */
static int wait_for(struct previewing *q, const struct preview_options *options)
{
	int64_t end_ms = clock_mono_ms(&clock_system) + options->most_ms;
	bool gone = false, over = false;
	while (!wait_a_little(q)) {
		if (atomic_load(&q->driver->ending))
			return SL_E_UNAVAILABLE;
		over = atomic_load(&q->driver->previews_over);
		gone = gone || (options->gone && options->gone(options->user));
		if (!q->canceled && (gone || over || clock_mono_ms(&clock_system) >= end_ms))
			cancel(q);
	}
	if (gone)
		return SL_E_CANCELED;
	return over ? SL_E_UNAVAILABLE : q->rc;
}

/* ---- what came of it ---- */

static struct bytes doc_of(const struct change *c, enum job_part part, struct bytes otherwise)
{
	for (size_t i = 0; i < c->docs; i++)
		if (c->doc[i].part == part)
			return c->doc[i].text;
	return otherwise;
}

static int copy_events(struct full_preview *p)
{
	size_t n = 0;
	for (struct change_event *e = p->change->event; e; e = e->next)
		n++;
	p->event = calloc(n + 1, sizeof(*p->event));
	if (!p->event)
		return SL_E_NO_MEMORY;
	n = 0;
	for (struct change_event *e = p->change->event; e; e = e->next)
		p->event[n++] = e->event;
	p->pub.event = p->event;
	p->pub.events = n;
	return 0;
}

static void tell_end(struct preview *p, const struct previewing *q, const struct change *c)
{
	p->complete = !q->cut && !q->incomplete;
	p->cut = q->incomplete ? "the TemplateTranslator has side effects and was not asked"
		 : q->cut      ? "its time was over; what came until then is shown"
			       : NULL;
	p->state = p->complete && c->path_n ? c->path[c->path_n - 1] : JOB_PREPARING;
	p->code = q->cut ? BYTES("in_admission") : c->why.code;
	p->reason = q->cut ? bytes_str(p->cut) : c->why.reason;
	p->plugin = c->why.plugin;
	p->next = c->next;
	p->next_ms = c->next_ms;
	p->expires_ms = c->expires_ms;
	p->engine = c->engine;
}

static int collect(struct previewing *q, const struct preview_from *from, struct preview **ret)
{
	struct full_preview *p = calloc(1, sizeof(*p));
	if (!p)
		return SL_E_NO_MEMORY;
	scoped(preview_freep) struct preview *pub = &p->pub;
	p->change = take_ptr(&q->change);
	p->registry = registry_share(q->registry);
	p->skipped = take_ptr(&q->skipped);
	pub->skipped = p->skipped;
	pub->skips = q->skips;
	pub->generation = q->registry->generation;
	pub->took_us = (uint64_t)(q->ended_us - q->began_us);
	tell_end(pub, q, p->change);
	pub->taskset = doc_of(p->change, PART_TASKSET, bytes_of("", 0));
	pub->factors = doc_of(p->change, PART_FACTORS, bytes_of("", 0));
	pub->provenance = doc_of(p->change, PART_PROVENANCE, bytes_of("", 0));
	if (!pub->taskset.len)
		pub->taskset = change_copy(p->change, from->taskset);
	if (!pub->factors.len)
		pub->factors = change_copy(p->change, from->factors);
	int rc = p->change->flaw ? p->change->flaw : copy_events(p);
	if (!rc)
		*ret = take_ptr(&pub);
	return rc;
}

struct preview *preview_free(struct preview *pub)
{
	struct full_preview *p = (struct full_preview *)(void *)pub;
	if (!p)
		return NULL;
	change_free(p->change);
	registry_drop(p->registry);
	free(p->skipped);
	free(p->event);
	free(p);
	return NULL;
}

int driver_preview(struct driver *d, const struct preview_from *from,
		   const struct preview_options *options, struct preview **ret,
		   struct sl_error *err)
{
	struct previewing *q;
	int rc = enter(d, err);
	if (rc)
		return rc;
	rc = create(d, from, options, &q);
	if (rc) {
		atomic_fetch_sub(&d->previews, 1);
		atomic_fetch_sub(&d->in_admission, 1);
		return sl_fail(err, (enum sl_err)rc, "%s", sl_err_text(rc));
	}
	driver_post(d, &q->begin);
	rc = wait_for(q, options);
	if (!rc)
		rc = collect(q, from, ret);
	let_go(q);
	return rc ? sl_fail(err, (enum sl_err)rc, "%s",
			    rc == SL_E_CANCELED      ? "the dry run was broken off"
			    : rc == SL_E_UNAVAILABLE ? "the gateway is stopping"
						     : sl_err_text(rc))
		  : 0;
}
