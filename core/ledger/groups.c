/* How many jobs are alike in state, reason code and plugin, without walking them: counters
 * in the transaction that moves a job, COUNTS 'n'+plugin+0+state+code; 'm' for final jobs.
 *
 * A job on its usual way (what usual_codes say, no plugin) has no counter of its own: there
 * are as many of those as the state's counter has more than the others of the state. So
 * jobs that nothing holds up cost nothing here. COUNTS 'N' says which were counted: "1"
 * unfinished ones, "2" all. */
#include "core/ledger/ledger.h"
#include "core/wire.h"

enum { PLUGIN_KEY_MAX = 255, GROUP_KEY_MAX = 1 + PLUGIN_KEY_MAX + 1 + 1 + JOB_REASON_CODE_MAX };

static const char *const usual_codes[] = {
	[JOB_PREPARING] = "in_admission",   [JOB_SUSPENDED] = "gate_suspended",
	[JOB_WAITING] = "waiting_for_slot", [JOB_RUNNING] = "running",
	[JOB_SUCCEEDED] = "succeeded",      [JOB_FAILED] = "replica_failed",
	[JOB_STOPPED] = "stopped_by_user",
};

struct group_key {
	uint8_t at[GROUP_KEY_MAX];
	size_t len;
};

static bool is_counted(const struct job_group *g)
{
	return g->there && (g->plugin.len || !bytes_is(g->code, usual_codes[g->state]));
}

static bool same(const struct job_group *a, const struct job_group *b)
{
	return a->state == b->state && bytes_eq(a->code, b->code) && bytes_eq(a->plugin, b->plugin);
}

static void key_add(struct group_key *k, struct bytes part)
{
	memcpy(k->at + k->len, part.at, part.len);
	k->len += part.len;
}

static struct group_key key_of(const struct job_group *g)
{
	struct group_key k = {.at = {job_final(g->state) ? 'm' : 'n'}, .len = 1};
	if (g->plugin.len)
		key_add(&k, bytes_cut(g->plugin, PLUGIN_KEY_MAX));
	k.at[k.len++] = 0;
	k.at[k.len++] = (uint8_t)g->state;
	if (g->code.len)
		key_add(&k, bytes_cut(g->code, JOB_REASON_CODE_MAX));
	return k;
}

static uint64_t number_of(struct bytes value)
{
	return value.len == 8 ? wire_from_be(value.at, 8) : 0;
}

static uint64_t count_at(struct store_txn *txn, struct bytes key)
{
	struct bytes value;
	return store_get(txn, STORE_COUNTS, key, &value) ? 0 : number_of(value);
}

static void count(struct store_txn *txn, const struct job_group *g, bool there)
{
	if (!is_counted(g))
		return;
	struct group_key k = key_of(g);
	store_add(txn, STORE_COUNTS, bytes_of(k.at, k.len), there ? 1 : -1);
}

void ledger_regroup(struct store_txn *txn, struct job *job)
{
	struct job_group now = {true, job->state, job->reason_code, job->plugin};
	if (job->group.there && same(&job->group, &now))
		return;
	count(txn, &job->group, false);
	count(txn, &now, true);
	job->group = now;
}

void ledger_ungroup(struct store_txn *txn, const struct job *job)
{
	count(txn, &job->group, false);
}

/* ---- reading ---- */

struct reading {
	ledger_group_fn each;
	void *user;
	size_t left;
	uint64_t seen[JOB_STATES];
};

/* A key of ours taken apart; false: it is none. */
static bool group_of(struct bytes key, char letter, struct job_group *ret)
{
	const uint8_t *at = key.at;
	const uint8_t *end =
		key.len > 3 && at[0] == (uint8_t)letter ? memchr(at + 1, 0, key.len - 1) : NULL;
	if (!end || end + 1 >= at + key.len || end[1] >= JOB_STATES)
		return false;
	ret->there = true;
	ret->plugin = bytes_of(at + 1, (size_t)(end - at) - 1);
	ret->state = (enum job_state)end[1];
	ret->code = bytes_of(end + 2, (size_t)(at + key.len - end) - 2);
	return true;
}

