/* Texts made shorter and back: byte for byte, and safe with any bytes. */
#include "tests/unit/base/unit.h"

#include "core/base/shrink.h"
#include "tests/lib/seeded.h"

#include <stdlib.h>

enum { TEXT_MAX = 100000 };

static char text[TEXT_MAX], back[TEXT_MAX], like[TEXT_MAX];

/* Words, as in a document, or noise. */
static struct bytes make(struct seeded *r, char *to, size_t len, bool noise)
{
	static const char *const words[] = {"{\"name\":\"", "\",\"value\":\"", "s3://bucket/",
					    "main"};
	for (size_t at = 0; at < len;) {
		const char *w = words[seeded_below(r, 4)];
		for (; *w && at < len && !noise; w++)
			to[at++] = *w;
		if (at < len)
			to[at++] = (char)seeded_next(r);
	}
	return bytes_of(to, len);
}

static void expect_back(struct bytes given, struct bytes against)
{
	scoped(buf_finip) struct buf packed = {0};
	buf_init(&packed, 1 << 20);
	buf_add_str(&packed, "head");
	assert_int_equal(shrink(given, against, &packed), 0);
	assert_true(packed.len - 4 < given.len);
	assert_memory_equal(packed.at, "head", 4);
	assert_true(shrink_could_be(packed.len - 4, given.len));
	struct bytes it = bytes_of(packed.at + 4, packed.len - 4);
	assert_int_equal(shrink_back(it, against, back, given.len), 0);
	assert_memory_equal(back, given.at, given.len);
	assert_int_equal(shrink_back(it, against, back, given.len - 1), SL_E_CORRUPT);
	assert_int_equal(shrink_back(it, against, back, given.len + 1), SL_E_CORRUPT);
	it.len--;
	assert_int_equal(shrink_back(it, against, back, given.len), SL_E_CORRUPT);
}

static void test_back_again(void **state SL_UNUSED)
{
	struct seeded r = {1};
	for (size_t len = 200; len < TEXT_MAX / 2; len = len * 3 / 2 + 1) {
		struct bytes given = make(&r, text, len, false);
		expect_back(given, bytes_of("", 0));
		expect_back(given, make(&r, like, len / 2, false));
		expect_back(given, make(&r, like, SHRINK_LIKE_MAX + 1, false));
	}
}

static void test_what_is_alike_costs_little(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf packed = {0};
	struct seeded r = {2};
	buf_init(&packed, 1 << 20);
	make(&r, like, 4000, true);
	memcpy(text, like, 4000);
	memcpy(text + 1000, "\"added\":true,", 13);
	assert_int_equal(shrink(bytes_of(text, 4000), bytes_of(like, 4000), &packed), 0);
	assert_true(packed.len < 80);
	expect_back(bytes_of(text, 4000), bytes_of(like, 4000));
}

static void test_what_saves_nothing_is_left(void **state SL_UNUSED)
{
	scoped(buf_finip) struct buf packed = {0};
	struct seeded r = {3};
	buf_init(&packed, 1 << 20);
	for (size_t len = 0; len < 5000; len += 61) {
		struct bytes given = make(&r, text, len, true);
		assert_int_equal(shrink(given, bytes_of("", 0), &packed), SL_E_TOO_BIG);
		assert_int_equal(packed.len, 0);
		assert_int_equal(packed.rc, 0);
	}
}

static void test_any_bytes(void **state SL_UNUSED)
{
	struct seeded r = {4};
	for (int i = 0; i < 3000; i++) {
		scoped(buf_finip) struct buf packed = {0};
		struct bytes given = make(&r, text, 1 + seeded_below(&r, 3000), false);
		struct bytes against = make(&r, like, seeded_below(&r, 300), false);
		buf_init(&packed, 1 << 20);
		if (shrink(given, against, &packed))
			continue;
		for (uint32_t n = 1 + seeded_below(&r, 4); n; n--)
			packed.at[seeded_below(&r, (uint32_t)packed.len)] = (char)seeded_next(&r);
		/* as long as they are, so that a sanitizer sees more */
		char *from = malloc(packed.len), *to = malloc(given.len);
		assert_true(from && to);
		memcpy(from, packed.at, packed.len);
		int rc = shrink_back(bytes_of(from, packed.len), against, to, given.len);
		assert_true(rc == 0 || rc == SL_E_CORRUPT);
		free(from);
		free(to);
	}
	assert_false(shrink_could_be(10, 100000));
	assert_false(shrink_could_be(SIZE_MAX, (size_t)SHRINK_TEXT_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_again),
		cmocka_unit_test(test_what_is_alike_costs_little),
		cmocka_unit_test(test_what_saves_nothing_is_left),
		cmocka_unit_test(test_any_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
