/* Documents as they lie in the store: they come back as they were given, leave nothing behind,
 * and whatever is damaged there is told or is another text, never worse. */
#include "tests/unit/core/support.h"

#include "core/ledger/docs.h"
#include "tests/lib/seeded.h"

#include <stdlib.h>

enum { TEXT_MAX = 300000 };

struct house {
	struct store *store;
	struct store_txn *txn;
	struct seeded random;
};

static const struct uuid one = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x90, 1}}, two = {{1, 2, 3, 4, 5, 7}};
static const char parts[] = "HJTFVP01234";

static int begin(void **state)
{
	struct house *h = test_calloc(1, sizeof(*h));
	assert_int_equal(store_open_mem(&h->store), 0);
	assert_int_equal(store_begin(h->store, STORE_WRITE, &h->txn), 0);
	h->random.state = 11;
	*state = h;
	return 0;
}

static int end(void **state)
{
	struct house *h = *state;
	store_abort(h->txn);
	store_close(h->store);
	test_free(h);
	return 0;
}

static void next_txn(struct house *h)
{
	assert_int_equal(store_commit(&h->txn), 0);
	assert_int_equal(store_begin(h->store, STORE_WRITE, &h->txn), 0);
}

/* Of each length with noise that cannot be shrunk, words that can, and something between. */
static struct bytes make(struct house *h, size_t len, int kind)
{
	static char text[TEXT_MAX];
	for (size_t i = 0; i < len; i++)
		text[i] = kind == 0 || (kind == 1 && i % 5 == 0) ? (char)seeded_next(&h->random)
								 : "{\"alike\":1}"[i % 11];
	return bytes_of(text, len);
}

static void expect(struct house *h, struct uuid id, enum job_part part, struct bytes want)
{
	struct bytes got;
	assert_int_equal(ledger_doc(h->txn, id, part, &got), 0);
	assert_true(bytes_eq(got, want));
}

static uint64_t entries(struct house *h)
{
	static const enum store_table tables[] = {STORE_DOCS, STORE_PIECES, STORE_PASSING};
	uint64_t all = 0, n;
	for (size_t i = 0; i < countof(tables); i++) {
		assert_int_equal(store_count(h->txn, tables[i], &n), 0);
		all += n;
	}
	return all;
}

static const size_t lengths[] = {0,    1,    191,   192,   320,   321,   480,
				 1000, 4000, 15000, 15360, 16000, 70000, TEXT_MAX};

static void test_all_lengths(void **state)
{
	struct house *h = *state;
	for (size_t p = 0; parts[p]; p++)
		for (size_t i = 0; i < countof(lengths); i++)
			for (int kind = 0; kind < 3; kind++) {
				enum job_part part = (enum job_part)parts[p];
				struct bytes text = make(h, lengths[i], kind);
				ledger_put_doc(h->txn, one, part, text);
				expect(h, one, part, text);
				if (kind == 1)
					next_txn(h);
				expect(h, one, part, text);
			}
	assert_true(docs_any(h->txn, one));
	assert_false(docs_any(h->txn, two));
	for (size_t p = 0; parts[p]; p++)
		ledger_drop_doc(h->txn, one, (enum job_part)parts[p]);
	assert_int_equal(entries(h), 0);
}

/* In any order of writing, of two jobs: each keeps its own. */
static void test_many_writes(void **state)
{
	struct house *h = *state;
	static struct {
		char at[6000];
		size_t len;
		bool there;
	} want[2][11];
	for (int i = 0; i < 1500; i++) {
		uint32_t job = seeded_below(&h->random, 2), p = seeded_below(&h->random, 11);
		enum job_part part = (enum job_part)parts[p];
		struct uuid id = job ? two : one;
		/* what a TaskSet is shrunk against is written once, before it */
		if (part == PART_JOB && want[job][p].there)
			continue;
		want[job][p].there = part == PART_JOB || seeded_below(&h->random, 5);
		if (!want[job][p].there) {
			ledger_drop_doc(h->txn, id, part);
			continue;
		}
		struct bytes text = make(h, seeded_below(&h->random, 6000), i % 3);
		memcpy(want[job][p].at, text.at, text.len);
		want[job][p].len = text.len;
		ledger_put_doc(h->txn, id, part, text);
	}
	next_txn(h);
	for (int job = 0; job < 2; job++)
		for (int p = 0; p < 11; p++) {
			struct bytes got, text = bytes_of(want[job][p].at, want[job][p].len);
			enum job_part part = (enum job_part)parts[p];
			if (want[job][p].there)
				expect(h, job ? two : one, part, text);
			else
				assert_int_equal(ledger_doc(h->txn, job ? two : one, part, &got),
						 SL_E_NOT_FOUND);
		}
}

