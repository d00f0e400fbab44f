/* Lists and counts of jobs: what a filter finds, and what counters know without a walk. */
#include "core/ledger/walk.h"
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

int ledger_walk(struct store_txn *txn, const struct job_filter *f, bool newest_first,
		struct uuid after, ledger_job_fn each, void *user)
{
	struct job_walk w = {.filter = f,
			     .newest_first = newest_first,
			     .after = after,
			     .most = UINT64_MAX,
			     .misses = SIZE_MAX};
	return job_walk(txn, &w, each, user);
}

/* ---- counting ---- */

static bool is_one(unsigned states) { return states && (states & (states - 1)) == 0; }

static uint64_t count_at(struct store_txn *txn, char letter, struct bytes text, bool ends)
{
	uint8_t key[1 + JOB_NAME_MAX + 1] = {(uint8_t)letter};
	size_t len = 1;
	struct bytes value;
	if (text.len > JOB_NAME_MAX)
		return 0;
	if (text.len)
		memcpy(key + len, text.at, text.len);
	len += text.len;
	if (ends)
		key[len++] = 0;
	return store_get(txn, STORE_COUNTS, bytes_of(key, len), &value) == 0 && value.len == 8
		       ? wire_from_be(value.at, 8)
		       : 0;
}

struct sum {
	const struct job_filter *filter;
	uint64_t n;
};

static void add_group(void *user, const struct job_group *group, uint64_t jobs)
{
	struct sum *s = user;
	struct job like = {
		.state = group->state, .reason_code = group->code, .plugin = group->plugin};
	if (job_filter_matches(s->filter, &like))
		s->n += jobs;
}

/* What counters know: all jobs; those of one user or kind; or those of any states, codes and
 * plugin. SL_E_NOT_FOUND: they do not know. */
int ledger_count_quickly(struct store_txn *txn, const struct job_filter *f, uint64_t *ret)
{
	bool grouped = f->states || f->codes || f->plugin.len;
	struct sum sum = {.filter = f};
	if (f->name.len || f->from_ms || f->to_ms ||
	    (f->users != 0) + (f->kinds != 0) + grouped > 1 || f->users > 1 || f->kinds > 1)
		return SL_E_NOT_FOUND;
	if (f->users || f->kinds) {
		*ret = count_at(txn, f->users ? 'u' : 'k', f->users ? *f->user : *f->kind, true);
		return 0;
	}
	if (!grouped) {
		*ret = count_at(txn, 'a', BYTES(""), false);
		return 0;
	}
	if (is_one(f->states) && !f->codes && !f->plugin.len) {
		*ret = ledger_count_state(txn, (enum job_state)__builtin_ctz(f->states));
		return 0;
	}
	int rc = ledger_groups(txn, SIZE_MAX, add_group, &sum);
	if (!rc)
		rc = ledger_final_groups(txn, add_group, &sum);
	*ret = sum.n;
	return rc;
}

int ledger_count(struct store_txn *txn, const struct job_filter *f, uint64_t most, uint64_t *ret,
		 bool *ret_more)
{
	struct job_walk w = {.filter = f, .newest_first = true, .most = most, .misses = SIZE_MAX};
	*ret_more = false;
	int rc = ledger_count_quickly(txn, f, ret);
	if (rc != SL_E_NOT_FOUND)
		return rc;
	rc = job_walk(txn, &w, NULL, NULL);
	*ret = most - w.most;
	if (rc || w.most || !w.more)
		return rc;
	w.most = 1; /* is there one more? */
	rc = job_walk(txn, &w, NULL, NULL);
	*ret_more = w.most == 0;
	return rc;
}

/* ---- ids alone ---- */

static int ids_below(struct store_txn *txn, struct bytes prefix, struct uuid after,
		     struct uuid *ids, size_t max, size_t *ret_n)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	uint8_t from[2 + sizeof(after.at)];
	memcpy(from, prefix.at, prefix.len);
	memcpy(from + prefix.len, after.at, sizeof(after.at));
	struct bytes at = bytes_of(from, prefix.len + sizeof(after.at)), key, val;
	size_t n = 0;
	int rc = store_cursor_open(txn, STORE_INDEX, &cursor);
	if (rc)
		return rc;
	rc = store_seek(cursor, at, &key, &val);
	if (rc == 0 && bytes_eq(key, at))
		rc = store_next(cursor, &key, &val);
	for (; rc == 0 && n < max && key.len == at.len && memcmp(key.at, from, prefix.len) == 0;
	     rc = store_next(cursor, &key, &val))
		memcpy(ids[n++].at, (const uint8_t *)key.at + prefix.len, sizeof(after.at));
	*ret_n = n;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_ids_in(struct store_txn *txn, enum job_state state, struct uuid after, struct uuid *ids,
		  size_t max, size_t *ret_n)
{
	const uint8_t key[2] = {'s', (uint8_t)state};
	return ids_below(txn, bytes_of(key, sizeof(key)), after, ids, max, ret_n);
}

int ledger_ids_held(struct store_txn *txn, struct uuid after, struct uuid *ids, size_t max,
		    size_t *ret_n)
{
	return ids_below(txn, BYTES("h"), after, ids, max, ret_n);
}

uint64_t ledger_count_held(struct store_txn *txn)
{
	struct bytes value;
	return store_get(txn, STORE_COUNTS, BYTES("h"), &value) == 0 && value.len == 8
		       ? wire_from_be(value.at, 8)
		       : 0;
}
