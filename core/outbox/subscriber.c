#include "core/outbox/internal.h"

enum { RECORD_VERSION = 1, PLUGIN_KEY_MAX = 300 };

struct name_key {
	uint8_t at[1 + PLUGIN_KEY_MAX];
	size_t len;
};

static struct name_key name_key(struct bytes key)
{
	struct name_key k = {.at = {'k'}};
	key = bytes_cut(key, PLUGIN_KEY_MAX);
	memcpy(k.at + 1, key.at, key.len);
	k.len = 1 + key.len;
	return k;
}

struct number_key {
	uint8_t at[9];
};

static struct number_key number_key(char letter, uint64_t number)
{
	struct number_key k = {{(uint8_t)letter}};
	wire_be64(k.at + 1, number);
	return k;
}

static struct bytes number_bytes(const struct number_key *k) { return bytes_of(k->at, 9); }

/* ---- records ---- */

void outbox_put_subscriber(struct store_txn *txn, const struct subscriber *s)
{
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, 1024);
	wire_put(&record, RECORD_VERSION, 1);
	wire_put(&record, s->pending, 8);
	wire_put(&record, s->pending_bytes, 8);
	wire_put(&record, s->dead, 8);
	wire_put(&record, s->dead_bytes, 8);
	wire_put(&record, (uint64_t)s->gone_ms, 8);
	wire_put(&record, s->turns, 4);
	wire_put_bytes(&record, s->key);
	if (record.rc) {
		store_fail(txn, record.rc);
		return;
	}
	struct number_key k = number_key('n', s->number);
	store_put_buf(txn, STORE_HOOKS, number_bytes(&k), &record);
}

static int decode(struct bytes record, uint64_t number, struct subscriber *ret)
{
	struct wire w = wire_of(record);
	struct subscriber s = {.number = number};
	if (wire_get(&w, 1) != RECORD_VERSION)
		return SL_E_CORRUPT;
	s.pending = wire_get(&w, 8);
	s.pending_bytes = wire_get(&w, 8);
	s.dead = wire_get(&w, 8);
	s.dead_bytes = wire_get(&w, 8);
	s.gone_ms = (int64_t)wire_get(&w, 8);
	s.turns = (uint32_t)wire_get(&w, 4);
	s.key = wire_get_bytes(&w);
	if (w.bad || w.at != w.end)
		return SL_E_CORRUPT;
	*ret = s;
	return 0;
}

int outbox_get(struct store_txn *txn, uint64_t subscriber, struct subscriber *ret)
{
	struct number_key k = number_key('n', subscriber);
	struct bytes record;
	int rc = store_get(txn, STORE_HOOKS, number_bytes(&k), &record);
	return rc ? rc : decode(record, subscriber, ret);
}

int outbox_load_subscriber(struct store_txn *txn, uint64_t number, struct buf *keep,
			   struct subscriber *ret)
{
	struct subscriber s;
	int rc = outbox_get(txn, number, &s);
	if (rc)
		return rc;
	buf_reset(keep);
	buf_add_bytes(keep, s.key);
	s.key = buf_bytes(keep);
	*ret = s;
	return keep->rc;
}

/* ---- coming and going ---- */

static int number_of(struct store_txn *txn, struct bytes key, uint64_t *ret)
{
	struct name_key k = name_key(key);
	struct bytes value;
	int rc = store_get(txn, STORE_HOOKS, bytes_of(k.at, k.len), &value);
	if (rc)
		return rc;
	if (value.len != 8)
		return SL_E_CORRUPT;
	*ret = wire_from_be(value.at, 8);
	return 0;
}

int outbox_find(struct store_txn *txn, struct bytes key, struct subscriber *ret)
{
	uint64_t number;
	int rc = number_of(txn, key, &number);
	return rc ? rc : outbox_get(txn, number, ret);
}

static int next_number(struct store_txn *txn, uint64_t *ret)
{
	struct bytes value;
	uint8_t text[8];
	int rc = store_get(txn, STORE_HOOKS, BYTES("c"), &value);
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	*ret = rc || value.len != 8 ? 1 : wire_from_be(value.at, 8) + 1;
	wire_be64(text, *ret);
	store_put(txn, STORE_HOOKS, BYTES("c"), bytes_of(text, 8));
	return 0;
}

int outbox_subscribe(struct store_txn *txn, struct bytes key)
{
	struct subscriber s = {.key = key};
	uint8_t value[8];
	int rc = number_of(txn, key, &s.number);
	if (rc != SL_E_NOT_FOUND)
		return rc;
	rc = next_number(txn, &s.number);
	if (rc)
		return rc;
	struct name_key k = name_key(key);
	wire_be64(value, s.number);
	store_put(txn, STORE_HOOKS, bytes_of(k.at, k.len), bytes_of(value, 8));
	outbox_put_subscriber(txn, &s);
	return 0;
}

int outbox_unsubscribe(struct store_txn *txn, struct bytes key)
{
	uint64_t number;
	int rc = number_of(txn, key, &number);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	struct name_key name = name_key(key);
	struct number_key record = number_key('n', number), garbage = number_key('g', number);
	store_del(txn, STORE_HOOKS, bytes_of(name.at, name.len));
	store_del(txn, STORE_HOOKS, number_bytes(&record));
	store_put(txn, STORE_HOOKS, number_bytes(&garbage), BYTES(""));
	return 0;
}

int outbox_gone(struct store_txn *txn, uint64_t subscriber, uint32_t turns, int64_t now_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct subscriber s;
	buf_init(&keep, 1024);
	int rc = outbox_load_subscriber(txn, subscriber, &keep, &s);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	if (s.gone_ms || s.turns != turns)
		return 0;
	s.gone_ms = now_ms;
	outbox_put_subscriber(txn, &s);
	return 0;
}

int outbox_turned_on(struct store_txn *txn, struct bytes key)
{
	scoped(buf_finip) struct buf keep = {0};
	struct subscriber s;
	uint64_t number;
	buf_init(&keep, 1024);
	int rc = number_of(txn, key, &number);
	if (!rc)
		rc = outbox_load_subscriber(txn, number, &keep, &s);
	if (rc)
		return rc;
	s.gone_ms = 0;
	s.turns++;
	outbox_put_subscriber(txn, &s);
	return 0;
}

/* ---- walking ---- */

static int first_behind(struct store_txn *txn, char letter, uint64_t after, uint64_t *ret,
			struct bytes *val)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct number_key from = number_key(letter, after + 1);
	struct bytes key;
	int rc = store_cursor_open(txn, STORE_HOOKS, &c);
	if (!rc)
		rc = store_seek(c, number_bytes(&from), &key, val);
	if (!rc && (key.len != 9 || *(const char *)key.at != letter))
		rc = SL_E_NOT_FOUND;
	if (!rc)
		*ret = wire_from_be((const uint8_t *)key.at + 1, 8);
	return rc;
}

int outbox_next(struct store_txn *txn, uint64_t after, struct subscriber *ret)
{
	struct bytes val;
	uint64_t number;
	int rc = first_behind(txn, 'n', after, &number, &val);
	return rc ? rc : decode(val, number, ret);
}

int outbox_garbage(struct store_txn *txn, uint64_t *ret)
{
	struct bytes val;
	return first_behind(txn, 'g', 0, ret, &val);
}

void outbox_forget(struct store_txn *txn, uint64_t number)
{
	struct number_key k = number_key('g', number);
	store_del(txn, STORE_HOOKS, number_bytes(&k));
}
