#include "core/ledger/ledger.h"

#include "core/ledger/erase.h"
#include "core/ledger/feed.h"
#include "core/ledger/kept.h"
#include "core/ledger/line.h"
#include "core/wire.h"

enum { KEY_SIZE = 1 + JOB_NAME_MAX + 1 + 16, RECORD_MAX = 64 * 1024, SEEN_DROP_MAX = 8 };

struct key {
	uint8_t at[KEY_SIZE];
	size_t len;
};

static struct bytes key_bytes(const struct key *k) { return bytes_of(k->at, k->len); }
static struct bytes id_bytes(const struct uuid *id) { return bytes_of(id->at, sizeof(id->at)); }

static void key_add(struct key *k, struct bytes part)
{
	if (part.len)
		memcpy(k->at + k->len, part.at, part.len);
	k->len += part.len;
}

/* ---- the record, its index and counters ---- */

enum facet { FACET_ALL, FACET_STATE, FACET_USER, FACET_KIND, FACETS, FACET_HELD = FACETS };

/* The prefix that jobs alike in one facet share, in INDEX and COUNTS. */
static struct key facet_key(enum facet facet, const struct job *job)
{
	static const char letters[FACETS + 1] = {'a', 's', 'u', 'k', 'h'};
	struct key k = {.at = {(uint8_t)letters[facet]}, .len = 1};
	uint8_t state = (uint8_t)job->state;
	if (facet == FACET_STATE)
		key_add(&k, bytes_of(&state, 1));
	else if (facet == FACET_USER)
		key_add(&k, bytes_cut(job->user, JOB_NAME_MAX));
	else if (facet == FACET_KIND)
		key_add(&k, bytes_cut(job->kind, JOB_NAME_MAX));
	if (facet == FACET_USER || facet == FACET_KIND)
		k.at[k.len++] = 0;
	return k;
}

static void index_put(struct store_txn *txn, enum facet facet, const struct job *job, bool there)
{
	struct key k = facet_key(facet, job);
	store_add(txn, STORE_COUNTS, key_bytes(&k), there ? 1 : -1);
	if (facet == FACET_ALL)
		return; /* JOBS itself is in that order */
	key_add(&k, id_bytes(&job->id));
	if (there)
		store_put(txn, STORE_INDEX, key_bytes(&k), BYTES(""));
	else
		store_del(txn, STORE_INDEX, key_bytes(&k));
}

void ledger_put_name(struct store_txn *txn, const struct job *job, bool there)
{
	struct key k = {.at = {'j'}, .len = 1};
	key_add(&k, bytes_cut(job->name, JOB_NAME_MAX));
	k.at[k.len++] = 0;
	key_add(&k, id_bytes(&job->id));
	if (there)
		store_put(txn, STORE_INDEX, key_bytes(&k), BYTES(""));
	else
		store_del(txn, STORE_INDEX, key_bytes(&k));
}

static bool is_held(const struct job_group *g)
{
	return g->there && g->state == JOB_PREPARING && bytes_is(g->code, JOB_CODE_HELD);
}

/* What the record that is stored says of the state is in `group`. */
static void index_state(struct store_txn *txn, const struct job *job)
{
	struct job before = {.id = job->id, .state = job->group.state};
	if (job->group.there && before.state == job->state)
		return;
	if (job->group.there)
		index_put(txn, FACET_STATE, &before, false);
	index_put(txn, FACET_STATE, job, true);
}

static void put_record(struct store_txn *txn, struct job *job)
{
	bool held = is_held(&job->group);
	index_state(txn, job);
	ledger_regroup(txn, job);
	if (is_held(&job->group) != held)
		index_put(txn, FACET_HELD, job, !held);
	ledger_line_up(txn, job);
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, RECORD_MAX);
	job_encode(job, &record);
	store_put_buf(txn, STORE_JOBS, id_bytes(&job->id), &record);
}

int ledger_get(struct store_txn *txn, struct uuid id, struct job *ret)
{
	struct bytes record;
	int rc = store_get(txn, STORE_JOBS, id_bytes(&id), &record);
	return rc ? rc : job_decode(record, ret);
}

int ledger_load(struct store_txn *txn, struct uuid id, struct buf *keep, struct job *ret)
{
	struct bytes record;
	int rc = store_get(txn, STORE_JOBS, id_bytes(&id), &record);
	if (rc)
		return rc;
	buf_reset(keep);
	buf_add_bytes(keep, record);
	return keep->rc ? keep->rc : job_decode(buf_bytes(keep), ret);
}

