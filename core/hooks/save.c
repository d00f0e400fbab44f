/* What became of deliveries, written: many in one transaction, one write at a time. */
#include "core/base/crash.h"
#include "core/hooks/internal.h"

#include <assert.h>
#include <stdlib.h>

struct save {
	struct write write;
	struct letter letter;
	struct hooks *hooks;
	struct list list; /* of sendings */
	bool sweep, more; /* time's work instead of outcomes */
	bool turn_back;   /* likewise, that of a clock that was turned back */
	struct outbox_place at;
	bool gone; /* a subscriber among them said so */
	int rc;
};

/* ---- on the writer's thread ---- */

static int write_one(struct hooks *h, struct store_txn *txn, const struct sending *s)
{
	struct outbox_limits limits = hooks_limits(h);
	if (s->d.dead) {
		int rc = outbox_die(txn, &s->d, &limits);
		return rc || s->ack != ACK_GONE
			       ? rc
			       : outbox_gone(txn, s->subscriber, s->turns, s->d.dead_ms);
	}
	return s->ack == ACK_OK ? outbox_delivered(txn, s->subscriber, s->d.number)
				: outbox_again(txn, &s->d);
}

static int apply(struct write *w, struct store_txn *txn)
{
	struct save *save = container_of(w, struct save, write);
	struct hooks *h = save->hooks;
	struct outbox_limits limits = hooks_limits(h);
	int rc = 0;
	if (save->turn_back)
		return outbox_turn_back(txn, clock_wall_ms(h->parts.clock), TURN_BACK_MOST,
					&save->at, &save->more);
	if (save->sweep)
		return outbox_sweep(txn, clock_wall_ms(h->parts.clock), SWEEP_MOST, &limits,
				    &save->more);
	for (struct list *l = save->list.next; l != &save->list && !rc; l = l->next)
		rc = write_one(h, txn, container_of(l, struct sending, link));
	crash_at(CRASH_HOOK_APPLIED);
	return rc;
}

/* The box is closed only when the writer has ended. */
static void come_back(struct save *save, int rc)
{
	save->rc = rc;
	int posted = mailbox_post_always(save->hooks->box, &save->letter);
	assert(posted == 0);
}

static void done(struct write *w, int rc) { come_back(container_of(w, struct save, write), rc); }

/* ---- on the hooks' ---- */

static struct save *save_create(struct hooks *h)
{
	struct save *save = calloc(1, sizeof(*save));
	if (!save)
		return NULL;
	save->write = (struct write){.apply = apply, .done = done};
	save->hooks = h;
	list_init(&save->list);
	return save;
}

static void submit(struct hooks *h, struct save *save)
{
	h->save = save;
	int rc = writer_submit_always(h->parts.writer, &save->write);
	if (rc)
		come_back(save, rc);
}

static void put_off(struct hooks *h) { h->save_ms = clock_mono_ms(h->parts.clock) + SAVE_AGAIN_MS; }

static bool may_save(struct hooks *h)
{
	if (h->save_ms && h->save_ms > clock_mono_ms(h->parts.clock))
		return false;
	h->save_ms = 0;
	return !h->save;
}

/* Nobody waits for it, and commits are dear to those who wait for theirs: what is answered
 * within a short while is written together. */
static bool wants_save(const struct hooks *h)
{
	return h->over_n >= SAVE_MANY || (h->over_n && (!h->flying_n || h->stopping)) ||
	       (h->over_n && clock_mono_ms(h->parts.clock) - h->over_ms >= SAVE_BEHIND_MS);
}

void save_over(struct hooks *h)
{
	if (!wants_save(h) || !may_save(h))
		return;
	struct save *save = save_create(h);
	if (!save) {
		put_off(h);
		return;
	}
	while (!list_empty(&h->over) && h->saving_n < SAVE_MAX) {
		struct list *l = list_pop(&h->over);
		save->gone |= container_of(l, struct sending, link)->ack == ACK_GONE;
		list_push(&save->list, l);
		h->saving_n++;
		h->over_n--;
	}
	h->over_ms = clock_mono_ms(h->parts.clock);
	submit(h, save);
}

/* Looked at first, without writing: mostly there is nothing to do. */
static bool wants_sweep(struct hooks *h)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct outbox_limits limits = hooks_limits(h);
	return store_begin(h->parts.store, STORE_READ, &txn) == 0 &&
	       outbox_wants_sweep(txn, clock_wall_ms(h->parts.clock), &limits);
}

