/* The merge against a slow model of it, over random TaskSets and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/merge_check.h"

enum { ROUNDS = 250, DECISIONS = 700 };

static void test_random_answers_merge_as_the_model_says(void **state)
{
	(void)state;
	struct merge_tally tally = {0};
	uint32_t seed = 2463534242u;
	for (int round = 0; round < ROUNDS; round++) {
		scoped(merge_scene_finip) struct merge_scene scene = {0};
		uint8_t from[DECISIONS];
		for (size_t i = 0; i < sizeof(from); i++) {
			seed ^= seed << 13;
			seed ^= seed >> 17;
			seed ^= seed << 5;
			from[i] = (uint8_t)(seed >> 11);
		}
		merge_scene_make(&scene, bytes_of(from, sizeof(from)));
		if (!merge_check(&scene, -1, &tally))
			fail_msg("round %d", round);
	}
	/* The scenes are worth something: most answers are legal, both outcomes are common. */
	print_message("%llu of %llu answers legal, %llu merged, %llu conflicts\n",
		      (unsigned long long)tally.legal, (unsigned long long)tally.answers,
		      (unsigned long long)tally.merged, (unsigned long long)tally.conflicts);
	assert_true(tally.legal * 3 > tally.answers);
	assert_true(tally.merged > ROUNDS);
	assert_true(tally.conflicts > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_answers_merge_as_the_model_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
