/* The book of jobs: index and counters after random moves, lists, timers, keys, logs. */
#include "core/base/crypt.h"
#include "core/ledger/walk.h"
#include "tests/lib/seeded.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { JOBS = 120, T0 = 1700000000 };

struct house {
	struct store *store;
	struct seeded random;
	struct id_source ids;
	struct uuid id[JOBS];
	enum job_state state[JOBS];
	char user[JOBS][8], kind[JOBS][8];
	size_t n;
	int64_t now;
};

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(crypt_start(), 0);
	assert_int_equal(store_open_mem(&h->store), 0);
	h->random.state = 7;
	h->now = (int64_t)T0 * 1000;
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	store_close(h->store);
	free(h);
	return 0;
}

static struct store_txn *begin(struct house *h, enum store_mode mode)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(h->store, mode, &txn), 0);
	return txn;
}

static void commit(struct store_txn *txn) { assert_int_equal(store_commit(&txn), 0); }

static void insert(struct house *h, const char *user, const char *kind, const char *name)
{
	struct store_txn *txn = begin(h, STORE_WRITE);
	size_t n = h->n++;
	snprintf(h->user[n], sizeof(h->user[n]), "%s", user);
	snprintf(h->kind[n], sizeof(h->kind[n]), "%s", kind);
	h->id[n] = id_next(&h->ids, h->now);
	struct job job = {.id = h->id[n],
			  .created_ms = h->now,
			  .since_ms = h->now,
			  .user = bytes_str(user),
			  .kind = bytes_str(kind),
			  .name = bytes_str(name),
			  .reason = BYTES("in admission"),
			  .reason_code = BYTES("in_admission")};
	ledger_insert(txn, &job);
	assert_int_equal(job.moves, 1);
	assert_int_equal(job.events, 1);
	commit(txn);
}

static int move(struct house *h, size_t i, enum job_state to, const char *code)
{
	scoped(buf_finip) struct buf keep;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job;
	struct why why = {.code = bytes_str(code), .reason = BYTES("r"), .exit_code = 5};
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id[i], &keep, &job), 0);
	int rc = ledger_move(txn, &job, to, &why, h->now);
	if (!rc)
		h->state[i] = to;
	commit(txn);
	return rc;
}

/* ---- lists against a plain model ---- */

struct seen {
	struct uuid id[JOBS];
	size_t n, most;
};

static bool see(void *user, const struct job *job)
{
	struct seen *s = user;
	s->id[s->n++] = job->id;
	return s->n != s->most;
}

static bool fits(const struct house *h, size_t i, const struct job_filter *f)
{
	bool user = !f->users, kind = !f->kinds;
	for (size_t k = 0; k < f->users; k++)
		user |= bytes_is(f->user[k], h->user[i]);
	for (size_t k = 0; k < f->kinds; k++)
		kind |= bytes_is(f->kind[k], h->kind[i]);
	return user && kind && (!f->states || f->states & 1u << h->state[i]);
}

static void check_filter(struct house *h, const struct job_filter *f)
{
	static const struct uuid nil = {{0}};
	struct store_txn *txn = begin(h, STORE_READ);
	size_t want[JOBS], n = 0;
	uint64_t counted;
	bool more;
	for (size_t i = 0; i < h->n; i++)
		if (fits(h, i, f))
			want[n++] = i;
	assert_int_equal(ledger_count(txn, f, 10000, &counted, &more), 0);
	assert_int_equal(counted, n);
	assert_false(more);
	for (int newest = 0; newest < 2; newest++) {
		struct seen all = {0};
		assert_int_equal(ledger_walk(txn, f, newest, nil, see, &all), 0);
		assert_int_equal(all.n, n);
		for (size_t i = 0; i < n; i++)
			assert_true(uuid_eq(all.id[i], h->id[want[newest ? n - 1 - i : i]]));
		/* page by page, from behind the last of each */
		struct uuid after = nil;
		for (size_t got = 0; got < n;) {
			struct seen page = {.most = 1 + seeded_below(&h->random, 7)};
			assert_int_equal(ledger_walk(txn, f, newest, after, see, &page), 0);
			assert_true(page.n > 0);
			for (size_t i = 0; i < page.n; i++, got++)
				assert_true(uuid_eq(page.id[i], all.id[got]));
			after = page.id[page.n - 1];
		}
	}
	store_abort(txn);
}

