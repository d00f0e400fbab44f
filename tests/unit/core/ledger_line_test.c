/* The lines in which jobs wait for plugins: order, pages, who joins and who leaves. */
#include "core/base/crypt.h"
#include "core/ledger/line.h"
#include "tests/unit/core/support.h"

#include <stdlib.h>

enum { AT_ONCE = 8 };

static int set_up(void **state)
{
	struct store *store;
	assert_int_equal(store_open_mem(&store), 0);
	*state = store;
	return 0;
}

static int tear_down(void **state)
{
	store_close(*state);
	return 0;
}

static struct job parked(uint8_t id, const char *plugin, int64_t since_ms)
{
	return (struct job){.id = {{id}},
			    .state = JOB_PREPARING,
			    .plugin = bytes_str(plugin),
			    .parked_ms = since_ms};
}

static struct job waiting(uint8_t id, const char *plugin, int64_t since_ms)
{
	return (struct job){.id = {{id}},
			    .state = JOB_SUSPENDED,
			    .plugin = bytes_str(plugin),
			    .unavailable_ms = since_ms};
}

static struct store_txn *begin(struct store *store)
{
	struct store_txn *txn;
	assert_int_equal(store_begin(store, STORE_WRITE, &txn), 0);
	return txn;
}

/* The first bytes of the ids that stand in a line, as digits. */
static const char *line(struct store_txn *txn, enum line_kind kind, const char *plugin,
			const struct line_at *after, size_t max, char out[AT_ONCE + 1])
{
	struct line_at at[AT_ONCE];
	size_t n = 77;
	assert_int_equal(ledger_line(txn, kind, bytes_str(plugin), after, at, max, &n), 0);
	assert_true(n <= max);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)('0' + at[i].id.at[0]);
	out[n] = '\0';
	return out;
}

static void expect(struct store_txn *txn, enum line_kind kind, const char *plugin, const char *ids)
{
	char got[AT_ONCE + 1];
	assert_string_equal(line(txn, kind, plugin, NULL, AT_ONCE, got), ids);
}

static void test_order_is_since_when(void **state)
{
	struct store_txn *txn = begin(*state);
	struct job jobs[] = {parked(3, "p", 50), parked(1, "p", 256), parked(2, "p", 255),
			     parked(5, "p", 60), parked(4, "p", 60)};
	for (size_t i = 0; i < countof(jobs); i++)
		ledger_line_up(txn, &jobs[i]);
	expect(txn, LINE_PLACE, "p", "34521");
	store_abort(txn);
}

static void test_pages(void **state)
{
	struct store_txn *txn = begin(*state);
	char got[AT_ONCE + 1];
	for (uint8_t i = 1; i <= 5; i++) {
		struct job job = parked(i, "p", 1 + i / 2);
		ledger_line_up(txn, &job);
	}
	assert_string_equal(line(txn, LINE_PLACE, "p", NULL, 2, got), "12");
	struct line_at second = {2, {{2}}};
	assert_string_equal(line(txn, LINE_PLACE, "p", &second, AT_ONCE, got), "345");
	struct line_at gone = {2, {{9}}}; /* it left meanwhile: those behind it are found */
	assert_string_equal(line(txn, LINE_PLACE, "p", &gone, AT_ONCE, got), "45");
	struct line_at last = {3, {{5}}};
	assert_string_equal(line(txn, LINE_PLACE, "p", &last, AT_ONCE, got), "");
	assert_string_equal(line(txn, LINE_PLACE, "p", NULL, 0, got), "");
	store_abort(txn);
}

/* Neither the other kind, nor a plugin whose key begins alike. */
static void test_lines_are_apart(void **state)
{
	struct store_txn *txn = begin(*state);
	struct job jobs[] = {parked(1, "AccessGate.f.a", 1), waiting(2, "AccessGate.f.a", 1),
			     parked(3, "AccessGate.f.ab", 1), parked(4, "AccessGate.f", 1)};
	for (size_t i = 0; i < countof(jobs); i++)
		ledger_line_up(txn, &jobs[i]);
	expect(txn, LINE_PLACE, "AccessGate.f.a", "1");
	expect(txn, LINE_ANSWER, "AccessGate.f.a", "2");
	expect(txn, LINE_PLACE, "AccessGate.f.ab", "3");
	expect(txn, LINE_PLACE, "AccessGate.f", "4");
	expect(txn, LINE_ANSWER, "AccessGate.f", "");
	store_abort(txn);
}

static void test_joins_moves_and_leaves(void **state)
{
	struct store_txn *txn = begin(*state);
	struct job job = waiting(1, "p", 10);
	ledger_line_up(txn, &job);
	ledger_line_up(txn, &job);
	expect(txn, LINE_ANSWER, "p", "1");
	job.plugin = BYTES("q");
	ledger_line_up(txn, &job);
	expect(txn, LINE_ANSWER, "p", "");
	expect(txn, LINE_ANSWER, "q", "1");
	job.parked_ms = 20; /* it was let go, and finds no place */
	ledger_line_up(txn, &job);
	expect(txn, LINE_ANSWER, "q", "");
	expect(txn, LINE_PLACE, "q", "1");
	job.state = JOB_STOPPED; /* whatever else it says: an end is an end */
	ledger_line_up(txn, &job);
	expect(txn, LINE_PLACE, "q", "");
	store_abort(txn);
}

struct seen {
	char text[64];
	int most;
};

static bool see(void *user, struct bytes plugin)
{
	struct seen *seen = user;
	strncat(seen->text, plugin.at, plugin.len);
	strcat(seen->text, " ");
	return --seen->most > 0;
}

static void test_each_plugin_once(void **state)
{
	struct store_txn *txn = begin(*state);
	struct seen all = {.most = 9}, first = {.most = 1}, none = {.most = 9};
	struct job jobs[] = {parked(1, "b", 1), parked(2, "a", 300), parked(3, "b", 2),
			     parked(4, "ab", 1), waiting(5, "c", 1)};
	for (size_t i = 0; i < countof(jobs); i++)
		ledger_line_up(txn, &jobs[i]);
	assert_int_equal(ledger_lines(txn, LINE_PLACE, see, &all), 0);
	assert_string_equal(all.text, "a ab b ");
	assert_int_equal(ledger_lines(txn, LINE_PLACE, see, &first), 0);
	assert_string_equal(first.text, "a ");
	jobs[4].state = JOB_FAILED;
	ledger_line_up(txn, &jobs[4]);
	assert_int_equal(ledger_lines(txn, LINE_ANSWER, see, &none), 0);
	assert_string_equal(none.text, "");
	store_abort(txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order_is_since_when), TEST(test_pages),
		TEST(test_lines_are_apart),     TEST(test_joins_moves_and_leaves),
		TEST(test_each_plugin_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