void save_sweep(struct hooks *h)
{
	int64_t now = clock_mono_ms(h->parts.clock);
	if (h->sweep_ms > now || h->stopping || !may_save(h))
		return;
	h->sweep_ms = now + SWEEP_MS;
	struct save *save = wants_sweep(h) ? save_create(h) : NULL;
	if (!save)
		return;
	save->sweep = true;
	submit(h, save);
}

/* ---- a clock that is turned back ---- */

static void look_at_clock(struct hooks *h)
{
	if (!clock_watch_look(&h->clock_watch, h->parts.clock))
		return;
	h->turning_back = true;
	h->turned = (struct outbox_place){0};
	h->refresh = true; /* who waits for a time looks again */
}

/* Read first: as a rule, there is nothing to do. */
static bool wants_turn_back(struct hooks *h)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	bool wants = false;
	int rc = store_begin(h->parts.store, STORE_READ, &txn);
	if (!rc)
		rc = outbox_wants_turn_back(txn, clock_wall_ms(h->parts.clock), TURN_BACK_LOOK,
					    &h->turned, &wants, &h->turning_back);
	if (rc)
		put_off(h);
	return wants;
}

void save_turn_back(struct hooks *h)
{
	look_at_clock(h);
	if (!h->turning_back || h->stopping || !may_save(h) || !wants_turn_back(h))
		return;
	struct save *save = save_create(h);
	if (!save) {
		put_off(h);
		return;
	}
	save->turn_back = true;
	save->at = h->turned;
	h->turning_back = false; /* unless it fails, or is turned again meanwhile */
	submit(h, save);
}

static void turned_back(struct hooks *h, const struct save *save)
{
	h->refresh = true;
	if (h->turning_back)
		return; /* from the beginning, again */
	h->turning_back = save->more || save->rc;
	if (!save->rc)
		h->turned = save->at;
}

/* ---- back from the store ---- */

/* What was not written is tried again, before what was answered later; what was sent stays
 * sent. */
static void failed(struct hooks *h, struct save *save)
{
	if (!h->save_failed)
		log_line(h->parts.log, LOG_ERROR, "hooks",
			 "the store refused what became of deliveries; trying again", "why",
			 sl_err_text(save->rc), NULL);
	h->save_failed = true;
	while (!list_empty(&save->list)) {
		struct list *last = save->list.prev;
		list_remove(last);
		list_push(h->over.next, last); /* in front of the first */
		h->over_n++;
		h->saving_n--;
	}
	put_off(h);
}

static void saved(struct hooks *h, struct save *save)
{
	h->save_failed = false;
	crash_at(CRASH_HOOK_SAVED);
	if (save->sweep && save->more)
		h->sweep_ms = clock_mono_ms(h->parts.clock) + SWEEP_AGAIN_MS;
	h->refresh |= save->sweep; /* the next of a job may be queued now */
	h->refresh |= save->gone;
	for (struct list *l; (l = list_pop(&save->list));) {
		struct sending *s = container_of(l, struct sending, link);
		h->saving_n--;
		if (s->line) {
			s->line->going -= s->ack == ACK_GONE;
			s->line->dirty = true;
			line_heat(h, s->line);
		}
		sending_free(s);
	}
}

void save_come_back(struct hooks *h)
{
	struct letter *next;
	for (struct letter *l = mailbox_take(h->box); l; l = next) {
		struct save *save = container_of(l, struct save, letter);
		next = l->next;
		h->save = NULL;
		if (save->turn_back)
			turned_back(h, save);
		if (save->rc)
			failed(h, save);
		else
			saved(h, save);
		free(save);
	}
}

void save_let_go_of(struct hooks *h, const struct line *line)
{
	for (struct list *l = h->save ? h->save->list.next : NULL; l && l != &h->save->list;
	     l = l->next) {
		struct sending *s = container_of(l, struct sending, link);
		if (s->line == line)
			s->line = NULL;
	}
}

uint32_t save_wait(struct hooks *h, uint32_t most)
{
	int64_t now = clock_mono_ms(h->parts.clock);
	int64_t at = h->save_ms ? h->save_ms : h->turning_back ? now : h->sweep_ms;
	if (h->over_n && !h->save_ms && h->over_ms + SAVE_BEHIND_MS < at)
		at = h->over_ms + SAVE_BEHIND_MS;
	if (h->save || h->stopping || at - now >= most)
		return most;
	return at <= now ? 0 : (uint32_t)(at - now);
}
