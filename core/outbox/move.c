#include "core/outbox/internal.h"

/* A limit that was lowered is reached step by step, with those that come: the writer has
 * others to serve. */
enum { AT_ONCE_MAX = 16 };

/* ---- which of a job's deliveries is queued ---- */

static void set_queued(struct store_txn *txn, const struct delivery *d, bool there)
{
	struct outbox_key k = outbox_key3('q', d->subscriber, (uint64_t)d->due_ms, d->number);
	if (there)
		store_put(txn, STORE_OUTBOX, outbox_key_bytes(&k), BYTES(""));
	else
		store_del(txn, STORE_OUTBOX, outbox_key_bytes(&k));
}

static void set_of_job(struct store_txn *txn, const struct delivery *d, bool there)
{
	struct outbox_key k = outbox_job_key(d->entry.job, d->subscriber, d->number);
	if (there)
		store_put(txn, STORE_OUTBOX, outbox_key_bytes(&k),
			  d->dead ? BYTES("x") : BYTES(""));
	else
		store_del(txn, STORE_OUTBOX, outbox_key_bytes(&k));
}

int outbox_following(struct store_txn *txn, struct uuid job, uint64_t subscriber, uint64_t number,
		     uint64_t *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	enum { PREFIX = 1 + 16 + 8 };
	struct outbox_key from = outbox_job_key(job, subscriber, number + 1);
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_OUTBOX, &c);
	if (!rc)
		rc = store_seek(c, outbox_key_bytes(&from), &key, &val);
	for (; rc == 0; rc = store_next(c, &key, &val)) {
		if (!outbox_same(key, &from, PREFIX))
			return SL_E_NOT_FOUND;
		if (val.len == 0) {
			*ret = wire_from_be((const uint8_t *)key.at + PREFIX, 8);
			return 0;
		}
	}
	return rc;
}

/* The first of the job's that is pending. */
static int head_of(struct store_txn *txn, struct uuid job, uint64_t subscriber, uint64_t *ret)
{
	return outbox_following(txn, job, subscriber, 0, ret);
}

/* The one that is the first now is queued, or is no longer. */
static int set_head(struct store_txn *txn, struct uuid job, uint64_t subscriber, bool there)
{
	scoped(buf_finip) struct buf keep = {0};
	struct delivery d;
	uint64_t number;
	size_t size;
	int rc = head_of(txn, job, subscriber, &number);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	buf_init(&keep, OUTBOX_RECORD_MAX);
	rc = outbox_load(txn, 'd', subscriber, number, &keep, &d, &size);
	if (!rc)
		set_queued(txn, &d, there);
	return rc;
}

/* ---- adding ---- */

static bool overflows(const struct subscriber *s, const struct outbox_limits *limits)
{
	return s->pending > limits->pending_max || s->pending_bytes > limits->bytes_max;
}

static int make_room(struct store_txn *txn, struct subscriber *s, int64_t now_ms,
		     const struct outbox_limits *limits)
{
	int rc = 0;
	for (int i = 0; !rc && i < AT_ONCE_MAX && s->pending > 1 && overflows(s, limits); i++) {
		uint64_t oldest;
		rc = outbox_first(txn, 'd', s->number, 0, &oldest);
		if (!rc)
			rc = outbox_kill(txn, s, oldest, DEAD_OVERFLOW, now_ms, limits);
	}
	return rc;
}

int outbox_add(struct store_txn *txn, uint64_t subscriber, const struct feed_entry *entry,
	       const struct outbox_limits *limits)
{
	scoped(buf_finip) struct buf keep = {0};
	struct subscriber s;
	struct delivery d = {.subscriber = subscriber,
			     .number = entry->number,
			     .queued_ms = entry->time_ms,
			     .due_ms = entry->time_ms,
			     .entry = *entry};
	uint64_t head;
	buf_init(&keep, 1024);
	int rc = outbox_load_subscriber(txn, subscriber, &keep, &s);
	if (rc)
		return rc;
	rc = head_of(txn, entry->job, subscriber, &head);
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	if (rc == SL_E_NOT_FOUND)
		set_queued(txn, &d, true);
	s.pending_bytes += outbox_put(txn, &d);
	s.pending++;
	set_of_job(txn, &d, true);
	rc = make_room(txn, &s, entry->time_ms, limits);
	outbox_put_subscriber(txn, &s);
	return rc;
}

