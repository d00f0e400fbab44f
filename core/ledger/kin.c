/* Parents and children: a child is stopped with its parent.
 *
 * INDEX 'p'+parent+child stands for each child that has not ended. With the stop of a job
 * that has such children INDEX 'o'+job is written, whose value is the last child seen to:
 * the children's stop is ordered in the transaction of the parent's, and carried out from
 * these entries, some at a time, until there are none. */
#include "core/ledger/ledger.h"

#include <stdio.h>

enum { ID_SIZE = 16 };

struct kin_key {
	uint8_t at[1 + 2 * ID_SIZE];
	size_t len;
};

static struct kin_key child_key(struct uuid parent, struct uuid child)
{
	struct kin_key k = {.at = {'p'}, .len = 1 + 2 * ID_SIZE};
	memcpy(k.at + 1, parent.at, ID_SIZE);
	memcpy(k.at + 1 + ID_SIZE, child.at, ID_SIZE);
	return k;
}

static struct kin_key order_key(struct uuid parent)
{
	struct kin_key k = {.at = {'o'}, .len = 1 + ID_SIZE};
	memcpy(k.at + 1, parent.at, ID_SIZE);
	return k;
}

static struct bytes key_bytes(const struct kin_key *k) { return bytes_of(k->at, k->len); }

void ledger_put_child(struct store_txn *txn, const struct job *job, bool there)
{
	if (uuid_is_nil(job->parent))
		return;
	struct kin_key k = child_key(job->parent, job->id);
	if (there)
		store_put(txn, STORE_INDEX, key_bytes(&k), BYTES(""));
	else
		store_del(txn, STORE_INDEX, key_bytes(&k));
}

/* The first child behind `after` (nil: of all) that has not ended. */
static int next_child(struct store_txn *txn, struct uuid parent, struct uuid after,
		      struct uuid *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct kin_key from = child_key(parent, after);
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	if (!rc)
		rc = store_seek(c, key_bytes(&from), &key, &val);
	if (!rc && bytes_eq(key, key_bytes(&from)))
		rc = store_next(c, &key, &val);
	if (rc)
		return rc;
	if (key.len != from.len || memcmp(key.at, from.at, 1 + ID_SIZE) != 0)
		return SL_E_NOT_FOUND;
	memcpy(ret->at, (const uint8_t *)key.at + 1 + ID_SIZE, ID_SIZE);
	return 0;
}

void ledger_order_kin(struct store_txn *txn, struct uuid parent)
{
	static const struct uuid nil = {{0}};
	struct uuid child;
	struct kin_key k = order_key(parent);
	if (next_child(txn, parent, nil, &child) == 0 &&
	    !store_has(txn, STORE_INDEX, key_bytes(&k)))
		store_put(txn, STORE_INDEX, key_bytes(&k), bytes_of(nil.at, ID_SIZE));
}

/* A parent whose children are to be stopped; SL_E_NOT_FOUND: there is none. */
static int next_order(struct store_txn *txn, struct uuid *ret_parent, struct uuid *ret_after)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_INDEX, &c);
	if (!rc)
		rc = store_seek(c, BYTES("o"), &key, &val);
	if (rc)
		return rc;
	if (((const uint8_t *)key.at)[0] != 'o')
		return SL_E_NOT_FOUND;
	if (key.len != 1 + ID_SIZE || val.len != ID_SIZE)
		return SL_E_CORRUPT;
	memcpy(ret_parent->at, (const uint8_t *)key.at + 1, ID_SIZE);
	memcpy(ret_after->at, val.at, ID_SIZE);
	return 0;
}

bool ledger_kin_waits(struct store_txn *txn)
{
	struct uuid parent, after;
	return next_order(txn, &parent, &after) == 0;
}

int ledger_stop(struct store_txn *txn, struct job *job, const struct why *why, int64_t now_ms)
{
	if (job->state == JOB_PREPARING || job->state == JOB_SUSPENDED)
		return ledger_move(txn, job, JOB_STOPPED, why, now_ms);
	if (job_final(job->state) || job->stopping)
		return SL_E_CONFLICT;
	struct event event = {.time_ms = now_ms,
			      .type = EVENT_REQUEST,
			      .state = job->state,
			      .stage = EVENT_NO_STAGE,
			      .outcome = BYTES("stop"),
			      .reason = bytes_cut(why->reason, JOB_REASON_MAX),
			      .reason_code = why->code,
			      .who = why->who};
	job->stopping = true;
	job->stop_reason = event.reason;
	job->stop_code = why->code;
	ledger_add_event(txn, job, &event);
	ledger_save(txn, job, job->next_ms);
	ledger_order_kin(txn, job->id);
	return 0;
}

static int stop_child(struct store_txn *txn, struct uuid parent, struct uuid child, int64_t now_ms,
		      struct kin *kin)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	char id[UUID_TEXT_SIZE], words[100];
	buf_init(&keep, SIZE_MAX / 2);
	int rc = ledger_load(txn, child, &keep, &job);
	if (rc)
		return rc;
	snprintf(words, sizeof(words), "its parent, job %s, was stopped", uuid_format(parent, id));
	struct why why = {.code = BYTES("stopped_with_parent"), .reason = bytes_str(words)};
	rc = ledger_stop(txn, &job, &why, now_ms);
	if (!rc)
		kin->id[kin->n++] = child;
	return rc == SL_E_CONFLICT ? 0 : rc; /* it is being stopped already */
}

/* 0: all children of this one are seen to. 1: there may be more. */
static int stop_children(struct store_txn *txn, struct uuid parent, struct uuid after,
			 int64_t now_ms, struct kin *kin)
{
	struct kin_key k = order_key(parent);
	struct uuid child;
	int rc;
	while ((rc = next_child(txn, parent, after, &child)) == 0) {
		if (kin->seen == KIN_MAX) {
			store_put(txn, STORE_INDEX, key_bytes(&k), bytes_of(after.at, ID_SIZE));
			return 1;
		}
		kin->seen++;
		rc = stop_child(txn, parent, child, now_ms, kin);
		if (rc)
			return rc;
		after = child;
	}
	if (rc == SL_E_NOT_FOUND)
		store_del(txn, STORE_INDEX, key_bytes(&k));
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_stop_kin(struct store_txn *txn, int64_t now_ms, struct kin *ret)
{
	struct uuid parent, after;
	int rc = 0;
	ret->n = ret->seen = 0;
	while (!rc && (rc = next_order(txn, &parent, &after)) == 0)
		rc = stop_children(txn, parent, after, now_ms, ret);
	ret->more = rc == 1;
	return rc < 0 && rc != SL_E_NOT_FOUND ? rc : 0;
}
