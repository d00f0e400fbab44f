/* Lists and counts of jobs: which index a filter walks, and the walk. */
#include "core/ledger/ledger.h"
#include "core/wire.h"

static bool any_of(struct bytes text, const struct bytes *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_eq(text, list[i]))
			return true;
	return n == 0;
}

bool job_filter_matches(const struct job_filter *f, const struct job *job)
{
	return (!f->states || f->states & 1u << job->state) &&
	       any_of(job->user, f->user, f->users) && any_of(job->kind, f->kind, f->kinds) &&
	       any_of(job->reason_code, f->code, f->codes) &&
	       (!f->name.len || bytes_eq(f->name, job->name)) &&
	       (!f->plugin.len || bytes_eq(f->plugin, job->plugin)) &&
	       (!f->from_ms || job->created_ms >= f->from_ms) &&
	       (!f->to_ms || job->created_ms <= f->to_ms);
}

struct prefix {
	uint8_t at[1 + JOB_NAME_MAX + 1];
	size_t len;
};

static struct prefix text_prefix(char letter, struct bytes text)
{
	struct prefix p = {.at = {(uint8_t)letter}, .len = 1};
	if (text.len <= JOB_NAME_MAX) {
		memcpy(p.at + 1, text.at, text.len);
		p.len += text.len;
	}
	p.at[p.len++] = 0;
	return p;
}

/* The one index that holds every match; length 0: none is narrower than all jobs. */
static struct prefix narrowest(const struct job_filter *f)
{
	if (f->users == 1)
		return text_prefix('u', f->user[0]);
	if (f->states && (f->states & (f->states - 1)) == 0) {
		struct prefix p = {.at = {'s', (uint8_t)__builtin_ctz(f->states)}, .len = 2};
		return p;
	}
	if (f->kinds == 1)
		return text_prefix('k', f->kind[0]);
	return (struct prefix){.len = 0};
}

struct walk {
	struct store_txn *txn;
	struct store_cursor *cursor;
	struct prefix prefix;
	bool newest_first;
};

static int step(struct walk *w, struct bytes *key)
{
	struct bytes val;
	return w->newest_first ? store_prev(w->cursor, key, &val)
			       : store_next(w->cursor, key, &val);
}

/* Stand on the first entry behind `after` in the direction of the walk. */
static int start(struct walk *w, struct uuid after, struct bytes *key)
{
	uint8_t from[sizeof(w->prefix.at) + 16];
	struct bytes val;
	bool fresh = uuid_is_nil(after);
	memcpy(from, w->prefix.at, w->prefix.len);
	memset(from + w->prefix.len, w->newest_first ? 0xff : 0, 16);
	if (!fresh)
		memcpy(from + w->prefix.len, after.at, 16);
	struct bytes at = bytes_of(from, w->prefix.len + 16);
	int rc = w->newest_first ? store_seek_last(w->cursor, at, key, &val)
				 : store_seek(w->cursor, at, key, &val);
	if (rc == 0 && !fresh && bytes_eq(*key, at))
		rc = step(w, key);
	return rc;
}

static bool inside(const struct walk *w, struct bytes key)
{
	return key.len == w->prefix.len + 16 &&
	       (w->prefix.len == 0 || memcmp(key.at, w->prefix.at, w->prefix.len) == 0);
}

/* Ids carry their time: outside of it a walk can end (1) or go on (0, -1: not yet in). */
static int against_time(const struct job_filter *f, struct uuid id, bool newest_first)
{
	int64_t ms = uuid_time_ms(id), slack = 24 * 3600 * 1000;
	bool before = f->from_ms && ms < f->from_ms - slack,
	     past = f->to_ms && ms > f->to_ms + slack;
	return newest_first ? before : past;
}

int ledger_walk(struct store_txn *txn, const struct job_filter *f, bool newest_first,
		struct uuid after, ledger_job_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct walk w = {.txn = txn, .prefix = narrowest(f), .newest_first = newest_first};
	struct bytes key;
	int rc = store_cursor_open(txn, w.prefix.len ? STORE_INDEX : STORE_JOBS, &cursor);
	if (rc)
		return rc;
	w.cursor = cursor;
	for (rc = start(&w, after, &key); rc == 0 && inside(&w, key); rc = step(&w, &key)) {
		struct uuid id;
		struct job job;
		memcpy(id.at, (const uint8_t *)key.at + w.prefix.len, 16);
		if (against_time(f, id, newest_first))
			break;
		int got = ledger_get(txn, id, &job);
		if (got)
			return got;
		if (job_filter_matches(f, &job) && !each(user, &job))
			break;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

struct tally {
	uint64_t n, most;
	bool more;
};

static bool tally_one(void *user, const struct job *job SL_UNUSED)
{
	struct tally *t = user;
	if (t->n == t->most) {
		t->more = true;
		return false;
	}
	t->n++;
	return true;
}

/* With at most one facet a counter knows; returns false when the jobs must be walked. */
static bool counted(struct store_txn *txn, const struct job_filter *f, uint64_t *ret)
{
	bool one_state = f->states && (f->states & (f->states - 1)) == 0;
	int facets = (f->states != 0) + (f->users != 0) + (f->kinds != 0);
	if (facets > 1 || f->codes || f->name.len || f->plugin.len || f->from_ms || f->to_ms ||
	    (f->states && !one_state) || f->users > 1 || f->kinds > 1)
		return false;
	struct prefix p = narrowest(f);
	struct bytes value, key = p.len ? bytes_of(p.at, p.len) : BYTES("a");
	*ret = store_get(txn, STORE_COUNTS, key, &value) == 0 && value.len == 8
		       ? wire_from_be(value.at, 8)
		       : 0;
	return true;
}

int ledger_count(struct store_txn *txn, const struct job_filter *f, uint64_t most, uint64_t *ret,
		 bool *ret_more)
{
	*ret_more = false;
	if (counted(txn, f, ret))
		return 0;
	struct tally t = {.most = most};
	static const struct uuid nil = {{0}};
	int rc = ledger_walk(txn, f, true, nil, tally_one, &t);
	*ret = t.n;
	*ret_more = t.more;
	return rc;
}

/* ---- ids alone ---- */

static int ids_below(struct store_txn *txn, struct prefix prefix, struct uuid after,
		     struct uuid *ids, size_t max, size_t *ret_n)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct walk w = {.txn = txn, .prefix = prefix};
	struct bytes key;
	size_t n = 0;
	int rc = store_cursor_open(txn, STORE_INDEX, &cursor);
	if (rc)
		return rc;
	w.cursor = cursor;
	for (rc = start(&w, after, &key); rc == 0 && n < max && inside(&w, key);
	     rc = step(&w, &key))
		memcpy(ids[n++].at, (const uint8_t *)key.at + prefix.len, 16);
	*ret_n = n;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_ids_in(struct store_txn *txn, enum job_state state, struct uuid after, struct uuid *ids,
		  size_t max, size_t *ret_n)
{
	return ids_below(txn, (struct prefix){{'s', (uint8_t)state}, 2}, after, ids, max, ret_n);
}

int ledger_ids_held(struct store_txn *txn, struct uuid after, struct uuid *ids, size_t max,
		    size_t *ret_n)
{
	return ids_below(txn, (struct prefix){{'h'}, 1}, after, ids, max, ret_n);
}

uint64_t ledger_count_held(struct store_txn *txn)
{
	struct bytes value;
	return store_get(txn, STORE_COUNTS, BYTES("h"), &value) == 0 && value.len == 8
		       ? wire_from_be(value.at, 8)
		       : 0;
}