int ledger_newest(struct store_txn *txn, struct uuid *ret)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	int rc = store_cursor_open(txn, STORE_JOBS, &c);
	if (rc)
		return rc;
	rc = store_seek_last(c, BYTES(""), &key, &val);
	if (rc && rc != SL_E_NOT_FOUND)
		return rc;
	struct uuid last = {{0}};
	if (rc == 0 && key.len == sizeof(last.at))
		memcpy(last.at, key.at, sizeof(last.at));
	rc = ledger_newest_erased(txn, ret);
	if (!rc && memcmp(last.at, ret->at, sizeof(last.at)) > 0)
		*ret = last;
	return rc;
}

/* ---- events ---- */

static struct key event_key(struct uuid id, uint32_t number)
{
	struct key k = {.len = 20};
	memcpy(k.at, id.at, 16);
	wire_be32(k.at + 16, number);
	return k;
}

static bool log_is_full(const struct job *job)
{
	return job->log_bytes > EVENTS_BYTES_MAX ||
	       job->events - job->log_from > EVENTS_MAX - EVENTS_FIRST;
}

/* Those behind the first ones go, the oldest first; the newest always stays. */
static void drop_old_events(struct store_txn *txn, struct job *job)
{
	if (job->log_from < EVENTS_FIRST)
		job->log_from = EVENTS_FIRST;
	while (job->log_from + 1 < job->events && log_is_full(job)) {
		struct key k = event_key(job->id, job->log_from++);
		struct bytes record;
		if (store_get(txn, STORE_EVENTS, key_bytes(&k), &record))
			continue;
		job->log_bytes -= (uint32_t)record.len;
		store_del(txn, STORE_EVENTS, key_bytes(&k));
	}
}

void ledger_add_event(struct store_txn *txn, struct job *job, const struct event *event)
{
	scoped(buf_finip) struct buf record = {0};
	buf_init(&record, RECORD_MAX);
	event_encode(event, &record);
	uint32_t number = job->events++;
	struct key k = event_key(job->id, number);
	store_put_buf(txn, STORE_EVENTS, key_bytes(&k), &record);
	job->log_bytes += (uint32_t)record.len;
	drop_old_events(txn, job);
}

bool ledger_repeat_call(struct store_txn *txn, struct job *job, const struct event *event)
{
	enum { LOOK_BACK = 4 };
	for (uint32_t i = 1; i <= LOOK_BACK && i <= job->events; i++) {
		struct key k = event_key(job->id, job->events - i);
		scoped(buf_finip) struct buf record = {0};
		struct bytes value;
		struct event last;
		if (store_get(txn, STORE_EVENTS, key_bytes(&k), &value) ||
		    event_decode(value, &last))
			return false;
		if (last.type != EVENT_CALL)
			continue;
		if (!bytes_eq(last.plugin, event->plugin) ||
		    !bytes_eq(last.outcome, event->outcome) ||
		    !bytes_eq(last.reason, bytes_cut(event->reason, JOB_REASON_MAX)))
			return false;
		last.repeats++;
		buf_init(&record, RECORD_MAX);
		event_encode(&last, &record);
		job->log_bytes += (uint32_t)record.len - (uint32_t)value.len;
		store_put_buf(txn, STORE_EVENTS, key_bytes(&k), &record);
		return true;
	}
	return false;
}

int ledger_events(struct store_txn *txn, struct uuid id, uint32_t from, ledger_event_fn each,
		  void *user)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	struct key first = event_key(id, from);
	int rc = store_cursor_open(txn, STORE_EVENTS, &c);
	if (rc)
		return rc;
	for (rc = store_seek(c, key_bytes(&first), &key, &val); rc == 0;
	     rc = store_next(c, &key, &val)) {
		struct event event;
		if (key.len != 20 || memcmp(key.at, id.at, 16) != 0)
			return 0;
		rc = event_decode(val, &event);
		if (rc)
			return rc;
		if (!each(user, (uint32_t)wire_from_be((const uint8_t *)key.at + 16, 4), &event))
			return 0;
	}
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* ---- moves ---- */

static struct key timer_key(int64_t due_ms, struct uuid id)
{
	struct key k = {.len = 24};
	wire_be64(k.at, (uint64_t)due_ms);
	memcpy(k.at + 8, id.at, 16);
	return k;
}