/* ---- ends ---- */

/* A pending one is taken out; the next of its job takes its turn. */
static int take_out(struct store_txn *txn, struct subscriber *s, const struct delivery *d,
		    size_t size)
{
	struct outbox_key k = outbox_key2('d', d->subscriber, d->number);
	int rc = set_head(txn, d->entry.job, d->subscriber, false);
	if (rc)
		return rc;
	store_del(txn, STORE_OUTBOX, outbox_key_bytes(&k));
	set_of_job(txn, d, false);
	s->pending--;
	s->pending_bytes -= size;
	return set_head(txn, d->entry.job, d->subscriber, true);
}

static void set_by_death(struct store_txn *txn, const struct delivery *d, bool there)
{
	struct outbox_key k = outbox_key3('e', (uint64_t)d->dead_ms, d->subscriber, d->number);
	if (there)
		store_put(txn, STORE_OUTBOX, outbox_key_bytes(&k), BYTES(""));
	else
		store_del(txn, STORE_OUTBOX, outbox_key_bytes(&k));
}

static int take_out_dead(struct store_txn *txn, struct subscriber *s, const struct delivery *d,
			 size_t size)
{
	struct outbox_key k = outbox_key2('x', d->subscriber, d->number);
	store_del(txn, STORE_OUTBOX, outbox_key_bytes(&k));
	set_by_death(txn, d, false);
	set_of_job(txn, d, false);
	s->dead--;
	s->dead_bytes -= size;
	return 0;
}

int outbox_erase_dead(struct store_txn *txn, struct subscriber *s, uint64_t number)
{
	scoped(buf_finip) struct buf keep = {0};
	struct delivery d;
	size_t size;
	buf_init(&keep, OUTBOX_RECORD_MAX);
	int rc = outbox_load(txn, 'x', s->number, number, &keep, &d, &size);
	return rc ? rc : take_out_dead(txn, s, &d, size);
}

static bool dead_overflows(const struct subscriber *s, const struct outbox_limits *limits)
{
	return s->dead > limits->pending_max || s->dead_bytes > limits->bytes_max;
}

/* Also the dead are bounded: the oldest go. */
static int bury(struct store_txn *txn, struct subscriber *s, const struct delivery *d,
		const struct outbox_limits *limits)
{
	int rc = 0;
	s->dead++;
	s->dead_bytes += outbox_put(txn, d);
	set_of_job(txn, d, true);
	set_by_death(txn, d, true);
	for (int i = 0; !rc && i < AT_ONCE_MAX && s->dead > 1 && dead_overflows(s, limits); i++) {
		uint64_t oldest;
		rc = outbox_first(txn, 'x', s->number, 0, &oldest);
		if (!rc)
			rc = outbox_erase_dead(txn, s, oldest);
	}
	return rc;
}

int outbox_kill(struct store_txn *txn, struct subscriber *s, uint64_t number, enum dead_why why,
		int64_t now_ms, const struct outbox_limits *limits)
{
	scoped(buf_finip) struct buf keep = {0};
	struct delivery d;
	size_t size;
	buf_init(&keep, OUTBOX_RECORD_MAX);
	int rc = outbox_load(txn, 'd', s->number, number, &keep, &d, &size);
	if (!rc)
		rc = take_out(txn, s, &d, size);
	if (rc)
		return rc;
	d.dead = why;
	d.dead_ms = now_ms;
	return bury(txn, s, &d, limits);
}

/* ---- what became of an attempt ---- */

struct found { /* a delivery, and whose it is */
	struct buf keep, keep_delivery;
	struct subscriber s;
	struct delivery d;
	size_t size;
};

static void found_fini(struct found *f)
{
	buf_fini(&f->keep);
	buf_fini(&f->keep_delivery);
}

static int find(struct store_txn *txn, char letter, uint64_t subscriber, uint64_t number,
		struct found *f)
{
	buf_init(&f->keep, 1024);
	buf_init(&f->keep_delivery, OUTBOX_RECORD_MAX);
	int rc = outbox_load_subscriber(txn, subscriber, &f->keep, &f->s);
	return rc ? rc
		  : outbox_load(txn, letter, subscriber, number, &f->keep_delivery, &f->d,
				&f->size);
}

