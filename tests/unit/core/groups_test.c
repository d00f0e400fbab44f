/* Counters of jobs that are alike: against a count by hand after random moves. */
#include "core/base/crypt.h"
#include "core/ledger/erase.h"
#include "tests/lib/seeded.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { JOBS = 80, MOVES = 1500, NOW = 1000000, GROUPS_MAX = 64 };

struct house {
	struct store *store;
	struct id_source ids;
	struct uuid id[JOBS];
};

/** Text of one group, "state code plugin", and how many. */
struct tally {
	char text[GROUPS_MAX][400];
	uint64_t n[GROUPS_MAX];
	size_t groups;
};

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(crypt_start(), 0);
	assert_int_equal(store_open_mem(&h->store), 0);
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

static void insert(struct house *h, size_t i)
{
	struct store_txn *txn = begin(h, STORE_WRITE);
	h->id[i] = id_next(&h->ids, NOW);
	struct job job = {.id = h->id[i],
			  .created_ms = NOW,
			  .user = BYTES("ann"),
			  .name = BYTES("night"),
			  .kind = BYTES("TaskSet"),
			  .reason_code = BYTES("in_admission")};
	ledger_insert(txn, &job);
	commit(txn);
}

static void move(struct house *h, size_t i, enum job_state to, const char *code, const char *plugin)
{
	scoped(buf_finip) struct buf keep;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job;
	struct why why = {.code = bytes_str(code), .plugin = bytes_str(plugin)};
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id[i], &keep, &job), 0);
	(void)!ledger_move(txn, &job, to, &why, NOW);
	commit(txn);
}

static void erase(struct house *h, size_t i)
{
	scoped(buf_finip) struct buf keep;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job;
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id[i], &keep, &job), 0);
	(void)!ledger_erase(txn, &job); /* only those that have ended */
	commit(txn);
	struct store_txn *look = begin(h, STORE_READ);
	bool gone = ledger_get(look, h->id[i], &job) == SL_E_NOT_FOUND;
	store_abort(look);
	if (gone)
		insert(h, i);
}

/* As a waiting job does that asks again: no move, other words. */
static void restate(struct house *h, size_t i, const char *code, const char *plugin)
{
	scoped(buf_finip) struct buf keep;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job;
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id[i], &keep, &job), 0);
	job.reason_code = bytes_str(code);
	job.plugin = bytes_str(plugin);
	ledger_save(txn, &job, job.next_ms);
	commit(txn);
}

static void add(struct tally *t, enum job_state state, struct bytes code, struct bytes plugin,
		uint64_t n)
{
	char text[400];
	size_t i = 0;
	snprintf(text, sizeof(text), "%s %.*s %.*s", job_state_name(state), BYTES_FMT(code),
		 BYTES_FMT(plugin));
	while (i < t->groups && strcmp(t->text[i], text) != 0)
		i++;
	assert_true(i < GROUPS_MAX);
	if (i == t->groups)
		memcpy(t->text[t->groups++], text, sizeof(text));
	t->n[i] += n;
}

static void see_group(void *user, const struct job_group *g, uint64_t n)
{
	add(user, g->state, g->code, g->plugin, n);
}

static bool see_job(void *user, const struct job *job)
{
	add(user, job->state, job->reason_code, job->plugin, 1);
	return true;
}

static uint64_t number_of(const struct tally *t, const char *text)
{
	for (size_t i = 0; i < t->groups; i++)
		if (strcmp(t->text[i], text) == 0)
			return t->n[i];
	return 0;
}

static void compare(struct house *h)
{
	static const struct uuid nil = {{0}};
	struct job_filter all = {0};
	struct tally *counted = calloc(1, sizeof(*counted)), *walked = calloc(1, sizeof(*walked));
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(ledger_groups(txn, 1000, see_group, counted), 0);
	assert_int_equal(ledger_final_groups(txn, see_group, counted), 0);
	assert_int_equal(ledger_walk(txn, &all, false, nil, see_job, walked), 0);
	store_abort(txn);
	for (size_t i = 0; i < walked->groups; i++)
		assert_int_equal(number_of(counted, walked->text[i]), walked->n[i]);
	assert_int_equal(counted->groups, walked->groups);
	free(counted);
	free(walked);
}

