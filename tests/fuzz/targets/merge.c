/* A TaskSet and answers made of the input; those that the rule takes are merged, one,
 * two, ... of them in an order of the input's choice, as a slow model of merging says. */
#include "tests/fuzz/fuzz.h"

#include "tests/lib/merge_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(merge_scene_finip) struct merge_scene scene = {0};
	if (len == 0)
		return 0;
	merge_scene_make(&scene, bytes_of(at + 1, len - 1));
	fuzz_holds(merge_check(&scene, at[0], NULL));
	return 0;
}
