/* A store of an older format, moved forward, holds what one written today would. */
#include "tests/unit/core/support.h"

#include "core/ledger/erase.h"
#include "core/ledger/kept.h"
#include "core/ledger/migrate.h"
#include "store/store_mem.h"

struct house {
	struct store *store;
	struct store_txn *txn; /* one for the whole test, as moving is one */
};

static const struct uuid with_stages = {{1}}, without = {{2}}, at_work = {{3}};

static void insert(struct house *h, struct uuid id)
{
	struct job job = {.id = id,
			  .created_ms = 1000,
			  .user = BYTES("ada"),
			  .name = BYTES("n"),
			  .kind = BYTES("train"),
			  .reason = BYTES("r"),
			  .reason_code = BYTES("c")};
	ledger_insert(h->txn, &job);
}

static struct job get(struct house *h, struct uuid id)
{
	struct job job;
	assert_int_equal(ledger_get(h->txn, id, &job), 0);
	return job;
}

static void put_stage(struct house *h, struct uuid id)
{
	scoped(buf_finip) struct buf text = {0};
	struct kept_stage record = {.generation = 1};
	buf_init(&text, 4096);
	kept_encode(&record, &text);
	ledger_put_doc(h->txn, id, kept_part(PLUGIN_TRANSLATOR), buf_bytes(&text));
}

static void stop(struct house *h, struct uuid id, int64_t now_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	struct why why = {.reason = BYTES("r"), .code = BYTES("c")};
	buf_init(&keep, 1 << 16);
	assert_int_equal(ledger_load(h->txn, id, &keep, &job), 0);
	assert_int_equal(ledger_move(h->txn, &job, JOB_STOPPED, &why, now_ms), 0);
}

static int begin(void **state)
{
	struct house *h = test_calloc(1, sizeof(*h));
	assert_int_equal(store_open_mem(&h->store), 0);
	assert_int_equal(store_begin(h->store, STORE_WRITE, &h->txn), 0);
	insert(h, with_stages);
	insert(h, without);
	insert(h, at_work);
	put_stage(h, with_stages);
	stop(h, with_stages, 5000);
	stop(h, without, 6000);
	*state = h;
	return 0;
}

static int end(void **state)
{
	struct house *h = *state;
	assert_int_equal(store_commit(&h->txn), 0);
	store_close(h->store);
	test_free(h);
	return 0;
}

/* All keys of the index, each with its length in front. */
static void read_index(struct house *h, struct buf *to)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	struct bytes key, val;
	buf_init(to, 1 << 16);
	assert_int_equal(store_cursor_open(h->txn, STORE_INDEX, &c), 0);
	for (int rc = store_seek(c, BYTES(""), &key, &val); !rc; rc = store_next(c, &key, &val)) {
		buf_add_char(to, (char)key.len);
		buf_add(to, key.at, key.len);
	}
}

/* As the first version wrote it: nothing stood under a job's end. */
static void make_old(struct house *h, struct uuid id)
{
	struct job job = get(h, id);
	ledger_put_ended(h->txn, &job, false);
	kept_ended(h->txn, &job, false);
}

static void test_index_by_end_is_as_written_today(void **state)
{
	struct house *h = *state;
	scoped(buf_finip) struct buf today = {0}, old = {0}, moved = {0};
	struct job job = get(h, without);
	kept_ended(h->txn, &job, false); /* it has no stages to cut down */
	read_index(h, &today);
	make_old(h, with_stages);
	make_old(h, without);
	read_index(h, &old);
	assert_false(bytes_eq(buf_bytes(&old), buf_bytes(&today)));

	assert_int_equal(ledger_steps[0](h->txn), 0);
	read_index(h, &moved);
	assert_true(bytes_eq(buf_bytes(&moved), buf_bytes(&today)));
}

static void test_moved_jobs_are_erased_in_their_time(void **state)
{
	struct house *h = *state;
	struct retention keep = {.before_ms = 5500, .count = 100};
	struct job job;
	size_t n = 0;
	make_old(h, with_stages);
	make_old(h, without);
	assert_int_equal(ledger_erase_old(h->txn, &keep, 10, &n), 0);
	assert_int_equal(n, 0); /* unmoved, nobody would find them */

	assert_int_equal(ledger_steps[0](h->txn), 0);
	assert_int_equal(ledger_erase_old(h->txn, &keep, 10, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ledger_get(h->txn, with_stages, &job), SL_E_NOT_FOUND);
	assert_int_equal(get(h, without).state, JOB_STOPPED);
	keep.before_ms = 1000000;
	assert_int_equal(ledger_erase_old(h->txn, &keep, 10, &n), 0);
	assert_int_equal(n, 1);
	assert_int_not_equal(get(h, at_work).state, JOB_STOPPED);
}

static void test_a_record_that_cannot_be_read_stops_nothing(void **state)
{
	struct house *h = *state;
	scoped(buf_finip) struct buf before = {0}, after = {0};
	struct job job = get(h, without);
	kept_ended(h->txn, &job, false);
	read_index(h, &before);
	make_old(h, without);
	store_put(h->txn, STORE_JOBS, BYTES("\001 between the others"), BYTES("no record"));
	assert_int_equal(ledger_steps[0](h->txn), 0);
	read_index(h, &after);
	assert_true(bytes_eq(buf_bytes(&after), buf_bytes(&before)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_index_by_end_is_as_written_today, begin, end),
		cmocka_unit_test_setup_teardown(test_moved_jobs_are_erased_in_their_time, begin,
						end),
		cmocka_unit_test_setup_teardown(test_a_record_that_cannot_be_read_stops_nothing,
						begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
