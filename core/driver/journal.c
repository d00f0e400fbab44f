/* What an admission tells the store: its events, documents and progress. They are written
 * behind, one change at a time: the next one takes all that came up meanwhile. A job whose
 * plugins answer fast is through before the first is due; then its last change takes all. */
#include "core/base/crash.h"
#include "core/driver/admission.h"
#include "core/ledger/patch.h"

enum { BEHIND_LEAST_MS = 2, BEHIND_MOST_MS = 250 };

void journal_event(struct admission *a, const struct event *event)
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

void journal_outdated(struct admission *a, uint32_t stage)
{
	if (a->from->progress.len)
		a->stale |= ~0U << (stage + 1);
}

void journal_given(struct admission *a, uint32_t stage)
{
	struct stage_given *g = &a->given[stage];
	g->record.generation = a->registry->generation;
	crypt_sha256(buf_bytes(&a->body), g->record.digest);
	g->dirty = true;
}

void journal_given_again(struct admission *a, uint32_t stage, uint32_t before)
{
	struct stage_given *g = &a->given[stage];
	g->record.generation = a->registry->generation;
	memcpy(g->record.digest, a->given[before].record.digest, CRYPT_HASH_SIZE);
	g->dirty = true;
}

void journal_changed(struct admission *a, uint32_t stage, const struct json *before)
{
	struct stage_given *g = &a->given[stage];
	buf_fini(&g->patch);
	buf_init(&g->patch, OWN_BYTES_MAX);
	int rc = patch_make(&a->taskset, before, &g->patch);
	a->short_of_memory |= rc == SL_E_NO_MEMORY;
	g->record.gone = rc != 0;
	if (g->record.gone) /* it is for reading only: the digest stays */
		buf_fini(&g->patch);
	g->record.changed = g->dirty = true;
	journal_outdated(a, stage);
}

/* Half a document is never stored: without memory the change lacks a part. */
static void add_buf(struct change *c, enum job_part part, const struct buf *text)
{
	if (text->rc)
		c->flaw = text->rc;
	else
		change_add_doc(c, part, buf_bytes(text));
}

static void flush_given(struct admission *a, struct change *c)
{
	for (int i = 0; i < PLUGIN_STAGES; i++) {
		struct stage_given *g = &a->given[i];
		scoped(buf_finip) struct buf text = {0};
		if (!g->dirty)
			continue;
		g->dirty = false;
		g->record.patch = buf_bytes(&g->patch);
		buf_init(&text, OWN_BYTES_MAX);
		kept_encode(&g->record, &text);
		if (!text.rc || text.rc == SL_E_NO_MEMORY)
			add_buf(c, kept_part((enum plugin_type)i), &text);
	}
}

void journal_flush(struct admission *a, struct change *c)
{
	scoped(buf_finip) struct buf progress = {0};
	buf_init(&progress, OWN_BYTES_MAX);
	progress_encode(&a->progress, &progress);
	if (a->short_of_memory) /* what the stages were given could not be told from it */
		c->flaw = SL_E_NO_MEMORY;
	add_buf(c, PART_PROGRESS, &progress);
	if (a->taskset_dirty)
		add_buf(c, PART_TASKSET, &a->taskset_text);
	if (a->provenance_dirty) {
		scoped(buf_finip) struct buf list = {0};
		buf_init(&list, OWN_BYTES_MAX);
		buf_add_char(&list, '[');
		buf_add_bytes(&list, buf_bytes(&a->provenance));
		buf_add_char(&list, ']');
		add_buf(c, PART_PROVENANCE, &list);
	}
	if (a->factors_dirty)
		add_buf(c, PART_FACTORS, &a->factors);
	c->stale = a->stale;
	a->stale = 0;
	flush_given(a, c);
	for (struct change_event *e = a->event; e; e = e->next)
		change_add_event(c, &e->event);
	a->event = NULL;
	a->event_end = &a->event;
	a->taskset_dirty = a->factors_dirty = a->provenance_dirty = a->dirty = false;
}

/* The move was made by a resume already; the rest of the change is still to be written. */
static bool write_behind_resume(struct admission *a, struct change *c)
{
	if (!a->overtaken)
		return false;
	a->overtaken = false;
	c->moves = a->moves;
	c->path_n = 0;
	c->again = a->writing = true;
	return true;
}

static void progress_written(struct driver *d, struct change *c, int rc)
{
	struct admission *a = admission_find(d, c->id, c->owner);
	if (!a)
		return;
	a->writing = false;
	crash_at(CRASH_PROGRESS_WRITTEN);
	if (rc == SL_E_CONFLICT && write_behind_resume(a, c))
		return;
	if (rc) { /* somebody moved the job elsewhere, or memory was short */
		if (admission_go_on_resumed(a))
			intake_again(d, JOB_PREPARING);
		else
			admission_lose(a);
	} else if (a->last)
		change_submit(take_ptr(&a->last));
	else if (a->dirty && !a->ended)
		journal_write(a);
}

/* Changes of one job reach the store in their order, also when one must be tried again. */
void journal_end(struct admission *a, struct change *c)
{
	a->ended = true;
	behind_remove(&a->behind);
	observe_end(a, c);
	if (a->preview)
		preview_ended(a->preview, c);
	else if (a->writing)
		a->last = c;
	else
		change_submit(c);
}

/* The more jobs are in admission, the longer each of them takes. */
static int64_t due_ms(struct driver *d)
{
	size_t jobs = atomic_load(&d->in_admission);
	return clock_mono_ms(d->parts.clock) + BEHIND_LEAST_MS +
	       (int64_t)(jobs < BEHIND_MOST_MS ? jobs : BEHIND_MOST_MS);
}

static void write_now(struct admission *a)
{
	struct change *c;
	behind_remove(&a->behind);
	if (change_create(a->driver, a->node.id, a->moves, &c))
		return;
	journal_flush(a, c);
	if (a->state == JOB_SUSPENDED) { /* an answer that lets it go on */
		change_add_move(c, JOB_PREPARING);
		c->why = change_why(JOB_PREPARING);
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

/* A move is not put off: others see it, and a resume may come between. */
void journal_write(struct admission *a)
{
	struct driver *d = a->driver;
	a->dirty = true;
	if (a->preview || a->writing)
		return;
	if (a->state == JOB_SUSPENDED || atomic_load(&d->ending))
		write_now(a);
	else
		behind_put(&d->behind, &a->behind, due_ms(d));
}

void journal_write_due(struct driver *d, bool all)
{
	int64_t until_ms = all ? INT64_MAX : clock_mono_ms(d->parts.clock);
	struct behind *b;
	while ((b = behind_take(&d->behind, until_ms)))
		write_now(container_of(b, struct admission, behind));
}
