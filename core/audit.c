#include "core/audit.h"

#include "core/base/clock.h"
#include "core/base/crash.h"
#include "core/json/index.h"
#include "core/wire.h"

#include <inttypes.h>

/* A record: the time, the bytes of all records up to and with this one, and the text. */
enum { HEAD_SIZE = 16, RECORD_MAX = 256 << 10, DROP_MAX = 512, TEXT_MAX = 8 << 10 };

static const int64_t keep_ms = AUDIT_KEEP_DAYS * INT64_C(24) * 3600 * 1000;

struct audit_key {
	uint8_t at[8];
};

struct record {
	uint64_t number;
	int64_t time_ms;
	uint64_t bytes; /* of all so far */
	struct bytes text;
};

static struct audit_key key_of(uint64_t number)
{
	struct audit_key k;
	wire_be64(k.at, number);
	return k;
}

static struct bytes key_bytes(const struct audit_key *k) { return bytes_of(k->at, sizeof(k->at)); }

static int read_record(struct bytes key, struct bytes val, struct record *ret)
{
	if (key.len != 8 || val.len < HEAD_SIZE)
		return SL_E_CORRUPT;
	const uint8_t *at = val.at;
	*ret = (struct record){.number = wire_from_be(key.at, 8),
			       .time_ms = (int64_t)wire_from_be(at, 8),
			       .bytes = wire_from_be(at + 8, 8),
			       .text = bytes_of(at + HEAD_SIZE, val.len - HEAD_SIZE)};
	return 0;
}

int audit_decode(struct bytes key, struct bytes val, struct audit_shown *ret)
{
	struct record r;
	int rc = read_record(key, val, &r);
	if (!rc)
		*ret = (struct audit_shown){r.number, r.time_ms, r.text};
	return rc;
}

/* The newest, or zeros. */
static int newest(struct store_txn *txn, struct record *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	*ret = (struct record){0};
	int rc = store_cursor_open(txn, STORE_AUDIT, &c);
	if (!rc)
		rc = store_seek_last(c, BYTES(""), &key, &val);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	return read_record(key, val, ret);
}

/* ---- writing ---- */

static void put_text(struct buf *to, const char *name, struct bytes text)
{
	buf_addf(to, ",\"%s\":", name);
	json_quote(to, bytes_cut(text, TEXT_MAX));
}

static void put_part(struct buf *to, const char *name, struct bytes json)
{
	if (!json.len)
		return;
	buf_addf(to, ",\"%s\":", name);
	if (json.len <= AUDIT_PART_MAX)
		buf_add_bytes(to, json);
	else
		buf_addf(to, "{\"leftOut\":\"%zu bytes\"}", json.len);
}

static void put_entry(struct buf *to, uint64_t number, int64_t time_ms, const struct audit_entry *e)
{
	char time[TIME_TEXT_SIZE];
	buf_addf(to, "{\"id\":%" PRIu64 ",\"time\":\"%s\"", number, time_format(time_ms, time));
	put_text(to, "token", e->by.token);
	put_text(to, "address", e->by.address);
	put_text(to, "action", bytes_str(e->action));
	if (e->target.len)
		put_text(to, "target", e->target);
	if (e->reason.len)
		put_text(to, "reason", e->reason);
	put_part(to, "before", e->before);
	put_part(to, "after", e->after);
	buf_add_char(to, '}');
}

static bool is_over(const struct record *r, const struct record *last)
{
	return last->number - r->number >= AUDIT_MAX || last->bytes - r->bytes > AUDIT_BYTES_MAX ||
	       last->time_ms - r->time_ms > keep_ms;
}

/* Step by step: more may go than comes, so what is over is gone soon. */
static void drop_old(struct store_txn *txn, const struct record *last)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	struct record r;
	if (store_cursor_open(txn, STORE_AUDIT, &c) || store_seek(c, BYTES(""), &key, &val))
		return;
	for (int i = 0; i < DROP_MAX; i++) {
		if (read_record(key, val, &r) || r.number >= last->number || !is_over(&r, last))
			return;
		struct audit_key k = key_of(r.number);
		store_del(txn, STORE_AUDIT, key_bytes(&k));
		if (store_next(c, &key, &val))
			return;
	}
}

