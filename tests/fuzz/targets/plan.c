/* A supervisor's plan of any bytes is called corrupt or can be walked to its end, every string
 * inside it. Input: a plan. */
#include "tests/fuzz/fuzz.h"

#include "runtime/local/plan.h"

static size_t walk_strings(const char *at, uint32_t n)
{
	size_t sum = 0;
	for (uint32_t i = 0; i < n; i++, at = plan_after(at))
		sum += strlen(at);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct plan plan = {0};
	struct plan_container one = {0};
	size_t sum = 0;
	uint32_t n = 0;
	if (plan_open(bytes_of(at, len), &plan))
		return 0;
	fuzz_holds(plan.containers <= PLAN_CONTAINERS_MAX && plan.volumec <= PLAN_VOLUMES_MAX);
	sum += strlen(plan.role) + strlen(plan.taskset) + walk_strings(plan.env, plan.envc) +
	       walk_strings(plan.volumes, 2 * plan.volumec);
	while (plan_next(&plan, &one)) {
		fuzz_holds(one.argc <= PLAN_WORDS_MAX && one.envc <= PLAN_WORDS_MAX);
		sum += strlen(one.cwd) + walk_strings(one.argv, one.argc) +
		       walk_strings(one.env, one.envc);
		fuzz_holds(++n <= plan.containers);
	}
	fuzz_holds(sum <= len);
	return 0;
}