/* Made beforehand, and put twice: the first transaction came to nothing, and the job's id with
 * it. */
static void test_packed_beforehand(void **state)
{
	struct house *h = *state;
	for (size_t i = 0; i < countof(lengths); i++)
		for (int kind = 0; kind < 3; kind++) {
			scoped(packed_doc_finip) struct packed_doc packed = {0};
			struct bytes text = make(h, lengths[i], kind), got;
			assert_int_equal(ledger_pack(text, &packed), 0);
			next_txn(h);
			ledger_put_first(h->txn, two, PART_JOB, &packed);
			h->txn = store_abort(h->txn);
			assert_int_equal(store_begin(h->store, STORE_WRITE, &h->txn), 0);
			ledger_put_first(h->txn, one, PART_JOB, &packed);
			next_txn(h);
			expect(h, one, PART_JOB, text);
			assert_int_equal(ledger_doc(h->txn, two, PART_JOB, &got), SL_E_NOT_FOUND);
			ledger_drop_doc(h->txn, one, PART_JOB);
			assert_int_equal(entries(h), 0);
		}
}

/* It costs next to nothing where it began as what was submitted. */
static void test_a_taskset_like_the_job(void **state)
{
	struct house *h = *state;
	char *more = malloc(TEXT_MAX);
	struct bytes job = make(h, 5000, 0);
	assert_non_null(more);
	ledger_put_doc(h->txn, one, PART_JOB, job);
	uint64_t before = entries(h);
	memcpy(more, job.at, 5000);
	memcpy(more + 5000, "{\"label\":1}", 11);
	ledger_put_doc(h->txn, one, PART_TASKSET, bytes_of(more, 5011));
	assert_int_equal(entries(h), before + 1); /* short enough to need no pieces */
	next_txn(h);
	expect(h, one, PART_TASKSET, bytes_of(more, 5011));
	ledger_drop_doc(h->txn, one, PART_JOB);
	struct bytes got;
	assert_int_equal(ledger_doc(h->txn, one, PART_TASKSET, &got), SL_E_CORRUPT);
	free(more);
}

static struct bytes old_key(enum job_part part, uint8_t to[17])
{
	memcpy(to, one.at, 16);
	to[16] = (uint8_t)part;
	return bytes_of(to, 17);
}

/* Documents of format 2 are found where they are, and go when they are written anew. */
static void test_older_ones(void **state)
{
	struct house *h = *state;
	uint8_t key[17];
	struct job job = {.id = one, .user = BYTES("u"), .name = BYTES("n"), .kind = BYTES("k")};
	ledger_insert(h->txn, &job);
	store_put(h->txn, STORE_DOCS, old_key(PART_TASKSET, key), BYTES("{\"old\":1}"));
	store_put(h->txn, STORE_DOCS, old_key(PART_FACTORS, key), BYTES("{}"));
	store_put(h->txn, STORE_DOCS, old_key(PART_HEADER, key), BYTES("{\"old\":2}"));
	assert_int_equal(docs_mark_old(h->txn), 0);
	next_txn(h);
	expect(h, one, PART_TASKSET, BYTES("{\"old\":1}"));
	assert_true(docs_any(h->txn, one));
	ledger_put_doc(h->txn, one, PART_TASKSET, BYTES("{\"new\":1}"));
	ledger_drop_doc(h->txn, one, PART_FACTORS);
	expect(h, one, PART_TASKSET, BYTES("{\"new\":1}"));
	assert_false(store_has(h->txn, STORE_DOCS, old_key(PART_TASKSET, key)));
	assert_false(store_has(h->txn, STORE_DOCS, old_key(PART_FACTORS, key)));
	expect(h, one, PART_HEADER, BYTES("{\"old\":2}"));
	size_t left = 100;
	assert_int_equal(docs_erase(h->txn, one, &left), 0);
	assert_int_equal(left, 98);
	assert_int_equal(entries(h), 0);
}