void audit_append(struct store_txn *txn, const struct audit_entry *e)
{
	scoped(buf_finip) struct buf text = {0};
	struct record last;
	if (!e || newest(txn, &last))
		return; /* a failure sticks to the transaction */
	struct record now = {.number = last.number + 1,
			     .time_ms = e->time_ms > last.time_ms ? e->time_ms : last.time_ms};
	uint8_t head[HEAD_SIZE] = {0};
	buf_init(&text, RECORD_MAX);
	buf_add(&text, head, sizeof(head));
	put_entry(&text, now.number, now.time_ms, e);
	if (text.rc) {
		store_fail(txn, text.rc);
		return;
	}
	now.bytes = last.bytes + text.len;
	wire_be64((uint8_t *)text.at, (uint64_t)now.time_ms);
	wire_be64((uint8_t *)text.at + 8, now.bytes);
	struct audit_key k = key_of(now.number);
	store_put(txn, STORE_AUDIT, key_bytes(&k), buf_bytes(&text));
	drop_old(txn, &now);
	crash_at(CRASH_AUDIT_APPLIED);
}

struct audit_writing {
	struct write write;
	const struct audit_entry *entry;
};

static int apply(struct write *w, struct store_txn *txn)
{
	audit_append(txn, container_of(w, struct audit_writing, write)->entry);
	return 0;
}

int audit_write(struct writer *writer, const struct audit_entry *entry)
{
	struct audit_writing w = {.write = {.apply = apply}, .entry = entry};
	return writer_run(writer, &w.write);
}

/* ---- reading ---- */

/* Times never go back, so the first of a time is found by halves. */
static int find_since(struct store_cursor *c, int64_t since_ms, uint64_t *ret)
{
	struct bytes key, val;
	struct record r;
	int rc = store_seek(c, BYTES(""), &key, &val);
	if (!rc)
		rc = read_record(key, val, &r);
	uint64_t low = rc ? 1 : r.number;
	if (!rc)
		rc = store_seek_last(c, BYTES(""), &key, &val);
	if (!rc)
		rc = read_record(key, val, &r);
	uint64_t high = rc ? 0 : r.number + 1;
	while (!rc && low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct audit_key k = key_of(middle);
		rc = store_seek(c, key_bytes(&k), &key, &val);
		if (!rc)
			rc = read_record(key, val, &r);
		if (!rc && r.time_ms < since_ms)
			low = middle + 1;
		else
			high = middle;
	}
	*ret = low;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

static int seek(struct store_cursor *c, const struct audit_range *range, uint64_t first,
		struct bytes *key, struct bytes *val)
{
	struct audit_key k;
	if (range->newest_first) {
		k = key_of(range->beyond ? range->beyond - 1 : UINT64_MAX);
		return store_seek_last(c, key_bytes(&k), key, val);
	}
	k = key_of(range->beyond >= first ? range->beyond + 1 : first);
	return store_seek(c, key_bytes(&k), key, val);
}

int audit_read(struct store_txn *txn, const struct audit_range *range, audit_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	struct record r;
	uint64_t first = 1;
	int rc = store_cursor_open(txn, STORE_AUDIT, &c);
	if (!rc)
		rc = find_since(c, range->since_ms, &first);
	if (!rc)
		rc = seek(c, range, first, &key, &val);
	while (!rc) {
		rc = read_record(key, val, &r);
		if (rc)
			break;
		if (range->newest_first ? r.number < first : r.time_ms >= range->until_ms)
			break;
		struct audit_shown shown = {r.number, r.time_ms, r.text};
		if (r.time_ms < range->until_ms && !each(user, &shown))
			return 0;
		rc = range->newest_first ? store_prev(c, &key, &val) : store_next(c, &key, &val);
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}
