/* INDEX, COUNTS and TIMERS against the jobs. */
#include "core/check/internal.h"

#include "core/ledger/ledger.h"
#include "core/wire.h"

enum { PLUGIN_KEY_CUT = 255 };

static struct uuid id_behind(struct bytes key)
{
	struct uuid id = {{0}};
	memcpy(id.at, (const uint8_t *)key.at + key.len - 16, 16);
	return id;
}

static uint64_t number_of(struct bytes val) { return val.len == 8 ? wire_from_be(val.at, 8) : 0; }

/* ---- how many there are, against the counter ---- */

static void end_run(struct checking *c)
{
	struct bytes key = bytes_of(c->run, c->run_len), val;
	uint64_t n = c->run_n;
	c->run_n = 0;
	if (n == 0)
		return;
	uint64_t counted = store_get(c->txn, STORE_COUNTS, key, &val) ? 0 : number_of(val);
	if (counted != n)
		check_wrong(c, STORE_COUNTS, key, "the counter says %llu, there are %llu",
			    (unsigned long long)counted, (unsigned long long)n);
}

static void count_run(struct checking *c, struct bytes key)
{
	struct bytes prefix = bytes_of(key.at, key.len - 16);
	if (!bytes_eq(prefix, bytes_of(c->run, c->run_len)) || !c->run_n) {
		end_run(c);
		memcpy(c->run, prefix.at, prefix.len);
		c->run_len = prefix.len;
	}
	c->run_n++;
}

int check_index_end(struct checking *c)
{
	struct bytes val;
	uint64_t all = 0;
	end_run(c);
	int rc = store_get(c->txn, STORE_COUNTS, BYTES("a"), &val);
	if (!rc)
		all = number_of(val);
	if (all != c->sum->jobs)
		check_wrong(c, STORE_COUNTS, BYTES("a"), "the counter says %llu, there are %llu",
			    (unsigned long long)all, (unsigned long long)c->sum->jobs);
	return rc == SL_E_NOT_FOUND || rc == SL_E_CORRUPT ? 0 : rc;
}

/* ---- INDEX ---- */

static bool has_key(const struct check_keys *keys, struct bytes key)
{
	for (size_t i = 0; i < keys->n; i++)
		if (bytes_eq(check_bytes(&keys->key[i]), key))
			return true;
	return false;
}

/* A parent that is stopped, or being stopped, takes its children with it. */
static int check_child(struct checking *c, struct bytes key, const struct job *child)
{
	struct check_key order = {.at = {'o'}, .len = 1};
	struct job parent;
	int rc = check_job(c, child->parent, &parent);
	if (rc)
		return rc < 0 ? rc : 0; /* it may be erased */
	check_add(&order, bytes_of(parent.id.at, 16));
	if ((parent.stopping || parent.state == JOB_STOPPED) && !child->stopping &&
	    !store_has(c->txn, STORE_INDEX, check_bytes(&order)))
		wrong(c, key, "its parent was stopped, and nobody is to stop it");
	return 0;
}

static int check_of_job(struct checking *c, struct bytes key, struct bytes val)
{
	struct check_keys keys;
	struct job job;
	int rc = check_job(c, id_behind(key), &job);
	if (rc == 1)
		wrong(c, key, "its job is not there");
	if (rc)
		return rc < 0 ? rc : 0;
	check_index_keys(&job, &keys);
	if (!has_key(&keys, key))
		wrong(c, key, "its job is not like this");
	if (val.len)
		wrong(c, key, "it has a value");
	return *(const char *)key.at == 'p' ? check_child(c, key, &job) : 0;
}

static bool is_plain(struct bytes text)
{
	const uint8_t *at = text.at;
	for (size_t i = 0; i < text.len; i++)
		if (at[i] <= ' ' || at[i] > '~')
			return false;
	return true;
}

static void check_mark(struct checking *c, struct bytes key, struct bytes val)
{
	struct uuid id = id_behind(key);
	if (val.len > JOB_NAME_MAX || !is_plain(val))
		wrong(c, key, "the mark's engine has an impossible name");
	if (store_has(c->txn, STORE_JOBS, bytes_of(id.at, 16)))
		wrong(c, key, "it marks a job as erased that is there");
}

int check_index(struct checking *c, struct bytes key, struct bytes val)
{
	char letter = *(const char *)key.at;
	if (key.len < 17 || key.len > CHECK_KEY_MAX || !strchr("skujhpfxqweo", letter)) {
		wrong(c, key, "no index has such a key");
		return 0;
	}
	if (strchr("skuh", letter))
		count_run(c, key);
	if ((letter == 'e' || letter == 'o') && key.len != 17)
		wrong(c, key, "no index has such a key");
	else if (letter == 'e')
		check_mark(c, key, val);
	else if (letter == 'o' && val.len != 16)
		wrong(c, key, "the order to stop children cannot be read");
	else if (letter != 'e' && letter != 'o')
		return check_of_job(c, key, val);
	return 0;
}

