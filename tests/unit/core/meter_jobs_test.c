/* Series of unfinished jobs: the greatest holders by name, the rest together. */
#include "core/base/crypt.h"
#include "core/telemetry/meter_jobs.h"
#include "tests/unit/core/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOW = 1000 };

struct house {
	struct store *store;
	struct id_source ids;
	struct buf text;
};

static int set_up(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	assert_int_equal(crypt_start(), 0);
	assert_int_equal(store_open_mem(&h->store), 0);
	buf_init(&h->text, 16 << 20);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct house *h = *state;
	store_close(h->store);
	buf_fini(&h->text);
	free(h);
	return 0;
}

static void add(struct house *h, enum job_state to, const char *code, const char *plugin)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(h->store, STORE_WRITE, &txn), 0);
	struct job job = {.id = id_next(&h->ids, NOW),
			  .created_ms = NOW,
			  .user = BYTES("ann"),
			  .kind = BYTES("TaskSet"),
			  .reason_code = BYTES("in_admission")};
	struct why why = {.code = bytes_str(code), .plugin = bytes_str(plugin)};
	ledger_insert(txn, &job);
	if (to != JOB_PREPARING)
		assert_int_equal(ledger_move(txn, &job, to, &why, NOW), 0);
	assert_int_equal(store_commit(&txn), 0);
}

static const char *text_of(struct house *h)
{
	struct store_txn *txn;
	buf_reset(&h->text);
	assert_int_equal(store_begin(h->store, STORE_READ, &txn), 0);
	assert_int_equal(meter_write_jobs(txn, &h->text), 0);
	store_abort(txn);
	return buf_str(&h->text);
}

#define assert_says(h, line) assert_non_null(strstr(text_of(h), line "\n"))

static void test_by_state_and_by_what_holds_them(void **state)
{
	struct house *h = *state;
	add(h, JOB_PREPARING, "", "");
	add(h, JOB_SUSPENDED, "gate_suspended", "AccessGate.a.qa");
	add(h, JOB_SUSPENDED, "quota_used", "AccessGate.a.qa");
	add(h, JOB_SUSPENDED, "quota_used", "AccessGate.a.qa");
	add(h, JOB_FAILED, "no_translator", "");
	assert_says(h, "sluice_jobs{state=\"preparing\"} 1");
	assert_says(h, "sluice_jobs{state=\"suspended\"} 3");
	assert_says(h, "sluice_jobs{state=\"running\"} 0");
	assert_says(h, "sluice_jobs{state=\"failed\"} 1");
	assert_says(h, "sluice_unfinished_jobs{state=\"preparing\",reason_code=\"in_admission\","
		       "plugin=\"\"} 1");
	assert_says(h, "sluice_unfinished_jobs{state=\"suspended\",reason_code=\"quota_used\","
		       "plugin=\"AccessGate.a.qa\"} 2");
	assert_null(strstr(text_of(h), "no_translator"));
}

static void test_only_the_greatest_plugins_have_their_name(void **state)
{
	struct house *h = *state;
	char plugin[40];
	for (int i = 0; i < METER_JOBS_PLUGINS + 5; i++) {
		snprintf(plugin, sizeof(plugin), "AccessGate.f%03d.qa", i);
		add(h, JOB_SUSPENDED, i % 2 ? "gate_suspended" : "own_code", plugin);
		if (i >= 5)
			add(h, JOB_SUSPENDED, "gate_suspended", plugin);
	}
	assert_null(strstr(text_of(h), "AccessGate.f004.qa"));
	assert_says(h, "sluice_unfinished_jobs{state=\"suspended\",reason_code=\"gate_suspended\","
		       "plugin=\"AccessGate.f005.qa\"} 2");
	assert_says(h, "sluice_unfinished_jobs{state=\"suspended\",reason_code=\"gate_suspended\","
		       "plugin=\"other\"} 2");
	assert_says(h, "sluice_unfinished_jobs{state=\"suspended\",reason_code=\"other\","
		       "plugin=\"other\"} 3");
}

static void test_reason_codes_of_gates_are_bounded(void **state)
{
	struct house *h = *state;
	char code[40];
	for (int i = 0; i < METER_JOBS_SERIES + 7; i++) {
		snprintf(code, sizeof(code), "code_%d", i);
		add(h, JOB_SUSPENDED, code, "AccessGate.a.qa");
	}
	assert_says(h, "sluice_unfinished_jobs{state=\"suspended\",reason_code=\"other\","
		       "plugin=\"other\"} 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_state_and_by_what_holds_them, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_only_the_greatest_plugins_have_their_name,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reason_codes_of_gates_are_bounded, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