static void check_all_filters(struct house *h)
{
	static const struct bytes names[] = {{"u", 1}, {"uu", 2}, {"v", 1}, {"none", 4}};
	struct job_filter f = {0};
	check_filter(h, &f);
	for (unsigned s = 0; s < JOB_STATES; s++) {
		f = (struct job_filter){.states = 1u << s};
		check_filter(h, &f);
		f.users = 1;
		f.user = names;
		check_filter(h, &f);
	}
	for (size_t i = 0; i < countof(names); i++) {
		f = (struct job_filter){.user = &names[i], .users = 1};
		check_filter(h, &f);
		f = (struct job_filter){.kind = &names[i], .kinds = 1};
		check_filter(h, &f);
		f.states = 1u << JOB_FAILED | 1u << JOB_PREPARING;
		check_filter(h, &f);
	}
	f = (struct job_filter){.user = names, .users = 2, .kind = names + 1, .kinds = 2};
	check_filter(h, &f);
}

static void test_random_moves(void **state)
{
	struct house *h = *state;
	static const char *const names[] = {"u", "uu", "v"};
	for (int i = 0; i < 600; i++) {
		h->now += seeded_below(&h->random, 5);
		if (h->n < JOBS && seeded_chance(&h->random, 20)) {
			insert(h, names[seeded_below(&h->random, 3)],
			       names[seeded_below(&h->random, 3)], "n");
		} else if (h->n) {
			size_t k = seeded_below(&h->random, (uint32_t)h->n);
			enum job_state to = (enum job_state)seeded_below(&h->random, JOB_STATES),
				       from = h->state[k];
			assert_int_equal(move(h, k, to, "c"),
					 job_may_move(from, to) ? 0 : SL_E_CONFLICT);
		}
		if (i % 100 == 99)
			check_all_filters(h);
	}
}

static void test_other_filters(void **state)
{
	struct house *h = *state;
	static const struct uuid nil = {{0}};
	for (int i = 0; i < 10; i++) {
		insert(h, "u", "k", i % 2 ? "odd" : "even");
		h->now += 1000;
	}
	assert_int_equal(move(h, 3, JOB_SUSPENDED, "gate_suspended"), 0);
	struct store_txn *txn = begin(h, STORE_READ);
	struct bytes code = BYTES("gate_suspended");
	const struct {
		struct job_filter f;
		size_t n;
	} rows[] = {
		{{.name = BYTES("odd")}, 5},
		{{.code = &code, .codes = 1}, 1},
		{{.plugin = BYTES("nobody")}, 0},
		{{.from_ms = (T0 + 4) * 1000ll}, 6},
		{{.to_ms = (T0 + 4) * 1000ll + 999}, 5},
		{{.from_ms = (T0 + 2) * 1000ll, .to_ms = (T0 + 4) * 1000ll + 999}, 3},
		{{.from_ms = (T0 + 100) * 1000ll}, 0},
	};
	for (size_t i = 0; i < countof(rows); i++)
		for (int newest = 0; newest < 2; newest++) {
			struct seen s = {0};
			uint64_t n;
			bool more;
			assert_int_equal(ledger_walk(txn, &rows[i].f, newest, nil, see, &s), 0);
			assert_int_equal(s.n, rows[i].n);
			assert_int_equal(ledger_count(txn, &rows[i].f, 10000, &n, &more), 0);
			assert_int_equal(n, rows[i].n);
		}
	struct job_filter odd = {.name = BYTES("odd")};
	uint64_t n;
	bool more;
	assert_int_equal(ledger_count(txn, &odd, 4, &n, &more), 0);
	assert_int_equal(n, 4);
	assert_true(more);
	assert_int_equal(ledger_count(txn, &odd, 5, &n, &more), 0);
	assert_false(more);
	store_abort(txn);
}

/* Misses end a walk, and it goes on behind where it ended. */
static void test_a_walk_in_pieces(void **state)
{
	struct house *h = *state;
	for (int i = 0; i < 40; i++)
		insert(h, "u", i % 3 ? "k" : "l", "n");
	for (size_t i = 0; i < 40; i += 8)
		assert_int_equal(move(h, i, JOB_SUSPENDED, "odd"), 0);
	struct bytes code = BYTES("odd"), user = BYTES("u");
	struct job_filter f = {.code = &code, .codes = 1, .user = &user, .users = 1};
	struct store_txn *txn = begin(h, STORE_READ);
	for (int newest = 0; newest < 2; newest++) {
		struct job_walk w = {.filter = &f, .newest_first = newest, .more = true};
		struct seen all = {0};
		size_t pieces = 0;
		for (; w.more; pieces++) {
			w.most = UINT64_MAX;
			w.misses = 3;
			assert_int_equal(job_walk(txn, &w, see, &all), 0);
			assert_true(pieces < 40);
		}
		assert_int_equal(all.n, 5);
		for (size_t i = 0; i < 5; i++)
			assert_true(uuid_eq(all.id[i], h->id[newest ? 32 - 8 * i : 8 * i]));
		assert_true(pieces >= 35 / 3);
	}
	store_abort(txn);
}