static void test_erased_bit_by_bit(void **state)
{
	struct house *h = *state;
	struct bytes text, all_alike = make(h, 3000, 0);
	int rounds = 0;
	for (size_t p = 0; parts[p]; p++)
		ledger_put_doc(h->txn, one, (enum job_part)parts[p], all_alike);
	ledger_put_doc(h->txn, two, PART_JOB, BYTES("{}"));
	for (; docs_any(h->txn, one); rounds++) {
		size_t left = 1;
		assert_int_equal(docs_erase(h->txn, one, &left), 0);
		for (size_t p = 0; parts[p]; p++) { /* what is still there can be read */
			int rc = ledger_doc(h->txn, one, (enum job_part)parts[p], &text);
			assert_true(rc == 0 || rc == SL_E_NOT_FOUND);
		}
	}
	assert_int_equal(rounds, strlen(parts));
	assert_int_equal(entries(h), 1);
}

/* Spoil one byte of one entry, or take it away; every document is read after that. */
static void spoil(struct house *h, enum store_table table, uint32_t which, bool away)
{
	scoped(store_cursor_freep) struct store_cursor *c = NULL;
	uint8_t at[STORE_KEY_MAX], value[2000];
	struct bytes key, val;
	assert_int_equal(store_cursor_open(h->txn, table, &c), 0);
	assert_int_equal(store_seek(c, BYTES(""), &key, &val), 0);
	for (uint32_t i = 0; i < which; i++)
		if (store_next(c, &key, &val))
			return;
	assert_true(val.len && val.len <= sizeof(value));
	memcpy(at, key.at, key.len);
	memcpy(value, val.at, val.len);
	value[seeded_below(&h->random, (uint32_t)val.len)] ^=
		(uint8_t)(1 + seeded_below(&h->random, 255));
	if (away)
		store_del(h->txn, table, bytes_of(at, key.len));
	else
		store_put(h->txn, table, bytes_of(at, key.len), bytes_of(value, val.len));
}

static void test_damage(void **state)
{
	struct house *h = *state;
	static const enum store_table tables[] = {STORE_DOCS, STORE_PIECES, STORE_PASSING};
	for (size_t p = 0; parts[p]; p++)
		ledger_put_doc(h->txn, one, (enum job_part)parts[p], make(h, 2500, (int)p % 3));
	next_txn(h);
	for (int i = 0; i < 2000; i++) {
		spoil(h, tables[i % 3], seeded_below(&h->random, 20), i % 7 == 0);
		for (size_t p = 0; parts[p]; p++) {
			struct bytes got;
			int rc = ledger_doc(h->txn, one, (enum job_part)parts[p], &got);
			assert_true(rc == 0 || rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND);
		}
		store_abort(h->txn);
		assert_int_equal(store_begin(h->store, STORE_WRITE, &h->txn), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_lengths, begin, end),
		cmocka_unit_test_setup_teardown(test_many_writes, begin, end),
		cmocka_unit_test_setup_teardown(test_packed_beforehand, begin, end),
		cmocka_unit_test_setup_teardown(test_a_taskset_like_the_job, begin, end),
		cmocka_unit_test_setup_teardown(test_older_ones, begin, end),
		cmocka_unit_test_setup_teardown(test_erased_bit_by_bit, begin, end),
		cmocka_unit_test_setup_teardown(test_damage, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