static void set_timer(struct store_txn *txn, struct uuid id, int64_t due_ms, bool there)
{
	if (!due_ms)
		return;
	struct key k = timer_key(due_ms, id);
	if (there)
		store_put(txn, STORE_TIMERS, key_bytes(&k), BYTES(""));
	else
		store_del(txn, STORE_TIMERS, key_bytes(&k));
}

static void add_state_event(struct store_txn *txn, struct job *job, struct bytes who)
{
	struct event event = {.time_ms = job->since_ms,
			      .type = EVENT_STATE,
			      .state = job->state,
			      .stage = EVENT_NO_STAGE,
			      .plugin = job->plugin,
			      .reason = job->reason,
			      .reason_code = job->reason_code,
			      .who = who};
	job->moves++;
	ledger_add_event(txn, job, &event);
}

void ledger_insert(struct store_txn *txn, struct job *job)
{
	for (int facet = 0; facet < FACETS; facet++)
		if (facet != FACET_STATE) /* put_record() does */
			index_put(txn, (enum facet)facet, job, true);
	ledger_put_name(txn, job, true);
	job->group = (struct job_group){0}; /* a write may be tried twice */
	job->line = (struct job_line){0};
	ledger_put_child(txn, job, true);
	add_state_event(txn, job, job->token);
	feed_append(txn, job, job->state);
	put_record(txn, job);
}

void ledger_drop(struct store_txn *txn, const struct job *job)
{
	for (int facet = 0; facet < FACETS; facet++)
		index_put(txn, (enum facet)facet, job, false);
	ledger_put_name(txn, job, false);
	ledger_ungroup(txn, job);
	set_timer(txn, job->id, job->next_ms, false);
	store_del(txn, STORE_JOBS, id_bytes(&job->id));
}

int ledger_step(struct store_txn *txn, struct job *job, enum job_state to, const struct why *why,
		int64_t now_ms)
{
	if (!job_may_move(job->state, to))
		return SL_E_CONFLICT;
	enum job_state previous = job->state;
	set_timer(txn, job->id, job->next_ms, false);
	job->state = to;
	job->since_ms = now_ms;
	job->next = NEXT_NOTHING;
	job->next_ms = job->expires_ms = job->parked_ms = 0;
	job->reason = bytes_cut(why->reason, JOB_REASON_MAX);
	job->reason_code = bytes_cut(why->code, JOB_REASON_CODE_MAX);
	job->plugin = why->plugin;
	if (to == JOB_RUNNING)
		job->started_ms = now_ms;
	if (job_final(to)) {
		job->finished_ms = now_ms;
		job->exit_code = why->exit_code;
		ledger_put_child(txn, job, false);
		kept_ended(txn, job, true);
		ledger_put_ended(txn, job, true);
	}
	if (to == JOB_STOPPED)
		ledger_order_kin(txn, job->id);
	add_state_event(txn, job, why->who);
	feed_append(txn, job, previous);
	return 0;
}

int ledger_move(struct store_txn *txn, struct job *job, enum job_state to, const struct why *why,
		int64_t now_ms)
{
	int rc = ledger_step(txn, job, to, why, now_ms);
	if (!rc)
		put_record(txn, job);
	return rc;
}

void ledger_reword(struct store_txn *txn, struct job *job, const struct why *why,
		   const char *outcome, int64_t now_ms)
{
	struct event event = {.time_ms = now_ms,
			      .type = EVENT_NOTE,
			      .state = job->state,
			      .stage = EVENT_NO_STAGE,
			      .outcome = bytes_str(outcome),
			      .reason = why->reason,
			      .who = why->who};
	job->reason = bytes_cut(why->reason, JOB_REASON_MAX);
	job->reason_code = bytes_cut(why->code, JOB_REASON_CODE_MAX);
	job->plugin = why->plugin;
	job->since_ms = now_ms;
	ledger_add_event(txn, job, &event);
	put_record(txn, job);
}

void ledger_save(struct store_txn *txn, struct job *job, int64_t old_next_ms)
{
	if (old_next_ms != job->next_ms) {
		set_timer(txn, job->id, old_next_ms, false);
		set_timer(txn, job->id, job->next_ms, true);
	}
	put_record(txn, job);
}

/* ---- timers ---- */