static void test_a_walk_passes_over(void **state)
{
	struct house *h = *state;
	for (int i = 0; i < 30; i++)
		insert(h, i % 2 ? "u" : "v", "k", "n");
	struct bytes user = BYTES("u");
	struct job_filter f = {.user = &user, .users = 1};
	struct job_walk w = {.filter = &f, .skip = 4, .most = 3, .misses = SIZE_MAX};
	struct seen page = {0};
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(job_walk(txn, &w, see, &page), 0);
	assert_int_equal(page.n, 3);
	assert_true(uuid_eq(page.id[0], h->id[9]));
	assert_true(w.more);
	w.most = 100;
	assert_int_equal(job_walk(txn, &w, see, &page), 0);
	assert_int_equal(page.n, 11);
	assert_true(uuid_eq(page.id[3], h->id[15]));
	assert_false(w.more);
	store_abort(txn);
}

/* ---- moves ---- */

static void test_a_move(void **state)
{
	struct house *h = *state;
	struct job job;
	insert(h, "u", "k", "n");
	h->now += 5;
	assert_int_equal(move(h, 0, JOB_WAITING, "waiting_for_slot"), 0);
	h->now += 5;
	assert_int_equal(move(h, 0, JOB_RUNNING, "running"), 0);
	h->now += 5;
	assert_int_equal(move(h, 0, JOB_FAILED, "replica_failed"), 0);
	assert_int_equal(move(h, 0, JOB_STOPPED, "x"), SL_E_CONFLICT);
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(ledger_get(txn, h->id[0], &job), 0);
	assert_int_equal(job.created_ms, T0 * 1000ll);
	assert_int_equal(job.started_ms, T0 * 1000ll + 10);
	assert_int_equal(job.finished_ms, T0 * 1000ll + 15);
	assert_int_equal(job.exit_code, 5);
	assert_int_equal(job.moves, 4);
	assert_int_equal(job.events, 4);
	assert_true(bytes_is(job.reason_code, "replica_failed"));
	store_abort(txn);
}

static void test_newest(void **state)
{
	struct house *h = *state;
	struct uuid id;
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(ledger_newest(txn, &id), 0);
	assert_true(uuid_is_nil(id));
	store_abort(txn);
	insert(h, "u", "k", "n");
	insert(h, "u", "k", "n");
	txn = begin(h, STORE_READ);
	assert_int_equal(ledger_newest(txn, &id), 0);
	assert_true(uuid_eq(id, h->id[1]));
	store_abort(txn);
}

/* ---- timers ---- */

static void set_next(struct house *h, size_t i, int64_t next_ms)
{
	scoped(buf_finip) struct buf keep;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job;
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id[i], &keep, &job), 0);
	int64_t old = job.next_ms;
	job.next = NEXT_ASK;
	job.next_ms = next_ms;
	ledger_save(txn, &job, old);
	commit(txn);
}

static size_t due(struct house *h, int64_t now, struct uuid *ids, size_t max, int64_t *next)
{
	struct store_txn *txn = begin(h, STORE_READ);
	size_t n;
	assert_int_equal(ledger_due(txn, now, ids, max, &n, next), 0);
	store_abort(txn);
	return n;
}

static void test_timers(void **state)
{
	struct house *h = *state;
	struct uuid ids[10];
	int64_t next;
	for (size_t i = 0; i < 4; i++) {
		insert(h, "u", "k", "n");
		assert_int_equal(move(h, i, JOB_SUSPENDED, "c"), 0);
		set_next(h, i, 1000 * (4 - (int64_t)i));
	}
	assert_int_equal(due(h, 999, ids, 10, &next), 0);
	assert_int_equal(next, 1000);
	assert_int_equal(due(h, 2500, ids, 10, &next), 2);
	assert_true(uuid_eq(ids[0], h->id[3]) && uuid_eq(ids[1], h->id[2]));
	assert_int_equal(next, 3000);
	assert_int_equal(due(h, 9999, ids, 3, &next), 3);
	assert_int_equal(next, 4000);
	set_next(h, 3, 5000); /* the old time is forgotten */
	assert_int_equal(due(h, 1999, ids, 10, &next), 0);
	assert_int_equal(move(h, 2, JOB_STOPPED, "c"), 0); /* a move ends its timer */
	assert_int_equal(due(h, 9999, ids, 10, &next), 3);
	assert_int_equal(next, 0);
}

/* ---- idempotency ---- */