static void random_moves(struct house *h, uint64_t seed)
{
	static const char *const codes[] = {"in_admission", "gate_suspended", "waiting_for_slot",
					    "running",      "held",           "quota_used",
					    "succeeded",    "replica_failed"};
	static const char *const plugins[] = {"", "", "AccessGate.a.b", "AccessGate.a.b.c"};
	struct seeded random = {.state = seed};
	for (size_t i = 0; i < JOBS; i++)
		insert(h, i);
	for (size_t i = 0; i < MOVES; i++) {
		size_t job = seeded_below(&random, JOBS);
		const char *code = codes[seeded_below(&random, countof(codes))];
		const char *plugin = plugins[seeded_below(&random, countof(plugins))];
		enum job_state to = (enum job_state)seeded_below(
			&random, seeded_below(&random, 20) ? JOB_SUCCEEDED : JOB_STATES);
		if (seeded_below(&random, 50) == 0)
			erase(h, job);
		else if (seeded_below(&random, 3) == 0)
			restate(h, job, code, plugin);
		else
			move(h, job, to, code, plugin);
		if (i % 100 == 0)
			compare(h);
	}
}

static void test_groups_are_what_a_walk_counts(void **state)
{
	struct house *h = *state;
	random_moves(h, 11);
	compare(h);
}

static void test_beyond_the_most_the_rest_is_other(void **state)
{
	struct house *h = *state;
	struct tally *t = calloc(1, sizeof(*t));
	for (size_t i = 0; i < 10; i++) {
		char plugin[40];
		snprintf(plugin, sizeof(plugin), "AccessGate.f%zu.qa", i);
		insert(h, i);
		move(h, i, JOB_SUSPENDED, "gate_suspended", plugin);
	}
	struct store_txn *txn = begin(h, STORE_READ);
	assert_int_equal(ledger_groups(txn, 4, see_group, t), 0);
	store_abort(txn);
	assert_int_equal(t->groups, 5);
	assert_int_equal(number_of(t, "suspended other other"), 6);
	free(t);
}

static void test_a_refused_write_counts_nothing(void **state)
{
	struct house *h = *state;
	insert(h, 0);
	move(h, 0, JOB_SUSPENDED, "gate_suspended", "AccessGate.a.b");
	scoped(buf_finip) struct buf keep;
	struct store_txn *txn = begin(h, STORE_WRITE);
	struct job job;
	struct why why = {.code = BYTES("in_admission")};
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id[0], &keep, &job), 0);
	assert_int_equal(ledger_move(txn, &job, JOB_PREPARING, &why, NOW), 0);
	store_abort(txn);
	compare(h);
}

static void drop_all(struct house *h, enum store_table table, const char *letters)
{
	struct store_txn *txn = begin(h, STORE_WRITE);
	for (; *letters; letters++) {
		struct store_cursor *c;
		struct bytes key, val;
		assert_int_equal(store_cursor_open(txn, table, &c), 0);
		for (int rc = store_seek(c, bytes_of(letters, 1), &key, &val);
		     rc == 0 && *(const char *)key.at == *letters; rc = store_next(c, &key, &val))
			store_del(txn, table, key);
		store_cursor_free(c);
	}
	commit(txn);
}

static void count_again(struct house *h)
{
	static const struct uuid nil = {{0}};
	struct job_filter named = {.name = BYTES("night")};
	for (int i = 0; i < 2; i++) {
		struct store_txn *txn = begin(h, STORE_WRITE);
		struct tally *t = calloc(1, sizeof(*t));
		assert_int_equal(ledger_count_groups(txn), 0);
		assert_int_equal(ledger_walk(txn, &named, true, nil, see_job, t), 0);
		assert_true(t->groups > 1); /* all of them are called that */
		free(t);
		commit(txn);
		compare(h);
	}
}

/* A store that was written before there were these counters, or before those of jobs that
 * have ended and the index of names. */
static void test_an_older_store_is_counted_once(void **state)
{
	struct house *h = *state;
	random_moves(h, 5);
	drop_all(h, STORE_COUNTS, "nmN");
	drop_all(h, STORE_INDEX, "j");
	count_again(h);
	drop_all(h, STORE_COUNTS, "m");
	drop_all(h, STORE_INDEX, "j");
	struct store_txn *txn = begin(h, STORE_WRITE);
	store_put(txn, STORE_COUNTS, BYTES("N"), BYTES("1"));
	commit(txn);
	count_again(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_groups_are_what_a_walk_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_beyond_the_most_the_rest_is_other, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_refused_write_counts_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_an_older_store_is_counted_once, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
