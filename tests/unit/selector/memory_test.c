/* Out of memory is an ordinary error: each allocation in turn is made to fail. */
#include "selector/index/index.h"

#include "tests/lib/nth_allocation.h"
#include "tests/unit/selector/util.h"

#define FEATURE                                                                                    \
	"{'jobSelector': {'conditions': [{'name': 'a', 'key': 'a', 'expect': '/^\\u0031\\\\/x/'}," \
	"{'name': 'b', 'key': 'o', 'match': 'exact', 'expect': '[1]'}],"                           \
	"'expression': 'a && \\u0062 && !(a || b) && (b || !a)'}, 'own': {'conditions':"           \
	"[{'name': 'c', 'key': 'c', 'expect': '/c/i'}]}}"

static void test_compile(void **state SL_UNUSED)
{
	struct doc d = doc_of(FEATURE);
	struct selector_source feature = {&d.json, json_get(&d.json, 0, BYTES("jobSelector"))};
	struct selector_source own = {&d.json, json_get(&d.json, 0, BYTES("own"))};
	int rc = SL_E_NO_MEMORY;
	size_t n = 1;
	for (; rc; n++) {
		struct selector *s = NULL;
		struct sl_error err = {0};
		nth_allocation()->left = n;
		rc = selector_compile(feature, own, &s, &err);
		nth_allocation()->left = 0;
		assert_int_equal(rc, rc ? SL_E_NO_MEMORY : 0);
		assert_int_equal(err.code, rc);
		assert_int_equal(s == NULL, rc != 0);
		selector_free(s);
	}
	assert_in_range(n, 9, 1001);
	for (rc = SL_E_NO_MEMORY, n = 1; rc; n++) {
		nth_allocation()->left = n;
		rc = selector_check_feature(feature, NULL);
		nth_allocation()->left = 0;
		assert_int_equal(rc, rc ? SL_E_NO_MEMORY : 0);
	}
	doc_fini(&d);
}

static void test_scratch(void **state SL_UNUSED)
{
	struct selector_limits limits = {100, 100};
	int rc = SL_E_NO_MEMORY;
	for (size_t n = 1; rc; n++) {
		struct selector_scratch *scratch = NULL;
		nth_allocation()->left = n;
		rc = selector_scratch_create(&limits, &scratch);
		nth_allocation()->left = 0;
		assert_int_equal(rc, rc ? SL_E_NO_MEMORY : 0);
		selector_scratch_free(scratch);
	}
}

/* A value that could not be read is unknown, not different. */
static void test_match(void **state SL_UNUSED)
{
	scoped(selector_freep) struct selector *s =
		compiled("{'conditions': [{'name': 'o', 'key': 'o', 'match': 'exact',"
			 "'expect': '[1]'}], 'expression': '!o'}");
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	struct doc d = doc_of("{'o': [ 1 ]}");
	struct sl_error err = {0};
	default_scratch(&scratch);
	nth_allocation()->left = 1;
	enum verdict v = selector_match(s, scratch, &d.json, &err);
	nth_allocation()->left = 0;
	assert_int_equal(v, VERDICT_UNKNOWN);
	assert_int_equal(err.code, SL_E_NO_MEMORY);
	assert_int_equal(selector_match(s, scratch, &d.json, &err), VERDICT_FALSE);
	doc_fini(&d);
}

/* A change of an index, and a question to it, either fail whole or come out right. */
static void count(void *user, const void *owner SL_UNUSED, enum verdict verdict,
		  const struct sl_error *err SL_UNUSED)
{
	*(unsigned *)user += verdict == VERDICT_TRUE;
}

static struct selector *joined(struct selector_pool *pool, unsigned i)
{
	char text[300];
	snprintf(text, sizeof(text),
		 "{'conditions': [{'name': 'a', 'key': 'a.0.b', 'expect': '/x%u|y/'},"
		 "{'name': 'b', 'key': 'k', 'expect': '1'}], 'expression': 'a || b'}",
		 i);
	struct selector *s = compiled(text);
	assert_int_equal(selector_join(s, pool, NULL, NULL), 0);
	return s;
}

static void test_join(void **state SL_UNUSED)
{
	scoped(selector_pool_freep) struct selector_pool *pool = NULL;
	int rc = SL_E_NO_MEMORY;
	assert_int_equal(selector_pool_create(&pool), 0);
	for (size_t n = 1; rc; n++) {
		struct selector *s = compiled("{'conditions': [{'name': 'a', 'key': 'k', 'expect': "
					      "'/x/'}], 'expression': 'a'}");
		nth_allocation()->left = n;
		rc = selector_join(s, pool, NULL, NULL);
		nth_allocation()->left = 0;
		assert_true(rc == 0 || rc == SL_E_NO_MEMORY);
		assert_int_equal(selector_pool_patterns(pool), rc == 0);
		selector_free(s);
		assert_int_equal(selector_pool_patterns(pool), 0);
	}
}

static void test_index(void **state SL_UNUSED)
{
	scoped(selector_pool_freep) struct selector_pool *pool = NULL;
	scoped(selector_index_freep) struct selector_index *none = NULL;
	struct doc job = doc_of("{'k': '1', '\\u0061': [{'\\u0062': 'x1'}]}");
	int rc = SL_E_NO_MEMORY;
	assert_int_equal(selector_pool_create(&pool), 0);
	assert_int_equal(selector_index_create(pool, &none), 0);
	struct selector *come[2] = {joined(pool, 1), joined(pool, 2)};
	for (size_t n = 1; rc; n++) {
		scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
		scoped(selector_index_freep) struct selector_index *index = NULL;
		unsigned found = 0;
		default_scratch(&scratch);
		nth_allocation()->left = n;
		rc = selector_index_change(none, NULL, 0, come, 2, &index);
		if (!rc)
			rc = selector_index_match(index, scratch, &job.json, count, &found);
		nth_allocation()->left = 0;
		assert_true(rc == 0 || rc == SL_E_NO_MEMORY);
		if (!rc)
			assert_int_equal(found, 2);
	}
	selector_free(come[0]);
	selector_free(come[1]);
	doc_fini(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile), cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_match),   cmocka_unit_test(test_join),
		cmocka_unit_test(test_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