int ledger_due(struct store_txn *txn, int64_t now_ms, struct uuid *ids, size_t max, size_t *ret_n,
	       int64_t *ret_next_ms)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	size_t n = 0;
	int rc = store_cursor_open(txn, STORE_TIMERS, &c);
	if (rc)
		return rc;
	*ret_next_ms = 0;
	for (rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val)) {
		if (key.len != 24)
			return SL_E_CORRUPT;
		int64_t due_ms = (int64_t)wire_from_be(key.at, 8);
		if (due_ms > now_ms || n == max) {
			*ret_next_ms = due_ms;
			break;
		}
		memcpy(ids[n++].at, (const uint8_t *)key.at + 8, 16);
	}
	*ret_n = n;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

int ledger_timers(struct store_txn *txn, struct timer_place behind, struct timer_place *ret,
		  size_t max, size_t *ret_n)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct key from = timer_key(behind.due_ms, behind.id);
	struct bytes key, val;
	size_t n = 0;
	int rc = store_cursor_open(txn, STORE_TIMERS, &c);
	if (!rc)
		rc = store_seek(c, key_bytes(&from), &key, &val);
	if (!rc && bytes_eq(key, key_bytes(&from)))
		rc = store_next(c, &key, &val);
	for (; rc == 0 && n < max; rc = store_next(c, &key, &val)) {
		if (key.len != 24)
			return SL_E_CORRUPT;
		ret[n].due_ms = (int64_t)wire_from_be(key.at, 8);
		memcpy(ret[n++].id.at, (const uint8_t *)key.at + 8, 16);
	}
	*ret_n = n;
	return rc == SL_E_NOT_FOUND ? 0 : rc;
}

/* ---- idempotency ---- */

int ledger_seen(struct store_txn *txn, const uint8_t key[32], int64_t now_ms, struct uuid *ret_job,
		uint8_t ret_body[32])
{
	struct bytes value;
	int rc = store_get(txn, STORE_SEEN, bytes_of(key, 32), &value);
	if (rc)
		return rc;
	if (value.len != 8 + 16 + 32)
		return SL_E_CORRUPT;
	const uint8_t *at = value.at;
	if ((int64_t)wire_from_be(at, 8) + SEEN_KEEP_MS < now_ms)
		return SL_E_NOT_FOUND;
	memcpy(ret_job->at, at + 8, 16);
	memcpy(ret_body, at + 24, 32);
	return 0;
}

static struct key seen_time_key(int64_t time_ms, const uint8_t key[32])
{
	struct key k = {.at = {'t'}, .len = 41};
	wire_be64(k.at + 1, (uint64_t)time_ms);
	memcpy(k.at + 9, key, 32);
	return k;
}

/* A key that was used again after its time has a newer entry: that one stays. */
static void drop_seen(struct store_txn *txn, const struct key *by_time)
{
	struct bytes value, key = bytes_of(by_time->at + 9, 32);
	bool newer = store_get(txn, STORE_SEEN, key, &value) == 0 && value.len >= 8 &&
		     memcmp(value.at, by_time->at + 1, 8) != 0;
	store_del(txn, STORE_SEEN, key_bytes(by_time));
	if (!newer)
		store_del(txn, STORE_SEEN, key);
}

/* Each new key makes room for a few that nobody asks for any more. */
static void drop_old_seen(struct store_txn *txn, int64_t now_ms)
{
	struct key from = seen_time_key(0, (const uint8_t[32]){0});
	for (int i = 0; i < SEEN_DROP_MAX; i++) {
		scoped(store_cursor_freep) struct store_cursor *c = NULL;
		struct bytes key, val;
		if (store_cursor_open(txn, STORE_SEEN, &c) ||
		    store_seek(c, key_bytes(&from), &key, &val) || key.len != 41 ||
		    (int64_t)wire_from_be((const uint8_t *)key.at + 1, 8) + SEEN_KEEP_MS >= now_ms)
			return;
		struct key old = {.len = key.len};
		memcpy(old.at, key.at, key.len);
		c = store_cursor_free(c);
		drop_seen(txn, &old);
	}
}

void ledger_put_seen(struct store_txn *txn, const uint8_t key[32], struct uuid job,
		     const uint8_t body[32], int64_t now_ms)
{
	uint8_t value[8 + 16 + 32];
	drop_old_seen(txn, now_ms);
	wire_be64(value, (uint64_t)now_ms);
	memcpy(value + 8, job.at, 16);
	memcpy(value + 24, body, 32);
	store_put(txn, STORE_SEEN, bytes_of(key, 32), bytes_of(value, sizeof(value)));
	struct key k = seen_time_key(now_ms, key);
	store_put(txn, STORE_SEEN, key_bytes(&k), BYTES(""));
}
