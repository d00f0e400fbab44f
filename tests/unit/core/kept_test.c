/* What stages were given: read back, and cut down some time after the job's end. */
#include "tests/unit/core/support.h"

#include "core/ledger/kept.h"
#include "core/ledger/patch.h"
#include "core/progress.h"
#include "store/store_mem.h"

static const char header[] = "{\"userID\":\"ada\"}", submitted[] = "{\"kind\":\"train\"}";
static const char factors[] = "{\"priority\":[{\"topic\":\"priority\",\"advice\":\"10\"}]}";
static const char first[] = "{\"kind\":\"TaskSet\",\"spec\":{\"roles\":[{\"name\":\"a\"}]}}";
static const char second[] = "{\"kind\":\"TaskSet\",\"metadata\":{\"labels\":{\"team\":\"x\"}},"
			     "\"spec\":{\"roles\":[{\"name\":\"a\"}]}}";
static const char third[] = "{\"kind\":\"TaskSet\",\"metadata\":{\"labels\":{\"team\":\"x\"}},"
			    "\"spec\":{\"roles\":[{\"name\":\"a\"}],\"engine\":\"local\"}}";

struct house {
	struct store *store;
	struct uuid id;
};

static struct store_txn *writing(struct house *h)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(h->store, STORE_WRITE, &txn), 0);
	return txn;
}

static void commit(struct store_txn *txn) { assert_int_equal(store_commit(&txn), 0); }

static void put_stage(struct store_txn *txn, struct uuid id, enum plugin_type stage,
		      const char *later, const char *given, const char *with)
{
	struct kept_stage record = {.generation = 40 + (unsigned)stage, .changed = later != NULL};
	scoped(buf_finip) struct buf text = {0}, patch = {0}, body = {0};
	buf_init(&text, 1 << 20);
	buf_init(&patch, 1 << 20);
	buf_init(&body, 1 << 20);
	if (later) {
		scoped(json_finip) struct json l = test_json(later), e = test_json(given);
		assert_int_equal(patch_make(&l, &e, &patch), 0);
		record.patch = buf_bytes(&patch);
	}
	kept_body(bytes_str(with), bytes_str(header), bytes_str(given), &body);
	record.blake2b = stage == PLUGIN_FACTOR; /* as an earlier version wrote it */
	if (record.blake2b)
		crypt_hash(bytes_of("", 0), buf_bytes(&body), record.digest);
	else
		crypt_sha256(buf_bytes(&body), record.digest);
	kept_encode(&record, &text);
	ledger_put_doc(txn, id, kept_part(stage), buf_bytes(&text));
}

static void put_progress(struct store_txn *txn, struct uuid id, uint8_t stage)
{
	scoped(buf_finip) struct buf text = {0};
	struct progress progress = {.stage = stage};
	buf_init(&text, 4096);
	progress_encode(&progress, &text);
	ledger_put_doc(txn, id, PART_PROGRESS, buf_bytes(&text));
}

static int begin(void **state)
{
	struct house *h = test_calloc(1, sizeof(*h));
	assert_int_equal(store_open_mem(&h->store), 0);
	h->id = (struct uuid){{1, 2, 3}};
	struct job job = {.id = h->id,
			  .created_ms = 1000,
			  .user = BYTES("ada"),
			  .name = BYTES("n"),
			  .kind = BYTES("train"),
			  .reason = BYTES("r"),
			  .reason_code = BYTES("c")};
	struct store_txn *txn = writing(h);
	ledger_put_doc(txn, h->id, PART_HEADER, BYTES("{\"userID\":\"ada\"}"));
	ledger_put_doc(txn, h->id, PART_JOB, bytes_str(submitted));
	ledger_insert(txn, &job);
	put_progress(txn, h->id, 0);
	commit(txn);
	*state = h;
	return 0;
}

static int end(void **state)
{
	struct house *h = *state;
	store_close(h->store);
	test_free(h);
	return 0;
}

/* Admission as it leaves its documents behind. */
static void admit(struct house *h)
{
	struct store_txn *txn = writing(h);
	ledger_put_doc(txn, h->id, PART_TASKSET, bytes_str(third));
	ledger_put_doc(txn, h->id, PART_FACTORS, bytes_str(factors));
	put_stage(txn, h->id, PLUGIN_TRANSLATOR, NULL, submitted, "{}");
	put_stage(txn, h->id, PLUGIN_FACTOR, NULL, first, "{}");
	put_stage(txn, h->id, PLUGIN_DECORATOR, second, first, factors);
	put_stage(txn, h->id, PLUGIN_BINDER, third, second, factors);
	put_progress(txn, h->id, PLUGIN_STAGES);
	commit(txn);
}

static void expect(struct house *h, enum plugin_type stage, const char *document, const char *with,
		   bool called)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(kept_finip) struct kept k = {0};
	scoped(buf_finip) struct buf body = {0};
	struct sl_error err = {0};
	buf_init(&body, 1 << 20);
	assert_int_equal(store_begin(h->store, STORE_READ, &txn), 0);
	if (kept_read(txn, h->id, stage, &k, &err))
		fail_msg("stage %d: %s", (int)stage, err.text);
	assert_true(bytes_is(k.document, document));
	assert_true(bytes_is(k.factors, with));
	assert_true(bytes_is(k.header, header));
	assert_int_equal(k.called, called);
	if (called)
		assert_int_equal(k.generation, 40 + (unsigned)stage);
	kept_body(k.factors, k.header, k.document, &body);
	assert_true(kept_matches(&k, buf_bytes(&body)));
	buf_add_char(&body, ' ');
	assert_int_equal(kept_matches(&k, buf_bytes(&body)), !called);
}

