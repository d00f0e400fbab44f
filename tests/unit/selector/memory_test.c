/* Out of memory is an ordinary error: each allocation in turn is made to fail. */
#include "tests/unit/selector/util.h"

static long left = -1; /* allocations until one fails; negative: none does */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_reallocarray(void *at, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_reallocarray(void *at, size_t n, size_t size);

static bool fails(void) { return left >= 0 && left-- == 0; }

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *at, size_t size) { return fails() ? NULL : __real_realloc(at, size); }

void *__wrap_reallocarray(void *at, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(at, n, size);
}

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
	long n = 0;
	for (; rc; n++) {
		struct selector *s = NULL;
		struct sl_error err = {0};
		left = n;
		rc = selector_compile(feature, own, &s, &err);
		left = -1;
		assert_int_equal(rc, rc ? SL_E_NO_MEMORY : 0);
		assert_int_equal(err.code, rc);
		assert_int_equal(s == NULL, rc != 0);
		selector_free(s);
	}
	assert_in_range(n, 8, 1000);
	for (rc = SL_E_NO_MEMORY, n = 0; rc; n++) {
		left = n;
		rc = selector_check_feature(feature, NULL);
		left = -1;
		assert_int_equal(rc, rc ? SL_E_NO_MEMORY : 0);
	}
	doc_fini(&d);
}

static void test_scratch(void **state SL_UNUSED)
{
	struct selector_limits limits = {100, 100};
	int rc = SL_E_NO_MEMORY;
	for (long n = 0; rc; n++) {
		struct selector_scratch *scratch = NULL;
		left = n;
		rc = selector_scratch_create(&limits, &scratch);
		left = -1;
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
	left = 0;
	enum verdict v = selector_match(s, scratch, &d.json, &err);
	left = -1;
	assert_int_equal(v, VERDICT_UNKNOWN);
	assert_int_equal(err.code, SL_E_NO_MEMORY);
	assert_int_equal(selector_match(s, scratch, &d.json, &err), VERDICT_FALSE);
	doc_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
