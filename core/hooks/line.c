/* Subscribers as the thread knows them, and what is read ahead for each. */
#include "core/hooks/internal.h"

#include <stdlib.h>

static struct line *line_at(struct list *l) { return container_of(l, struct line, link); }

/* ---- coming and going ---- */

static struct line *line_create(struct hooks *h, const struct subscriber *s)
{
	struct line *line = calloc(1, sizeof(*line));
	if (!line)
		return NULL;
	line->key = strndup(s->key.at, s->key.len);
	if (!line->key) {
		free(line);
		return NULL;
	}
	plugin_tag(s->key, line->tag);
	line->number = s->number;
	line->window = WINDOW_FIRST;
	list_init(&line->hot);
	list_init(&line->ready);
	list_push(&h->lines, &line->link);
	return line;
}

static void drop_ready(struct line *line)
{
	for (struct list *l; (l = list_pop(&line->ready));)
		sending_free(container_of(l, struct sending, link));
	line->ready_n = 0;
}

static void let_go_of(struct list *sendings, const struct line *line)
{
	for (struct list *l = sendings->next; l != sendings; l = l->next) {
		struct sending *s = container_of(l, struct sending, link);
		if (s->line == line)
			s->line = NULL;
	}
}

void line_free(struct hooks *h, struct line *line)
{
	drop_ready(line);
	send_cancel_waiting(h, line); /* who comes under its key next is not to hear of it */
	let_go_of(&h->flying, line);
	let_go_of(&h->over, line);
	save_let_go_of(h, line);
	list_remove(&line->link);
	list_remove(&line->hot);
	free(line->key);
	free(line);
}

void line_heat(struct hooks *h, struct line *line)
{
	list_remove(&line->hot);
	list_push(&h->hot, &line->hot);
}

/* ---- what changed ---- */

static struct line *find(struct hooks *h, uint64_t number)
{
	for (struct list *l = h->lines.next; l != &h->lines; l = l->next)
		if (line_at(l)->number == number)
			return line_at(l);
	return NULL;
}

/* The address, the key and whether it is on are those of the present. */
static void judge(struct hooks *h, struct line *line, const struct subscriber *s)
{
	const struct plugin *p = registry_plugin(h->registry, bytes_str(line->key));
	bool going = line->going && line->turns == s->turns;
	bool held = !p || !p->feature->enabled || s->gone_ms || going;
	if (held)
		drop_ready(line);
	if (line->held && !held)
		line->pause_ms = 0;
	line->turns = s->turns;
	line->held = held;
	line->dirty = true;
	line_heat(h, line);
}

/* Those from `l` on whose number is smaller were deleted; the first that is not. */
static struct list *drop_below(struct hooks *h, struct list *l, uint64_t number)
{
	while (l != &h->lines && line_at(l)->number < number) {
		struct list *next = l->next;
		line_free(h, line_at(l));
		l = next;
	}
	return l;
}

static int refresh(struct hooks *h)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	struct subscriber s;
	struct list *l = h->lines.next;
	uint64_t at = 0;
	int rc = store_begin(h->parts.store, STORE_READ, &txn);
	/* Both are in the order of their numbers, and new ones have greater numbers. */
	while (!rc && (rc = outbox_next(txn, at, &s)) == 0) {
		at = s.number;
		l = drop_below(h, l, at);
		struct line *line = l == &h->lines ? line_create(h, &s) : line_at(l);
		if (!line)
			return SL_E_NO_MEMORY;
		judge(h, line, &s);
		l = line->link.next;
	}
	if (rc != SL_E_NOT_FOUND)
		return rc;
	drop_below(h, l, UINT64_MAX);
	return 0;
}

static void look_at_touched(struct hooks *h)
{
	struct touched *t = &h->touched;
	pthread_mutex_lock(&t->lock);
	h->grown |= t->n || t->all;
	for (size_t i = 0; i < t->n && !h->refresh; i++) {
		struct line *line = find(h, t->number[i]);
		if (line) {
			line->dirty = true;
			line_heat(h, line);
		} else {
			h->refresh = true;
		}
	}
	h->refresh |= t->all;
	t->n = 0;
	t->all = false;
	pthread_mutex_unlock(&t->lock);
}

static void look_at_time(struct hooks *h)
{
	int64_t now = clock_wall_ms(h->parts.clock), mono = clock_mono_ms(h->parts.clock);
	for (struct list *l = h->lines.next; l != &h->lines; l = l->next) {
		struct line *line = line_at(l);
		if (line->next_ms && line->next_ms <= now) {
			line->next_ms = 0;
			line->dirty = true;
			line_heat(h, line);
		}
		if (line->pause_ms && line->pause_ms <= mono) {
			line->pause_ms = 0;
			line_heat(h, line);
		}
	}
}

void lines_look(struct hooks *h)
{
	look_at_touched(h);
	if (h->registry->generation != h->generation || h->refresh) {
		if (refresh(h)) { /* no memory, no reading: in a while */
			h->refresh = true;
			return;
		}
		h->generation = h->registry->generation;
		h->refresh = false;
	}
	look_at_time(h);
}

uint32_t lines_wait(struct hooks *h, uint32_t most)
{
	int64_t now = clock_wall_ms(h->parts.clock), mono = clock_mono_ms(h->parts.clock);
	for (struct list *l = h->lines.next; l != &h->lines; l = l->next) {
		const struct line *line = line_at(l);
		if (line->next_ms && !line->held && line->next_ms - now < most)
			most = line->next_ms <= now ? 0 : (uint32_t)(line->next_ms - now);
		if (line->pause_ms && line->pause_ms - mono < most)
			most = line->pause_ms <= mono ? 0 : (uint32_t)(line->pause_ms - mono);
	}
	return most;
}

/* ---- reading ahead ---- */

struct fill {
	struct hooks *hooks;
	struct store_txn *txn;
	struct line *line;
	int64_t now_ms;
	bool full;
	int rc;
};

static bool take(void *user, int64_t due_ms, uint64_t number)
{
	struct fill *f = user;
	struct line *line = f->line;
	struct delivery d;
	struct sending *s;
	if (due_ms > f->now_ms) {
		line->next_ms = due_ms;
		return false;
	}
	if (sending_known(f->hooks, line->number, number))
		return true;
	f->full = line->ready_n >= READY_MAX;
	if (f->full)
		return false;
	f->rc = outbox_read(f->txn, line->number, number, &d);
	if (!f->rc)
		f->rc = sending_create(line, f->hooks, &d, &s);
	if (f->rc)
		return false;
	list_push(&line->ready, &s->link);
	line->ready_n++;
	return true;
}

static int fill(struct hooks *h, struct store_txn *txn, struct line *line)
{
	struct fill f = {
		.hooks = h, .txn = txn, .line = line, .now_ms = clock_wall_ms(h->parts.clock)};
	line->next_ms = 0;
	int rc = outbox_queued(txn, line->number, take, &f);
	if (!rc)
		rc = f.rc;
	line->dirty = f.full || rc;
	if (rc)
		line->next_ms = f.now_ms + SAVE_AGAIN_MS;
	return rc;
}

void lines_fill(struct hooks *h)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	for (struct list *l = h->hot.next; l != &h->hot; l = l->next) {
		struct line *line = container_of(l, struct line, hot);
		if (!line->dirty || line->held || line->ready_n > READY_MAX / 4)
			continue;
		if (!txn && store_begin(h->parts.store, STORE_READ, &txn)) {
			txn = NULL;
			return;
		}
		if (fill(h, txn, line))
			return;
	}
}
