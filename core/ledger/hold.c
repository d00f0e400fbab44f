#include "core/ledger/hold.h"

#include "core/wire.h"

enum { RECORD_VERSION = 1, RECORD_MAX = 4096 };

static const struct bytes prefix = {"hold.", 5};

struct hold_key {
	char at[5 + JOB_NAME_MAX + 1 + JOB_NAME_MAX];
	size_t len;
};

static void key_add(struct hold_key *k, struct bytes part)
{
	if (part.len)
		memcpy(k->at + k->len, part.at, part.len);
	k->len += part.len;
}

static struct hold_key key_of(struct bytes kind, struct bytes user)
{
	struct hold_key k = {.len = 0};
	key_add(&k, prefix);
	key_add(&k, bytes_cut(kind, JOB_NAME_MAX));
	k.at[k.len++] = '\0';
	key_add(&k, bytes_cut(user, JOB_NAME_MAX));
	return k;
}

static struct bytes key_bytes(const struct hold_key *k) { return bytes_of(k->at, k->len); }

static void encode(const struct hold *h, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	wire_put(to, (uint64_t)h->since_ms, 8);
	wire_put_bytes(to, h->who);
	wire_put_bytes(to, h->reason);
}

static int decode(struct bytes record, struct hold *ret)
{
	struct wire w = wire_of(record);
	if (wire_get(&w, 1) != RECORD_VERSION)
		return SL_E_CORRUPT;
	ret->since_ms = (int64_t)wire_get(&w, 8);
	ret->who = wire_get_bytes(&w);
	ret->reason = wire_get_bytes(&w);
	return w.bad || w.at != w.end ? SL_E_CORRUPT : 0;
}

static int get(struct store_txn *txn, struct bytes kind, struct bytes user, struct hold *ret)
{
	struct hold_key k = key_of(kind, user);
	struct bytes record;
	struct hold hold = {.kind = kind, .user = user};
	int rc = store_get(txn, STORE_META, key_bytes(&k), &record);
	if (!rc)
		rc = decode(record, &hold);
	if (!rc)
		*ret = hold;
	return rc;
}

int hold_put(struct store_txn *txn, const struct hold *hold)
{
	scoped(buf_finip) struct buf record = {0};
	struct hold_key k = key_of(hold->kind, hold->user);
	struct hold now = *hold, before;
	size_t n = 0;
	buf_init(&record, RECORD_MAX);
	int rc = get(txn, hold->kind, hold->user, &before);
	if (rc == 0)
		now.since_ms = before.since_ms;
	else if (rc == SL_E_NOT_FOUND)
		rc = hold_count(txn, &n);
	if (rc)
		return rc;
	if (n == HOLDS_MAX)
		return SL_E_TOO_BIG;
	encode(&now, &record);
	if (record.rc)
		return record.rc;
	store_put_buf(txn, STORE_META, key_bytes(&k), &record);
	return 0;
}

int hold_remove(struct store_txn *txn, struct bytes kind, struct bytes user)
{
	struct hold_key k = key_of(kind, user);
	if (!store_has(txn, STORE_META, key_bytes(&k)))
		return SL_E_NOT_FOUND;
	store_del(txn, STORE_META, key_bytes(&k));
	return 0;
}

int hold_find(struct store_txn *txn, struct bytes kind, struct bytes user, struct hold *ret)
{
	const struct bytes any = BYTES("");
	const struct bytes tries[][2] = {{any, any}, {kind, any}, {any, user}, {kind, user}};
	for (size_t i = 0; i < countof(tries); i++) {
		int rc = get(txn, tries[i][0], tries[i][1], ret);
		if (rc != SL_E_NOT_FOUND)
			return rc;
	}
	return SL_E_NOT_FOUND;
}

int hold_walk(struct store_txn *txn, hold_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_META, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, prefix, &key, &val); rc == 0 && bytes_starts(key, "hold.");
	     rc = store_next(c, &key, &val)) {
		const char *at = (const char *)key.at + prefix.len;
		const char *mid = memchr(at, '\0', key.len - prefix.len);
		struct hold hold;
		if (!mid)
			return SL_E_CORRUPT;
		hold.kind = bytes_of(at, (size_t)(mid - at));
		hold.user = bytes_of(mid + 1, key.len - prefix.len - hold.kind.len - 1);
		rc = decode(val, &hold);
		if (rc)
			return rc;
		each(user, &hold);
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static void add_one(void *user, const struct hold *hold SL_UNUSED) { ++*(size_t *)user; }

int hold_count(struct store_txn *txn, size_t *ret)
{
	size_t n = 0;
	int rc = hold_walk(txn, add_one, &n);
	if (!rc)
		*ret = n;
	return rc;
}

void hold_tell(const struct hold *hold, struct buf *to)
{
	buf_add_str(to, "admission");
	if (hold->kind.len)
		buf_addf(to, " of jobs of kind %.*s", BYTES_FMT(hold->kind));
	if (hold->user.len)
		buf_addf(to, " %s user %.*s", hold->kind.len ? "of" : "of jobs of",
			 BYTES_FMT(hold->user));
	buf_add_str(to, " is held");
	if (hold->reason.len)
		buf_addf(to, ": %.*s", BYTES_FMT(hold->reason));
}
