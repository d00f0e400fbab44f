#include "core/ledger/feed.h"

#include "core/base/clock.h"
#include "core/json/index.h"
#include "core/wire.h"

enum { RECORD_VERSION = 1, RECORD_MAX = 8 * 1024, DROP_EVERY = 8, DROP_MAX = 4 * DROP_EVERY };

struct feed_key {
	uint8_t at[8];
};

static struct feed_key key_of(uint64_t number)
{
	struct feed_key k;
	wire_be64(k.at, number);
	return k;
}

static struct bytes key_bytes(const struct feed_key *k) { return bytes_of(k->at, sizeof(k->at)); }

static uint64_t number_of(struct bytes key) { return key.len == 8 ? wire_from_be(key.at, 8) : 0; }

/* ---- records ---- */

void feed_encode(const struct feed_entry *e, struct buf *to)
{
	wire_put(to, RECORD_VERSION, 1);
	buf_add(to, e->job.at, sizeof(e->job.at));
	wire_put(to, e->state, 1);
	wire_put(to, e->previous, 1);
	wire_put(to, e->sequence, 4);
	wire_put(to, (uint64_t)e->time_ms, 8);
	const struct bytes text[] = {e->user, e->name, e->kind, e->reason, e->reason_code};
	for (size_t i = 0; i < countof(text); i++)
		wire_put_bytes(to, text[i]);
}

static void get_id(struct wire *w, struct uuid *ret)
{
	for (size_t i = 0; i < sizeof(ret->at); i++)
		ret->at[i] = (uint8_t)wire_get(w, 1);
}

int feed_decode(struct bytes record, struct feed_entry *ret)
{
	struct wire w = wire_of(record);
	struct feed_entry e = {0};
	if (wire_get(&w, 1) != RECORD_VERSION)
		return SL_E_CORRUPT;
	get_id(&w, &e.job);
	e.state = (enum job_state)wire_get(&w, 1);
	e.previous = (enum job_state)wire_get(&w, 1);
	e.sequence = (uint32_t)wire_get(&w, 4);
	e.time_ms = (int64_t)wire_get(&w, 8);
	struct bytes *const text[] = {&e.user, &e.name, &e.kind, &e.reason, &e.reason_code};
	for (size_t i = 0; i < countof(text); i++)
		*text[i] = wire_get_bytes(&w);
	if (w.bad || w.at != w.end || e.state >= JOB_STATES || e.previous >= JOB_STATES)
		return SL_E_CORRUPT;
	*ret = e;
	return 0;
}

/* ---- ends ---- */

static int end_of(struct store_txn *txn, bool newest, uint64_t *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_FEED, &c);
	if (rc)
		return rc;
	rc = newest ? store_seek_last(c, BYTES(""), &key, &val)
		    : store_seek(c, BYTES(""), &key, &val);
	*ret = rc ? 0 : number_of(key);
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int feed_newest(struct store_txn *txn, uint64_t *ret) { return end_of(txn, true, ret); }

int feed_oldest(struct store_txn *txn, uint64_t *ret) { return end_of(txn, false, ret); }

/* ---- appending ---- */

static bool is_over(uint64_t number, struct bytes record, uint64_t newest, int64_t now_ms)
{
	struct feed_entry e;
	return newest - number >= FEED_MAX || feed_decode(record, &e) ||
	       e.time_ms + FEED_KEEP_MS < now_ms;
}

/* Every now and then; more go than come, so what is over is gone soon. */
static void drop_old(struct store_txn *txn, uint64_t newest, int64_t now_ms)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	if (newest % DROP_EVERY || store_cursor_open(txn, STORE_FEED, &c) ||
	    store_seek(c, BYTES(""), &key, &val))
		return;
	for (int i = 0; i < DROP_MAX; i++) {
		uint64_t number = number_of(key);
		if (number >= newest || !is_over(number, val, newest, now_ms))
			return;
		struct feed_key k = key_of(number);
		store_del(txn, STORE_FEED, key_bytes(&k));
		if (store_next(c, &key, &val))
			return;
	}
}

void feed_append(struct store_txn *txn, const struct job *job, enum job_state previous)
{
	scoped(buf_finip) struct buf record = {0};
	uint64_t newest;
	if (feed_newest(txn, &newest))
		return; /* the failure sticks to the transaction */
	struct feed_entry e = {
		.number = newest + 1,
		.job = job->id,
		.state = job->state,
		.previous = previous,
		.sequence = job->moves,
		.time_ms = job->since_ms,
		.user = job->user,
		.name = job->name,
		.kind = job->kind,
		.reason = job->reason,
		.reason_code = job->reason_code,
	};
	buf_init(&record, RECORD_MAX);
	feed_encode(&e, &record);
	if (record.rc) {
		store_fail(txn, record.rc);
		return;
	}
	struct feed_key k = key_of(e.number);
	store_put_buf(txn, STORE_FEED, key_bytes(&k), &record);
	drop_old(txn, e.number, e.time_ms);
}

/* ---- reading ---- */

static int walk(struct store_cursor *c, uint64_t after, feed_entry_fn each, void *user)
{
	struct feed_key from = key_of(after + 1);
	struct bytes key, val;
	int rc;
	for (rc = store_seek(c, key_bytes(&from), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val)) {
		struct feed_entry e;
		rc = feed_decode(val, &e);
		if (rc)
			return rc;
		e.number = number_of(key);
		if (!each(user, &e))
			return 0;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int feed_read(struct store_txn *txn, uint64_t after, feed_entry_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	uint64_t oldest;
	int rc = feed_oldest(txn, &oldest);
	if (!rc && oldest > after + 1)
		return SL_E_GONE;
	if (!rc)
		rc = store_cursor_open(txn, STORE_FEED, &c);
	return rc ? rc : walk(c, after, each, user);
}

/* ---- what is sent ---- */

static void add_text(struct buf *to, const char *key, struct bytes text)
{
	buf_add_str(to, ", \"");
	buf_add_str(to, key);
	buf_add_str(to, "\": ");
	json_quote(to, text);
}

void feed_body(const struct feed_entry *e, struct buf *to)
{
	char id[UUID_TEXT_SIZE], time[TIME_TEXT_SIZE];
	buf_add_str(to, "{\"id\": \"");
	buf_add_str(to, uuid_format(e->job, id));
	buf_add_str(to, "\"");
	add_text(to, "current_state", bytes_str(job_state_name(e->state)));
	if (e->sequence > 1)
		add_text(to, "previous_state", bytes_str(job_state_name(e->previous)));
	else
		buf_add_str(to, ", \"previous_state\": null");
	buf_add_str(to, ", \"sequence\": ");
	buf_add_number(to, e->sequence);
	add_text(to, "time", bytes_str(time_format(e->time_ms, time)));
	add_text(to, "userID", e->user);
	add_text(to, "jobName", e->name);
	add_text(to, "jobKind", e->kind);
	add_text(to, "reason", e->reason);
	add_text(to, "reasonCode", e->reason_code);
	buf_add_char(to, '}');
}