static int read_counted(struct store_txn *txn, struct reading *r, char letter)
{
	const uint8_t from = (uint8_t)letter;
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	struct job_group g;
	int rc = store_cursor_open(txn, STORE_COUNTS, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, bytes_of(&from, 1), &key, &val);
	     rc == 0 && r->left && group_of(key, letter, &g);
	     rc = store_next(c, &key, &val), r->left--) {
		r->seen[g.state] += number_of(val);
		r->each(r->user, &g, number_of(val));
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* What a state's counter has more than its groups. */
static void tell_rest(struct store_txn *txn, struct reading *r, enum job_state state)
{
	uint64_t all = ledger_count_state(txn, state);
	struct job_group g = {true, state, BYTES("other"), BYTES("other")};
	if (r->left)
		g.code = bytes_str(usual_codes[state]), g.plugin = BYTES("");
	if (all > r->seen[state])
		r->each(r->user, &g, all - r->seen[state]);
}

static int read_groups(struct store_txn *txn, bool final, size_t most, ledger_group_fn each,
		       void *user)
{
	struct reading r = {.each = each, .user = user, .left = most};
	int rc = read_counted(txn, &r, final ? 'm' : 'n');
	for (int state = 0; !rc && state < JOB_STATES; state++)
		if (job_final((enum job_state)state) == final)
			tell_rest(txn, &r, (enum job_state)state);
	return rc;
}

int ledger_values(struct store_txn *txn, enum ledger_by by, ledger_value_fn each, void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	const char letter = by == BY_USER ? 'u' : 'k';
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_COUNTS, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, bytes_of(&letter, 1), &key, &val);
	     rc == 0 && key.len > 1 && *(const char *)key.at == letter;
	     rc = store_next(c, &key, &val))
		if (!each(user, bytes_of((const char *)key.at + 1, key.len - 2), number_of(val)))
			break;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_groups(struct store_txn *txn, size_t most, ledger_group_fn each, void *user)
{
	return read_groups(txn, false, most, each, user);
}

int ledger_final_groups(struct store_txn *txn, ledger_group_fn each, void *user)
{
	return read_groups(txn, true, SIZE_MAX, each, user);
}

uint64_t ledger_count_state(struct store_txn *txn, enum job_state state)
{
	const uint8_t key[2] = {'s', (uint8_t)state};
	return count_at(txn, bytes_of(key, 2));
}

/* ---- a store from before there were groups ---- */

struct counting {
	struct store_txn *txn;
	bool unfinished; /* too */
};

static bool count_one(void *user, const struct job *job)
{
	struct counting *q = user;
	struct job_group g = {true, job->state, job->reason_code, job->plugin};
	char name[JOB_NAME_MAX];
	struct job named = {.id = job->id, .name = bytes_cut(job->name, JOB_NAME_MAX)};
	if (named.name.len) /* the first write takes away what was read */
		memcpy(name, named.name.at, named.name.len);
	named.name.at = name;
	if (q->unfinished || job_final(job->state))
		count(q->txn, &g, true);
	ledger_put_name(q->txn, &named, true);
	return true;
}

static int forget_groups(struct store_txn *txn, char letter)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	const uint8_t from = (uint8_t)letter;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_COUNTS, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, bytes_of(&from, 1), &key, &val);
	     rc == 0 && *(const char *)key.at == letter; rc = store_next(c, &key, &val))
		store_del(txn, STORE_COUNTS, key);
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_count_groups(struct store_txn *txn)
{
	static const struct uuid nil = {{0}};
	struct job_filter all = {0};
	struct counting q = {txn, true};
	struct bytes value;
	if (store_get(txn, STORE_COUNTS, BYTES("N"), &value) == 0) {
		if (bytes_is(value, "2"))
			return 0;
		q.unfinished = false;
	}
	int rc = forget_groups(txn, 'm');
	if (!rc && q.unfinished)
		rc = forget_groups(txn, 'n');
	if (!rc)
		rc = ledger_walk(txn, &all, false, nil, count_one, &q);
	if (!rc)
		store_put(txn, STORE_COUNTS, BYTES("N"), BYTES("2"));
	return rc;
}
