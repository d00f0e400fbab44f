/* A TaskSet and answers made of the input; each two to four of the answers that the rule
 * takes, in every order, are merged as a slow model of merging says. */
#include "tests/fuzz/fuzz.h"

#include "tests/lib/merge_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(merge_scene_finip) struct merge_scene scene = {0};
	merge_scene_make(&scene, bytes_of(at, len));
	fuzz_holds(merge_check(&scene, NULL));
	return 0;
}