static void test_seen(void **state)
{
	struct house *h = *state;
	uint8_t key[32] = {1}, body[32] = {2}, got[32];
	struct uuid id = {{9}}, found;
	int64_t now = T0 * 1000ll;
	struct store_txn *txn = begin(h, STORE_WRITE);
	assert_int_equal(ledger_seen(txn, key, now, &found, got), SL_E_NOT_FOUND);
	ledger_put_seen(txn, key, id, body, now);
	commit(txn);
	txn = begin(h, STORE_READ);
	assert_int_equal(ledger_seen(txn, key, now + SEEN_KEEP_MS, &found, got), 0);
	assert_true(uuid_eq(found, id));
	assert_memory_equal(got, body, 32);
	assert_int_equal(ledger_seen(txn, key, now + SEEN_KEEP_MS + 1, &found, got),
			 SL_E_NOT_FOUND);
	store_abort(txn);
}

static size_t rows_of(struct house *h, enum store_table table)
{
	struct store_txn *txn = begin(h, STORE_READ);
	struct store_cursor *c;
	struct bytes key, val;
	size_t n = 0;
	assert_int_equal(store_cursor_open(txn, table, &c), 0);
	for (int rc = store_seek(c, BYTES(""), &key, &val); rc == 0; rc = store_next(c, &key, &val))
		n++;
	store_cursor_free(c);
	store_abort(txn);
	return n;
}

/* Keys of yesterday make room; one that was used again is kept for its new time. */
static void test_old_keys_go(void **state)
{
	struct house *h = *state;
	uint8_t key[32] = {0}, body[32] = {0}, got[32];
	struct uuid id = {{9}}, found;
	int64_t now = T0 * 1000ll;
	for (int i = 0; i < 40; i++) {
		struct store_txn *txn = begin(h, STORE_WRITE);
		key[0] = (uint8_t)i;
		ledger_put_seen(txn, key, id, body, now + i);
		commit(txn);
	}
	assert_int_equal(rows_of(h, STORE_SEEN), 80);
	key[0] = 3; /* expired, and taken anew before it was removed */
	for (int i = 0; i < 20; i++) {
		struct store_txn *txn = begin(h, STORE_WRITE);
		if (i)
			key[0] = (uint8_t)(100 + i);
		ledger_put_seen(txn, key, id, body, now + SEEN_KEEP_MS + 1000 + i);
		commit(txn);
	}
	assert_int_equal(rows_of(h, STORE_SEEN), 40);
	struct store_txn *txn = begin(h, STORE_READ);
	key[0] = 3;
	assert_int_equal(ledger_seen(txn, key, now + SEEN_KEEP_MS + 2000, &found, got), 0);
	store_abort(txn);
}

/* ---- the log ---- */

struct log {
	uint32_t first, n, last, gaps;
	size_t bytes;
};

static bool read_log(void *user, uint32_t number, const struct event *event)
{
	struct log *l = user;
	scoped(buf_finip) struct buf record;
	buf_init(&record, 1 << 20);
	event_encode(event, &record);
	l->bytes += record.len;
	if (!l->n)
		l->first = number;
	else if (number != l->last + 1)
		l->gaps++;
	l->n++;
	l->last = number;
	return true;
}

static struct log fill_log(struct house *h, unsigned events, size_t detail)
{
	char text[EVENT_DETAIL_MAX];
	struct log l = {0};
	insert(h, "u", "k", "n");
	memset(text, 'x', sizeof(text));
	for (unsigned i = 1; i < events; i++) {
		scoped(buf_finip) struct buf keep;
		struct store_txn *txn = begin(h, STORE_WRITE);
		struct job job;
		struct event e = {.type = EVENT_NOTE,
				  .stage = EVENT_NO_STAGE,
				  .detail = bytes_of(text, detail)};
		buf_init(&keep, 1 << 20);
		assert_int_equal(ledger_load(txn, h->id[0], &keep, &job), 0);
		ledger_add_event(txn, &job, &e);
		ledger_save(txn, &job, job.next_ms);
		commit(txn);
	}
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(ledger_events(txn, h->id[0], 0, read_log, &l), 0);
	store_abort(txn);
	return l;
}

static void test_log_keeps_first_and_last(void **state)
{
	struct log l = fill_log(*state, 2500, 10);
	assert_int_equal(l.first, 0);
	assert_int_equal(l.n, EVENTS_MAX);
	assert_int_equal(l.last, 2499);
	assert_int_equal(l.gaps, 1);
}

static void test_log_is_bounded_in_bytes(void **state)
{
	struct log l = fill_log(*state, 900, EVENT_DETAIL_MAX);
	assert_int_equal(l.first, 0);
	assert_int_equal(l.last, 899);
	assert_in_range(l.bytes, 1, 1 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random_moves),
		TEST(test_other_filters),
		TEST(test_a_walk_in_pieces),
		TEST(test_a_walk_passes_over),
		TEST(test_a_move),
		TEST(test_newest),
		TEST(test_timers),
		TEST(test_seen),
		TEST(test_old_keys_go),
		TEST(test_log_keeps_first_and_last),
		TEST(test_log_is_bounded_in_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
