/* A TaskSet of any content is refused with its place or can be filled with its defaults; filled
 * once it is as good as filled twice, and an engine's plan can be made of its pods or is
 * refused in words. Input: a TaskSet document. */
#include "tests/fuzz/fuzz.h"

#include "core/policy/taskset.h"
#include "runtime/local/plan.h"

enum { TEXT_MAX = 1 << 20 };

static const struct json_limits limits = {TEXT_MAX, 64};

static void plan(const struct json *json, const struct role *role)
{
	scoped(buf_finip) struct buf body = {0};
	struct sl_error err = {0};
	uint32_t slots = 0;
	buf_init(&body, PLAN_BYTES_MAX);
	int rc = plan_build_body(json_raw(json, role->pod), 30, &body, &slots, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0') || rc == SL_E_NO_MEMORY);
}

static void read_filled(struct bytes text)
{
	scoped(json_finip) struct json json = {0};
	scoped(taskset_freep) struct taskset *set = NULL;
	scoped(buf_finip) struct buf again = {0};
	struct sl_error err = {0};
	buf_init(&again, TEXT_MAX);
	fuzz_holds(json_parse(&json, text, &limits, &err) == 0);
	fuzz_holds(taskset_read(&json, 0, &set, &err) == 0);
	int rc = taskset_fill(&json, 0, &again, &err);
	fuzz_holds(rc == 0 && bytes_eq(buf_bytes(&again), text));
	for (uint32_t i = 0; i < set->roles; i++)
		plan(&json, &set->role[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(json_finip) struct json json = {0};
	scoped(taskset_freep) struct taskset *set = NULL;
	scoped(buf_finip) struct buf filled = {0};
	struct sl_error err = {0};
	buf_init(&filled, TEXT_MAX);
	if (len > TEXT_MAX / 8 || json_parse(&json, bytes_of(at, len), &limits, NULL))
		return 0;
	int rc = taskset_read(&json, 0, &set, &err);
	fuzz_holds((rc == 0) == (err.text[0] == '\0'));
	fuzz_holds((rc == 0) == (set != NULL));
	if (rc)
		return 0;
	rc = taskset_fill(&json, 0, &filled, &err);
	fuzz_holds(rc == 0 || rc == SL_E_TOO_BIG);
	if (!rc)
		read_filled(buf_bytes(&filled));
	return 0;
}
