/* The feed: what the ledger appends, what a reader gets, how old entries go. */
#include "core/ledger/feed.h"
#include "core/ledger/ledger.h"
#include "store/store_mem.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOW = 1700000000 };

struct house {
	struct store *store;
	struct id_source ids;
	int64_t now_ms;
};

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(store_open_mem(&h->store), 0);
	h->now_ms = (int64_t)NOW * 1000;
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

static struct job begin_job(struct house *h, struct store_txn *txn)
{
	struct job job = {.id = id_next(&h->ids, h->now_ms),
			  .created_ms = h->now_ms,
			  .since_ms = h->now_ms,
			  .user = BYTES("ann"),
			  .name = BYTES("a \"name\"\n"),
			  .kind = BYTES("K"),
			  .reason = BYTES("in admission"),
			  .reason_code = BYTES("in_admission")};
	ledger_insert(txn, &job);
	return job;
}

static int move(struct house *h, struct store_txn *txn, struct job *job, enum job_state to)
{
	struct why why = {.code = BYTES("code"), .reason = BYTES("words")};
	return ledger_move(txn, job, to, &why, h->now_ms);
}

struct seen {
	struct feed_entry entry[8];
	size_t n, most;
	char *body;
};

static bool see(void *user, const struct feed_entry *e)
{
	struct seen *s = user;
	struct buf body;
	buf_init(&body, 1 << 20);
	s->entry[s->n++] = *e;
	feed_body(e, &body);
	assert_int_equal(body.rc, 0);
	free(s->body);
	s->body = strdup(buf_str(&body));
	buf_fini(&body);
	return s->n != s->most;
}

static struct seen read_all(struct house *h, uint64_t after, int want)
{
	struct seen s = {.most = countof(s.entry)};
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(feed_read(txn, after, see, &s), want);
	store_abort(txn);
	return s;
}

static uint64_t oldest_of(struct house *h)
{
	uint64_t n;
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(feed_oldest(txn, &n), 0);
	store_abort(txn);
	return n;
}

static void every_move_is_an_entry(void **state)
{
	struct house *h = *state;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job = begin_job(h, txn);
	assert_int_equal(move(h, txn, &job, JOB_WAITING), 0);
	assert_int_equal(move(h, txn, &job, JOB_SUSPENDED), SL_E_CONFLICT);
	h->now_ms += 7;
	assert_int_equal(move(h, txn, &job, JOB_RUNNING), 0);
	assert_int_equal(store_commit(&txn), 0);
	struct seen s = read_all(h, 0, 0);
	assert_int_equal(s.n, 3);
	static const enum job_state want[] = {JOB_PREPARING, JOB_WAITING, JOB_RUNNING};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(s.entry[i].number, i + 1);
		assert_int_equal(s.entry[i].sequence, i + 1);
		assert_int_equal(s.entry[i].state, want[i]);
		assert_true(uuid_eq(s.entry[i].job, job.id));
	}
	assert_int_equal(s.entry[2].previous, JOB_WAITING);
	assert_int_equal(s.entry[2].time_ms, (int64_t)NOW * 1000 + 7);
	free(s.body);
	s = read_all(h, 2, 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.entry[0].state, JOB_RUNNING);
	free(s.body);
}

static void a_body_says_what_happened(void **state)
{
	struct house *h = *state;
	char id[UUID_TEXT_SIZE], want[600];
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job = begin_job(h, txn);
	assert_int_equal(store_commit(&txn), 0);
	struct seen s = read_all(h, 0, 0);
	snprintf(want, sizeof(want),
		 "{\"id\": \"%s\", \"current_state\": \"preparing\", \"previous_state\": null, "
		 "\"sequence\": 1, \"time\": \"2023-11-14T22:13:20.000Z\", \"userID\": \"ann\", "
		 "\"jobName\": \"a \\\"name\\\"\\n\", \"jobKind\": \"K\", "
		 "\"reason\": \"in admission\", \"reasonCode\": \"in_admission\"}",
		 uuid_format(job.id, id));
	assert_string_equal(s.body, want);
	free(s.body);
	txn = begin(h, STORE_WRITE);
	assert_int_equal(move(h, txn, &job, JOB_WAITING), 0);
	assert_int_equal(store_commit(&txn), 0);
	s = read_all(h, 1, 0);
	assert_non_null(strstr(s.body, "\"current_state\": \"waiting\", "
				       "\"previous_state\": \"preparing\", \"sequence\": 2,"));
	struct json json = test_json(s.body);
	assert_int_equal(json_type(&json, 0), JSON_OBJECT);
	json_fini(&json);
	free(s.body);
}

static void what_is_aborted_is_no_entry(void **state)
{
	struct house *h = *state;
	struct store_txn *txn = begin(h, STORE_WRITE);
	begin_job(h, txn);
	store_abort(txn);
	assert_int_equal(read_all(h, 0, 0).n, 0);
	assert_int_equal(oldest_of(h), 0);
}

static void old_ones_go_and_numbers_go_on(void **state)
{
	struct house *h = *state;
	struct store_txn *txn = begin(h, STORE_WRITE);
	for (int i = 0; i < 5; i++)
		begin_job(h, txn);
	assert_int_equal(store_commit(&txn), 0);
	h->now_ms += FEED_KEEP_MS; /* just not over */
	txn = begin(h, STORE_WRITE);
	begin_job(h, txn);
	assert_int_equal(store_commit(&txn), 0);
	assert_int_equal(oldest_of(h), 1);
	h->now_ms += FEED_KEEP_MS + 1; /* all of them are */
	for (int i = 0; i < 2; i++) {
		txn = begin(h, STORE_WRITE);
		begin_job(h, txn);
		assert_int_equal(store_commit(&txn), 0);
	}
	assert_int_equal(oldest_of(h), 7);
	assert_int_equal(read_all(h, 5, SL_E_GONE).n, 0);
	struct seen s = read_all(h, 6, 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.entry[0].number, 7);
	free(s.body);
}

/* Whatever fails while an entry is written, the change fails with it. */
static void no_change_without_its_entry(void **state)
{
	struct house *h = *state;
	for (unsigned call = 0; call < STORE_MEM_CALLS; call++)
		for (unsigned nth = 0; nth < 40; nth++) {
			struct store_txn *txn;
			uint64_t newest, jobs;
			bool more;
			struct job_filter all = {0};
			store_mem_fail(h->store, (enum store_mem_call)call, nth, SL_E_NO_MEMORY);
			if (store_begin(h->store, STORE_WRITE, &txn) == 0) {
				begin_job(h, txn);
				int rc = store_commit(&txn);
				assert_true(rc == 0 || rc == SL_E_NO_MEMORY);
			}
			store_mem_fail(h->store, (enum store_mem_call)call, 0, 0);
			txn = begin(h, STORE_READ);
			assert_int_equal(feed_newest(txn, &newest), 0);
			assert_int_equal(ledger_count(txn, &all, 1000, &jobs, &more), 0);
			assert_int_equal(newest, jobs);
			store_abort(txn);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_move_is_an_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_body_says_what_happened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_aborted_is_no_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_ones_go_and_numbers_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_change_without_its_entry, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
