/* Children are stopped with their parents: all of them, some at a time, once each. */
#include "core/ledger/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { NOW = 5000 };

static const struct uuid nobody = {{0}};

static struct uuid id_of(unsigned n)
{
	return (struct uuid){{1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

static struct store_txn *begin(struct store *store)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
	return txn;
}

static void commit(struct store_txn *txn) { assert_int_equal(store_commit(&txn), 0); }

static int setup(void **state)
{
	struct store *store;
	assert_int_equal(store_open_mem(&store), 0);
	*state = store;
	return 0;
}

static int teardown(void **state)
{
	store_close(*state);
	return 0;
}

static void add(struct store_txn *txn, unsigned n, struct uuid parent)
{
	struct job job = {.id = id_of(n),
			  .parent = parent,
			  .user = BYTES("ann"),
			  .name = BYTES("x"),
			  .kind = BYTES("k"),
			  .reason = BYTES(""),
			  .reason_code = BYTES("in_admission"),
			  .created_ms = 1,
			  .since_ms = 1};
	ledger_insert(txn, &job);
}

static void load(struct store_txn *txn, unsigned n, struct buf *keep, struct job *ret)
{
	buf_init(keep, 1 << 20);
	assert_int_equal(ledger_load(txn, id_of(n), keep, ret), 0);
}

static void move(struct store_txn *txn, unsigned n, enum job_state to)
{
	scoped(buf_finip) struct buf keep = {0};
	struct why why = {.code = BYTES("running")};
	struct job job;
	load(txn, n, &keep, &job);
	assert_int_equal(ledger_move(txn, &job, to, &why, NOW), 0);
}

static int stop(struct store_txn *txn, unsigned n)
{
	scoped(buf_finip) struct buf keep = {0};
	struct why why = {.code = BYTES("stopped_by_user"), .reason = BYTES("enough")};
	struct job job;
	load(txn, n, &keep, &job);
	return ledger_stop(txn, &job, &why, NOW);
}

static void assert_stopped_with_parent(struct store *store, unsigned n)
{
	scoped(store_abortp) struct store_txn *txn = begin(store);
	struct job job;
	assert_int_equal(ledger_get(txn, id_of(n), &job), 0);
	assert_int_equal(job.state, JOB_STOPPED);
	assert_true(bytes_is(job.reason_code, "stopped_with_parent"));
}

static void a_stop_reaches_grandchildren_in_one_go(void **state)
{
	struct store_txn *txn = begin(*state);
	struct kin kin;
	add(txn, 1, nobody);
	add(txn, 2, id_of(1));
	add(txn, 3, id_of(2));
	add(txn, 4, nobody);
	assert_int_equal(stop(txn, 1), 0);
	assert_true(ledger_kin_waits(txn));
	assert_int_equal(ledger_stop_kin(txn, NOW, &kin), 0);
	assert_int_equal(kin.n, 2);
	assert_false(kin.more);
	assert_false(ledger_kin_waits(txn));
	struct job job;
	assert_int_equal(ledger_get(txn, id_of(4), &job), 0);
	assert_int_equal(job.state, JOB_PREPARING);
	commit(txn);
	assert_stopped_with_parent(*state, 2);
	assert_stopped_with_parent(*state, 3);
}

/* Each go is a transaction of its own: what is left waits in the store between them. */
static void many_are_stopped_once_each(void **state)
{
	enum { MANY = 3 * KIN_MAX + 5 };
	struct store_txn *txn = begin(*state);
	struct kin kin = {.more = true};
	size_t total = 0, goes = 0;
	add(txn, 0, nobody);
	for (unsigned i = 1; i <= MANY; i++)
		add(txn, i, i % 10 ? id_of(0) : id_of(i - 1));
	assert_int_equal(stop(txn, 0), 0);
	commit(txn);
	for (; kin.more; goes++) {
		txn = begin(*state);
		assert_int_equal(ledger_stop_kin(txn, NOW, &kin), 0);
		assert_int_equal(kin.more, ledger_kin_waits(txn));
		total += kin.n;
		commit(txn);
	}
	assert_int_equal(total, MANY);
	assert_int_equal(goes, 4);
	for (unsigned i = 1; i <= MANY; i++)
		assert_stopped_with_parent(*state, i);
}

static void who_runs_is_ordered_to_end(void **state)
{
	scoped(buf_finip) struct buf keep = {0};
	struct store_txn *txn = begin(*state);
	struct kin kin;
	struct job job;
	add(txn, 1, nobody);
	add(txn, 2, id_of(1));
	add(txn, 3, id_of(2));
	move(txn, 2, JOB_WAITING);
	move(txn, 2, JOB_RUNNING);
	assert_int_equal(stop(txn, 1), 0);
	assert_int_equal(ledger_stop_kin(txn, NOW, &kin), 0);
	assert_int_equal(kin.n, 2);
	load(txn, 2, &keep, &job);
	assert_int_equal(job.state, JOB_RUNNING);
	assert_true(job.stopping && bytes_is(job.stop_code, "stopped_with_parent"));
	assert_int_equal(stop(txn, 2), SL_E_CONFLICT); /* once is enough */
	move(txn, 2, JOB_STOPPED);
	assert_false(ledger_kin_waits(txn)); /* its child has ended already */
	commit(txn);
}

/* They stay among the unfinished: each go takes up behind the last one. */
static void many_who_run_are_told_once(void **state)
{
	enum { MANY = 2 * KIN_MAX + 1, GOES = 3 };
	struct store_txn *txn = begin(*state);
	struct kin kin = {.more = true};
	size_t total = 0, goes = 0;
	add(txn, 0, nobody);
	for (unsigned i = 1; i <= MANY; i++) {
		add(txn, i, id_of(0));
		move(txn, i, JOB_WAITING);
	}
	assert_int_equal(stop(txn, 0), 0);
	for (; kin.more && goes < GOES; goes++) {
		assert_int_equal(ledger_stop_kin(txn, NOW, &kin), 0);
		total += kin.n;
	}
	assert_false(kin.more);
	assert_int_equal(total, MANY);
	commit(txn);
}

static void what_has_ended_is_left_alone(void **state)
{
	struct store_txn *txn = begin(*state);
	struct kin kin;
	add(txn, 1, nobody);
	add(txn, 2, id_of(1));
	move(txn, 2, JOB_FAILED);
	assert_int_equal(stop(txn, 1), 0);
	assert_false(ledger_kin_waits(txn));
	assert_int_equal(ledger_stop_kin(txn, NOW, &kin), 0);
	assert_int_equal(kin.n, 0);
	assert_int_equal(stop(txn, 2), SL_E_CONFLICT);
	commit(txn);
}

static void only_a_stop_takes_children_along(void **state)
{
	struct store_txn *txn = begin(*state);
	add(txn, 1, nobody);
	add(txn, 2, id_of(1));
	move(txn, 1, JOB_FAILED);
	assert_false(ledger_kin_waits(txn));
	add(txn, 3, nobody);
	add(txn, 4, id_of(3));
	move(txn, 3, JOB_SUSPENDED);
	move(txn, 3, JOB_STOPPED); /* by a gate, or because its time was over */
	assert_true(ledger_kin_waits(txn));
	commit(txn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stop_reaches_grandchildren_in_one_go, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_are_stopped_once_each, setup, teardown),
		cmocka_unit_test_setup_teardown(who_runs_is_ordered_to_end, setup, teardown),
		cmocka_unit_test_setup_teardown(many_who_run_are_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_ended_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(only_a_stop_takes_children_along, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
