/* The next change of a job, as soon as the one before it is acknowledged: that its outcome
 * is on disk need not be awaited. After a crash both are sent again, in their order. */
#include "core/hooks/internal.h"

void follow_answered(struct hooks *h, struct sending *s)
{
	if (s->ack == ACK_OK && s->line && !job_final(s->d.entry.state))
		list_push(&h->fresh, &s->trail);
}

/* Not now: it is held, or the next one was tried and pauses. Then the store's queue has it
 * when the outcome is written. */
static bool may_follow(const struct hooks *h, const struct line *line, const struct delivery *d)
{
	return !line->held && !h->stopping && d->due_ms <= clock_wall_ms(h->parts.clock);
}

/* Is there no need to look again? */
static bool follow(struct hooks *h, struct store_txn *txn, const struct sending *s)
{
	struct line *line = s->line;
	struct sending *next;
	struct delivery d;
	uint64_t number;
	int rc = !line ? SL_E_CANCELED
		       : outbox_following(txn, s->d.entry.job, s->subscriber, s->d.number, &number);
	if (rc)
		return rc != SL_E_NOT_FOUND;
	if (sending_known(h, s->subscriber, number) ||
	    outbox_read(txn, s->subscriber, number, &d) || !may_follow(h, line, &d) ||
	    sending_create(line, h, &d, &next))
		return true;
	list_push(&line->ready, &next->link);
	line->ready_n++;
	line_heat(h, line);
	return true;
}

static void look_at(struct hooks *h, struct store_txn *txn, struct list *trail)
{
	struct list again;
	list_init(&again);
	for (struct list *l; (l = list_pop(trail));) {
		struct sending *s = container_of(l, struct sending, trail);
		if (!follow(h, txn, s))
			list_push(&again, l);
	}
	for (struct list *l; (l = list_pop(&again));)
		list_push(&h->alone, l);
}

void follow_all(struct hooks *h)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	bool grown = h->grown && !list_empty(&h->alone);
	h->grown = false;
	if ((list_empty(&h->fresh) && !grown) || store_begin(h->parts.store, STORE_READ, &txn))
		return;
	if (grown)
		look_at(h, txn, &h->alone);
	look_at(h, txn, &h->fresh);
}
