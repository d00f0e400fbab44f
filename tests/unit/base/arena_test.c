#include "tests/unit/base/unit.h"

#include "core/base/arena.h"

#include <stdalign.h>

static void test_pieces_are_apart_aligned_and_zero(void **state SL_UNUSED)
{
	scoped(arena_freep) struct arena *a = NULL;
	assert_int_equal(arena_create(1 << 20, &a), 0);
	enum { N = 300 };
	unsigned char *piece[N];
	for (size_t i = 0; i < N; i++) {
		piece[i] = arena_alloc(a, i + 1);
		assert_non_null(piece[i]);
		assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t), 0);
		for (size_t k = 0; k <= i; k++)
			assert_int_equal(piece[i][k], 0);
		memset(piece[i], (int)(i & 0xff), i + 1);
	}
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k <= i; k++)
			assert_int_equal(piece[i][k], i & 0xff);
}

/* A piece larger than a block must not lose the room that the block still has. */
static void test_large_pieces(void **state SL_UNUSED)
{
	scoped(arena_freep) struct arena *a = NULL;
	assert_int_equal(arena_create(1 << 20, &a), 0);
	char *small = arena_alloc(a, 16), *large = arena_alloc(a, 100000),
	     *next = arena_alloc(a, 16);
	assert_non_null(small);
	assert_non_null(large);
	memset(large, 1, 100000);
	assert_ptr_equal(next, small + 16);
}

static void test_ceiling(void **state SL_UNUSED)
{
	scoped(arena_freep) struct arena *a = NULL;
	assert_int_equal(arena_create(64, &a), 0);
	assert_null(arena_alloc(a, 65));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 32));
	assert_non_null(arena_alloc(a, 32));
	assert_int_equal(arena_used(a), 64);
	assert_null(arena_alloc(a, 1));
	struct bytes copy;
	assert_int_equal(arena_copy(a, BYTES("x"), &copy), SL_E_NO_MEMORY);
	assert_null(arena_strdup(a, BYTES("x")));
}

static void test_copies(void **state SL_UNUSED)
{
	scoped(arena_freep) struct arena *a = NULL;
	assert_int_equal(arena_create(1000, &a), 0);
	char text[] = "abc";
	char *dup = arena_strdup(a, bytes_str(text));
	struct bytes copy, empty;
	assert_int_equal(arena_copy(a, bytes_str(text), &copy), 0);
	assert_int_equal(arena_copy(a, bytes_of(NULL, 0), &empty), 0);
	text[0] = 'X';
	assert_string_equal(dup, "abc");
	assert_true(bytes_is(copy, "abc"));
	assert_int_equal(empty.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_are_apart_aligned_and_zero),
		cmocka_unit_test(test_large_pieces),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