static int try(struct house *h, enum plugin_type stage, struct sl_error *err)
{
	scoped(store_abortp) struct store_txn *txn = NULL;
	scoped(kept_finip) struct kept k = {0};
	assert_int_equal(store_begin(h->store, STORE_READ, &txn), 0);
	return kept_read(txn, h->id, stage, &k, err);
}

static void test_every_stage_as_it_was_given(void **state)
{
	struct house *h = *state;
	admit(h);
	expect(h, PLUGIN_TRANSLATOR, submitted, "{}", true);
	expect(h, PLUGIN_FACTOR, first, "{}", true);
	expect(h, PLUGIN_GATE, first, factors, false); /* none was asked */
	expect(h, PLUGIN_DECORATOR, first, factors, true);
	expect(h, PLUGIN_BINDER, second, factors, true);
}

static void test_stages_that_the_job_has_not_come_to(void **state)
{
	struct house *h = *state;
	struct sl_error err = {0};
	expect(h, PLUGIN_TRANSLATOR, submitted, "{}", false);
	assert_int_equal(try(h, PLUGIN_FACTOR, &err), SL_E_NOT_FOUND);
	assert_string_equal(err.text, "the job has not come to the stage FactorGenerator");
	struct store_txn *txn = writing(h);
	ledger_put_doc(txn, h->id, PART_TASKSET, bytes_str(first));
	put_progress(txn, h->id, PLUGIN_GATE);
	commit(txn);
	expect(h, PLUGIN_GATE, first, "{}", false);
	assert_int_equal(try(h, PLUGIN_DECORATOR, &err), SL_E_NOT_FOUND);
	h->id.at[0]++;
	assert_int_equal(try(h, PLUGIN_TRANSLATOR, &err), SL_E_NOT_FOUND);
	assert_string_equal(err.text, "there is no such job");
}

/* The job's end, and a while later. */
static void finish(struct house *h, int64_t at_ms)
{
	scoped(buf_finip) struct buf keep = {0};
	struct job job;
	struct why why = {.code = BYTES("failed"), .reason = BYTES("it failed")};
	struct store_txn *txn = writing(h);
	buf_init(&keep, 1 << 20);
	assert_int_equal(ledger_load(txn, h->id, &keep, &job), 0);
	assert_int_equal(ledger_move(txn, &job, JOB_FAILED, &why, at_ms), 0);
	commit(txn);
}

static bool trim(struct house *h, int64_t before_ms)
{
	bool more;
	struct store_txn *txn = writing(h);
	assert_int_equal(kept_trim(txn, before_ms, 1, &more), 0);
	commit(txn);
	return more;
}

static void test_digests_are_left_some_time_after_the_end(void **state)
{
	struct house *h = *state;
	struct kept_stage record;
	struct sl_error err = {0};
	admit(h);
	assert_false(trim(h, INT64_MAX)); /* it has not ended */
	expect(h, PLUGIN_DECORATOR, first, factors, true);
	finish(h, 5000);
	assert_false(trim(h, 5000));
	expect(h, PLUGIN_DECORATOR, first, factors, true);
	assert_true(trim(h, 5001));
	assert_int_equal(try(h, PLUGIN_DECORATOR, &err), SL_E_GONE);
	assert_non_null(strstr(err.text, "store.keep_stages"));
	expect(h, PLUGIN_TRANSLATOR, submitted, "{}", true); /* that is kept with the job */
	struct store_txn *txn = writing(h);
	struct bytes doc;
	assert_int_equal(kept_stage(txn, h->id, PLUGIN_BINDER, &record), 0);
	assert_true(record.gone);
	assert_int_equal(record.patch.len, 0);
	assert_int_equal(record.generation, 40 + PLUGIN_BINDER);
	assert_int_equal(ledger_doc(txn, h->id, PART_FACTORS, &doc), SL_E_NOT_FOUND);
	assert_int_equal(ledger_doc(txn, h->id, PART_TASKSET, &doc), 0);
	store_abort(txn);
	assert_false(trim(h, INT64_MAX)); /* once is enough */
}

static void test_a_damaged_record_is_told(void **state)
{
	struct house *h = *state;
	struct sl_error err = {0};
	admit(h);
	struct store_txn *txn = writing(h);
	ledger_put_doc(txn, h->id, kept_part(PLUGIN_BINDER), BYTES("\x01\x01"));
	commit(txn);
	assert_int_equal(try(h, PLUGIN_BINDER, &err), SL_E_CORRUPT);
	assert_int_equal(try(h, PLUGIN_DECORATOR, &err), SL_E_CORRUPT);
	expect(h, PLUGIN_TRANSLATOR, submitted, "{}", true);
	finish(h, 5000);
	assert_true(trim(h, 5001)); /* the rest is cut down all the same */
	assert_int_equal(try(h, PLUGIN_FACTOR, &err), SL_E_CORRUPT);
}

int main(void)
{
	if (crypt_start())
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_stage_as_it_was_given, begin, end),
		cmocka_unit_test_setup_teardown(test_stages_that_the_job_has_not_come_to, begin,
						end),
		cmocka_unit_test_setup_teardown(test_digests_are_left_some_time_after_the_end,
						begin, end),
		cmocka_unit_test_setup_teardown(test_a_damaged_record_is_told, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