/* ---- COUNTS ---- */

static bool is_usual(const struct job *job)
{
	static const char *const codes[] = {
		[JOB_PREPARING] = "in_admission",   [JOB_SUSPENDED] = "gate_suspended",
		[JOB_WAITING] = "waiting_for_slot", [JOB_RUNNING] = "running",
		[JOB_SUCCEEDED] = "succeeded",      [JOB_FAILED] = "replica_failed",
		[JOB_STOPPED] = "stopped_by_user",
	};
	return !job->plugin.len && bytes_is(job->reason_code, codes[job->state]);
}

void check_note_group(struct checking *c, const struct job *job)
{
	struct check_key k = {.at = {job_final(job->state) ? 'm' : 'n'}, .len = 1};
	struct bytes val;
	uint8_t number[8];
	if (is_usual(job))
		return;
	check_add(&k, bytes_cut(job->plugin, PLUGIN_KEY_CUT));
	k.at[k.len++] = 0;
	k.at[k.len++] = (uint8_t)job->state;
	check_add(&k, bytes_cut(job->reason_code, JOB_REASON_CODE_MAX));
	bool there = store_get(c->notes, STORE_COUNTS, check_bytes(&k), &val) == 0;
	wire_be64(number, there ? number_of(val) + 1 : 1);
	store_put(c->notes, STORE_COUNTS, check_bytes(&k), bytes_of(number, 8));
}

bool check_names_indexed(struct checking *c)
{
	struct bytes val;
	return store_get(c->txn, STORE_COUNTS, BYTES("N"), &val) == 0 && bytes_is(val, "2");
}

/* Groups are counted in stores that know them; those of jobs that have ended came later. */
static bool is_counted(struct checking *c, struct bytes key)
{
	return *(const char *)key.at == 'm' ? check_names_indexed(c)
					    : store_has(c->txn, STORE_COUNTS, BYTES("N"));
}

static void check_group(struct checking *c, struct bytes key, uint64_t n)
{
	struct bytes val;
	uint64_t jobs = store_get(c->notes, STORE_COUNTS, key, &val) ? 0 : number_of(val);
	if (is_counted(c, key) && n != jobs)
		wrong(c, key, "the counter says %llu, there are %llu", (unsigned long long)n,
		      (unsigned long long)jobs);
}

/* What the index does not have at all was not compared above. */
static int check_some(struct checking *c, struct bytes key)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct bytes at, val;
	int rc = store_cursor_open(c->txn, STORE_INDEX, &cursor);
	if (!rc)
		rc = store_seek(cursor, key, &at, &val);
	if (rc == SL_E_NOT_FOUND ||
	    (!rc && (at.len != key.len + 16 || memcmp(at.at, key.at, key.len) != 0))) {
		wrong(c, key, "it counts what is not there");
		rc = 0;
	}
	return rc;
}

int check_count(struct checking *c, struct bytes key, struct bytes val)
{
	char letter = *(const char *)key.at;
	if (letter == 'N' && key.len == 1 && (bytes_is(val, "1") || bytes_is(val, "2")))
		return 0;
	if (!strchr("askuhnm", letter) || (letter == 'a' && key.len != 1) || val.len != 8 ||
	    number_of(val) == 0) {
		wrong(c, key, "this is no counter");
		return 0;
	}
	if (letter == 'n' || letter == 'm')
		check_group(c, key, number_of(val));
	else if (letter != 'a')
		return check_some(c, key);
	return 0;
}

int check_groups(struct checking *c)
{
	scoped(store_cursor_freep) struct store_cursor *cursor = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(c->notes, STORE_COUNTS, &cursor);
	if (rc)
		return rc;
	for (rc = store_seek(cursor, BYTES(""), &key, &val); rc == 0;
	     rc = store_next(cursor, &key, &val))
		if (is_counted(c, key) && !store_has(c->txn, STORE_COUNTS, key))
			check_wrong(c, STORE_COUNTS, key, "the counter is missing, there are %llu",
				    (unsigned long long)number_of(val));
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* ---- TIMERS ---- */

int check_timer(struct checking *c, struct bytes key, struct bytes val)
{
	struct job job;
	if (key.len != 24 || val.len) {
		wrong(c, key, "this is no timer");
		return 0;
	}
	int rc = check_job(c, id_behind(key), &job);
	if (rc == 1)
		wrong(c, key, "its job is not there");
	else if (!rc && job.next_ms != (int64_t)wire_from_be(key.at, 8))
		wrong(c, key, "its job waits for another time, or for none");
	return rc < 0 ? rc : 0;
}
