/* Earlier documents out of later ones. */
#include "tests/unit/core/support.h"

#include "core/ledger/patch.h"

enum { TEXT_MAX = 1 << 20 };

/* There and back; returns the length of the patch. */
static size_t back(const char *later, const char *earlier)
{
	scoped(json_finip) struct json l = test_json(later), e = test_json(earlier);
	scoped(buf_finip) struct buf patch = {0}, text = {0};
	buf_init(&patch, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	assert_int_equal(patch_make(&l, &e, &patch), 0);
	assert_int_equal(patch_apply(buf_bytes(&patch), l.text, &text), 0);
	assert_string_equal(buf_str(&text), earlier);
	return patch.len;
}

static void test_any_two_documents(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{}",
		"[]",
		"null",
		"\"\"",
		"{\"a\":1,\"b\":[1,2,3],\"c\":{\"d\":\"a long enough text to be found again\"}}",
		"{\"c\":{\"d\":\"a long enough text to be found again\"},\"a\":1}",
		" { \"a\" : 1 , \"b\":[ 1, 2 ,3 ] } ",
		"[\"a long enough text to be found again\",\"x\",[[[]]],{\"a\":[{}]}]",
		"[[[]],\"first a long enough text to be found again\"]",
		"{\"a\\u0062\":\"\\\"\",\"\xc3\xa9\":{\"\":[true,false,null]}}",
		"12.50",
	};
	for (size_t i = 0; i < countof(texts); i++)
		for (size_t k = 0; k < countof(texts); k++)
			back(texts[i], texts[k]);
}

/* Some elements, members, and a script with something in front: what is stored is a few
 * stretches, not the document. */
static void test_additions_cost_little(void **state)
{
	(void)state;
	scoped(buf_finip) struct buf later = {0}, earlier = {0};
	buf_init(&later, TEXT_MAX);
	buf_init(&earlier, TEXT_MAX);
	buf_add_str(&earlier, "{\"kind\":\"TaskSet\",\"roles\":[");
	buf_add_str(&later, "{\"kind\":\"TaskSet\",\"roles\":[");
	for (int i = 0; i < 100; i++) {
		const char *comma = i ? "," : "";
		buf_addf(&earlier, "%s{\"name\":\"role-%d\",\"env\":[{\"name\":\"A\"}]}", comma, i);
		buf_addf(&later, "%s{\"name\":\"role-%d\",\"env\":[{\"name\":\"A\"}%s]}", comma, i,
			 i == 50 ? ",{\"name\":\"B\",\"value\":\"added by a decorator\"}" : "");
	}
	buf_add_str(&earlier, "],\"command\":[\"sh\",\"-c\",\"python train.py --epochs 10\"]}");
	buf_add_str(&later, "],\"command\":[\"sh\",\"-c\",\"set -e; python train.py --epochs "
			    "10\"],\"labels\":{\"a\":\"b\"}}");
	size_t len = back(buf_str(&later), buf_str(&earlier));
	if (len > 200)
		fail_msg("%zu bytes for three additions to %zu", len, earlier.len);
}

static void test_what_is_no_patch(void **state)
{
	(void)state;
	scoped(json_finip) struct json l = test_json("{\"a\":1,\"b\":\"a text that is long\"}");
	scoped(json_finip) struct json e = test_json("{\"b\":\"a text that is long\"}");
	scoped(buf_finip) struct buf patch = {0}, text = {0};
	buf_init(&patch, TEXT_MAX);
	buf_init(&text, TEXT_MAX);
	assert_int_equal(patch_make(&l, &e, &patch), 0);
	for (size_t n = 1; n < patch.len; n++) { /* cut anywhere, it is refused or shorter */
		buf_reset(&text);
		int rc = patch_apply(bytes_of(patch.at, n), l.text, &text);
		assert_true(rc == SL_E_CORRUPT || text.len < e.text.len);
	}
	static const char far[] = "\xff\xff\xff\xff\x01\0\0\0\0\0\0\0";
	static const char wide[] = "\x01\0\0\0\xff\xff\xff\xff\0\0\0\0";
	assert_int_equal(patch_apply(bytes_of(far, 12), l.text, &text), SL_E_CORRUPT);
	assert_int_equal(patch_apply(bytes_of(wide, 12), l.text, &text), SL_E_CORRUPT);
	struct buf small = {0};
	buf_init(&small, 4);
	assert_int_equal(patch_make(&l, &e, &small), SL_E_TOO_BIG);
	buf_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_two_documents),
		cmocka_unit_test(test_additions_cost_little),
		cmocka_unit_test(test_what_is_no_patch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
