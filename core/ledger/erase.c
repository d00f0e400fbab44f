#include "core/ledger/erase.h"

#include "core/ledger/docs.h"
#include "core/ledger/kept.h"
#include "core/wire.h"

enum { ID_SIZE = 16, ENDED_SIZE = 1 + 8 + ID_SIZE, MARK_SIZE = 1 + ID_SIZE };

static const struct bytes newest_key = {"erased", 6};

static struct bytes id_bytes(const struct uuid *id) { return bytes_of(id->at, ID_SIZE); }

/* ---- by their end ---- */

void ledger_put_ended(struct store_txn *txn, const struct job *job, bool there)
{
	uint8_t key[ENDED_SIZE] = {'f'};
	wire_be64(key + 1, (uint64_t)job->finished_ms);
	memcpy(key + 9, job->id.at, ID_SIZE);
	if (there)
		store_put(txn, STORE_INDEX, bytes_of(key, sizeof(key)), BYTES(""));
	else
		store_del(txn, STORE_INDEX, bytes_of(key, sizeof(key)));
}

/* The job that ended first. */
static int first_ended(struct store_txn *txn, int64_t *ret_ms, struct uuid *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	if (!rc)
		rc = store_seek(c, BYTES("f"), &key, &val);
	if (rc)
		return rc;
	const uint8_t *at = key.at;
	if (at[0] != 'f')
		return SL_E_NOT_FOUND;
	if (key.len != ENDED_SIZE)
		return SL_E_CORRUPT;
	*ret_ms = (int64_t)wire_from_be(at + 1, 8);
	memcpy(ret->at, at + 9, ID_SIZE);
	return 0;
}

static int count_final(struct store_txn *txn, uint64_t *ret)
{
	static const enum job_state final[] = {JOB_SUCCEEDED, JOB_FAILED, JOB_STOPPED};
	int rc = 0;
	*ret = 0;
	for (size_t i = 0; i < countof(final) && !rc; i++) {
		struct job_filter f = {.states = 1u << final[i]};
		uint64_t n;
		bool more;
		rc = ledger_count(txn, &f, UINT64_MAX, &n, &more);
		*ret += rc ? 0 : n;
	}
	return rc;
}

static int erase_id(struct store_txn *txn, struct uuid id, int64_t ended_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, id, &keep, &job);
	if (rc != SL_E_NOT_FOUND)
		return rc ? rc : ledger_erase(txn, &job);
	struct job gone = {.id = id, .finished_ms = ended_ms};
	ledger_put_ended(txn, &gone, false);
	return 0;
}

int ledger_erase_old(struct store_txn *txn, const struct retention *keep, size_t most,
		     size_t *ret_n)
{
	uint64_t final;
	int rc = count_final(txn, &final);
	for (*ret_n = 0; !rc && *ret_n < most; ++*ret_n) {
		struct uuid id;
		int64_t ended_ms;
		rc = first_ended(txn, &ended_ms, &id);
		if (rc || (ended_ms >= keep->before_ms && final - *ret_n <= keep->count))
			return rc == SL_E_NOT_FOUND ? 0 : rc;
		rc = erase_id(txn, id, ended_ms);
	}
	return rc ? rc : store_failed(txn);
}

/* ---- one job ---- */

static struct bytes mark_key(struct uuid id, uint8_t key[MARK_SIZE])
{
	key[0] = 'e';
	memcpy(key + 1, id.at, ID_SIZE);
	return bytes_of(key, MARK_SIZE);
}

int ledger_newest_erased(struct store_txn *txn, struct uuid *ret)
{
	struct bytes value;
	*ret = (struct uuid){{0}};
	int rc = store_get(txn, STORE_META, newest_key, &value);
	if (rc)
		return rc == SL_E_NOT_FOUND ? 0 : rc;
	if (value.len != ID_SIZE)
		return SL_E_CORRUPT;
	memcpy(ret->at, value.at, ID_SIZE);
	return 0;
}

int ledger_erase(struct store_txn *txn, const struct job *job)
{
	uint8_t key[MARK_SIZE];
	struct uuid newest;
	if (!job_final(job->state))
		return SL_E_CONFLICT;
	int rc = ledger_newest_erased(txn, &newest);
	if (rc)
		return rc;
	if (memcmp(job->id.at, newest.at, ID_SIZE) > 0)
		store_put(txn, STORE_META, newest_key, id_bytes(&job->id));
	store_put(txn, STORE_INDEX, mark_key(job->id, key), job->engine);
	ledger_put_ended(txn, job, false);
	kept_ended(txn, job, false);
	ledger_drop(txn, job);
	return 0;
}

int ledger_next_mark(struct store_txn *txn, struct uuid after, struct ledger_mark *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	uint8_t from[MARK_SIZE];
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	if (!rc)
		rc = store_seek(c, mark_key(after, from), &key, &val);
	if (!rc && bytes_eq(key, bytes_of(from, sizeof(from))))
		rc = store_next(c, &key, &val);
	if (rc)
		return rc;
	if (*(const uint8_t *)key.at != 'e')
		return SL_E_NOT_FOUND;
	if (key.len != MARK_SIZE || val.len > JOB_NAME_MAX)
		return SL_E_CORRUPT;
	*ret = (struct ledger_mark){0};
	memcpy(ret->id.at, (const uint8_t *)key.at + 1, ID_SIZE);
	if (val.len)
		memcpy(ret->engine, val.at, val.len);
	return 0;
}

void ledger_drop_mark(struct store_txn *txn, struct uuid id)
{
	uint8_t key[MARK_SIZE];
	store_del(txn, STORE_INDEX, mark_key(id, key));
}

/* All keys of a table that begin with the job's id. */
static int erase_from(struct store_txn *txn, enum store_table table, struct uuid id, size_t *left)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = *left ? store_cursor_open(txn, table, &c) : 0;
	if (!rc && *left)
		rc = store_seek(c, id_bytes(&id), &key, &val);
	while (!rc && *left) {
		if (key.len < ID_SIZE || memcmp(key.at, id.at, ID_SIZE) != 0)
			return 0;
		store_del(txn, table, key);
		--*left;
		rc = store_next(c, &key, &val);
	}
	return rc == SL_E_NOT_FOUND ? store_failed(txn) : rc;
}

int ledger_erase_rest(struct store_txn *txn, struct uuid id, size_t *left)
{
	static const enum store_table tables[] = {STORE_EVENTS, STORE_REPLICAS};
	int rc = docs_erase(txn, id, left);
	for (size_t i = 0; i < countof(tables) && !rc; i++)
		rc = erase_from(txn, tables[i], id, left);
	return rc;
}
