#include "core/outbox/internal.h"

enum { RECORD_VERSION = 1 };

static const char *const dead_names[DEAD_WHYS] = {
	"", "exception", "gone", "expired", "overflow",
};

const char *dead_why_name(enum dead_why why) { return dead_names[why]; }

/* ---- keys ---- */

static void add_be64(struct outbox_key *k, uint64_t value)
{
	wire_be64(k->at + k->len, value);
	k->len += 8;
}

struct outbox_key outbox_key2(char letter, uint64_t a, uint64_t b)
{
	struct outbox_key k = {.at = {(uint8_t)letter}, .len = 1};
	add_be64(&k, a);
	add_be64(&k, b);
	return k;
}

struct outbox_key outbox_key3(char letter, uint64_t a, uint64_t b, uint64_t c)
{
	struct outbox_key k = outbox_key2(letter, a, b);
	add_be64(&k, c);
	return k;
}

struct outbox_key outbox_job_key(struct uuid job, uint64_t subscriber, uint64_t number)
{
	struct outbox_key k = {.at = {'j'}, .len = 1};
	memcpy(k.at + 1, job.at, sizeof(job.at));
	k.len += sizeof(job.at);
	add_be64(&k, subscriber);
	add_be64(&k, number);
	return k;
}

bool outbox_same(struct bytes key, const struct outbox_key *of, size_t prefix)
{
	return key.len == of->len && memcmp(key.at, of->at, prefix) == 0;
}

/* ---- records ---- */

static void encode(const struct delivery *d, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, (uint64_t)d->queued_ms, 8);
	wire_put(to, (uint64_t)d->due_ms, 8);
	wire_put(to, (uint64_t)d->tried_ms, 8);
	wire_put(to, (uint64_t)d->dead_ms, 8);
	wire_put(to, d->dead, 1);
	wire_put(to, d->attempts, 4);
	wire_put(to, d->status, 4);
	wire_put_bytes(to, bytes_cut(d->words, OUTBOX_WORDS_MAX));
	feed_encode(&d->entry, to);
}

int outbox_decode(struct bytes record, uint64_t subscriber, uint64_t number, struct delivery *ret)
{
	struct wire w = wire_of(record);
	struct delivery d = {.subscriber = subscriber, .number = number};
	if (wire_get(&w, 1) != RECORD_VERSION)
		return SL_E_CORRUPT;
	d.queued_ms = (int64_t)wire_get(&w, 8);
	d.due_ms = (int64_t)wire_get(&w, 8);
	d.tried_ms = (int64_t)wire_get(&w, 8);
	d.dead_ms = (int64_t)wire_get(&w, 8);
	d.dead = (enum dead_why)wire_get(&w, 1);
	d.attempts = (uint32_t)wire_get(&w, 4);
	d.status = (uint32_t)wire_get(&w, 4);
	d.words = wire_get_bytes(&w);
	if (w.bad || d.dead >= DEAD_WHYS ||
	    feed_decode(bytes_of(w.at, (size_t)(w.end - w.at)), &d.entry))
		return SL_E_CORRUPT;
	d.entry.number = number;
	*ret = d;
	return 0;
}

size_t outbox_put(struct store_txn *txn, const struct delivery *d)
{
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, OUTBOX_RECORD_MAX);
	encode(d, &record);
	if (record.rc) {
		store_fail(txn, record.rc);
		return 0;
	}
	struct outbox_key k = outbox_key2(d->dead ? 'x' : 'd', d->subscriber, d->number);
	store_put_buf(txn, STORE_OUTBOX, outbox_key_bytes(&k), &record);
	return record.len;
}

int outbox_load(struct store_txn *txn, char letter, uint64_t subscriber, uint64_t number,
		struct buf *keep, struct delivery *ret, size_t *ret_size)
{
	struct outbox_key k = outbox_key2(letter, subscriber, number);
	struct bytes record;
	int rc = store_get(txn, STORE_OUTBOX, outbox_key_bytes(&k), &record);
	if (rc)
		return rc;
	buf_reset(keep);
	buf_add_bytes(keep, record);
	*ret_size = record.len;
	return keep->rc ? keep->rc : outbox_decode(buf_bytes(keep), subscriber, number, ret);
}

int outbox_first(struct store_txn *txn, char letter, uint64_t subscriber, uint64_t from,
		 uint64_t *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct outbox_key at = outbox_key2(letter, subscriber, from);
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_OUTBOX, &c);
	if (!rc)
		rc = store_seek(c, outbox_key_bytes(&at), &key, &val);
	if (!rc && !outbox_same(key, &at, 9))
		rc = SL_E_NOT_FOUND;
	if (!rc)
		*ret = outbox_part(key, 1);
	return rc;
}

int outbox_read(struct store_txn *txn, uint64_t subscriber, uint64_t number, struct delivery *ret)
{
	struct bytes record;
	struct outbox_key k = outbox_key2('d', subscriber, number);
	int rc = store_get(txn, STORE_OUTBOX, outbox_key_bytes(&k), &record);
	if (rc == SL_E_NOT_FOUND) {
		k = outbox_key2('x', subscriber, number);
		rc = store_get(txn, STORE_OUTBOX, outbox_key_bytes(&k), &record);
	}
	return rc ? rc : outbox_decode(record, subscriber, number, ret);
}