static int none_is_fine(int rc) { return rc == SL_E_NOT_FOUND ? 0 : rc; }

int outbox_delivered(struct store_txn *txn, uint64_t subscriber, uint64_t number)
{
	scoped(found_fini) struct found f = {0};
	int rc = find(txn, 'd', subscriber, number, &f);
	if (!rc) {
		rc = take_out(txn, &f.s, &f.d, f.size);
	} else if (rc == SL_E_NOT_FOUND) { /* it died while it was on its way */
		found_fini(&f);
		rc = find(txn, 'x', subscriber, number, &f);
		if (!rc)
			rc = take_out_dead(txn, &f.s, &f.d, f.size);
	}
	if (rc)
		return none_is_fine(rc);
	outbox_put_subscriber(txn, &f.s);
	return 0;
}

static void note_attempt(struct delivery *to, const struct delivery *now)
{
	to->due_ms = now->due_ms;
	to->tried_ms = now->tried_ms;
	to->attempts = now->attempts;
	to->status = now->status;
	to->words = now->words;
}

int outbox_again(struct store_txn *txn, const struct delivery *now)
{
	scoped(found_fini) struct found f = {0};
	int rc = find(txn, 'd', now->subscriber, now->number, &f);
	if (!rc)
		rc = set_head(txn, f.d.entry.job, now->subscriber, false);
	if (rc)
		return none_is_fine(rc);
	note_attempt(&f.d, now);
	f.s.pending_bytes += outbox_put(txn, &f.d) - f.size;
	outbox_put_subscriber(txn, &f.s);
	return set_head(txn, f.d.entry.job, now->subscriber, true);
}

int outbox_die(struct store_txn *txn, const struct delivery *now,
	       const struct outbox_limits *limits)
{
	scoped(found_fini) struct found f = {0};
	int rc = find(txn, 'd', now->subscriber, now->number, &f);
	if (!rc)
		rc = take_out(txn, &f.s, &f.d, f.size);
	if (rc)
		return none_is_fine(rc);
	note_attempt(&f.d, now);
	f.d.dead = now->dead;
	f.d.dead_ms = now->dead_ms;
	rc = bury(txn, &f.s, &f.d, limits);
	outbox_put_subscriber(txn, &f.s);
	return rc;
}

/* ---- once more ---- */

static int revive(struct store_txn *txn, struct found *f, int64_t now_ms)
{
	struct delivery *d = &f->d;
	int rc = set_head(txn, d->entry.job, d->subscriber, false);
	if (!rc)
		rc = take_out_dead(txn, &f->s, d, f->size);
	if (rc)
		return rc;
	d->dead = DEAD_NOT;
	d->dead_ms = 0;
	d->attempts = 0;
	d->queued_ms = d->due_ms = now_ms;
	f->s.pending++;
	f->s.pending_bytes += outbox_put(txn, d);
	set_of_job(txn, d, true);
	outbox_put_subscriber(txn, &f->s);
	return set_head(txn, d->entry.job, d->subscriber, true);
}

int outbox_redeliver(struct store_txn *txn, uint64_t subscriber, uint64_t number, int64_t now_ms)
{
	scoped(found_fini) struct found f = {0};
	int rc = find(txn, 'x', subscriber, number, &f);
	return rc ? rc : revive(txn, &f, now_ms);
}

int outbox_redeliver_since(struct store_txn *txn, uint64_t subscriber, int64_t since_ms,
			   int64_t now_ms, size_t most, uint64_t *from, size_t *ret_n)
{
	*ret_n = 0;
	for (size_t i = 0; i < most; i++) {
		scoped(found_fini) struct found f = {0};
		uint64_t number;
		int rc = outbox_first(txn, 'x', subscriber, *from, &number);
		if (rc == SL_E_NOT_FOUND) {
			*from = 0;
			return 0;
		}
		if (!rc)
			rc = find(txn, 'x', subscriber, number, &f);
		if (!rc && f.d.entry.time_ms >= since_ms) {
			rc = revive(txn, &f, now_ms);
			(*ret_n)++;
		}
		if (rc)
			return rc;
		*from = number + 1;
	}
	return 0;
}
