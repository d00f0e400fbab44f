/* A patch of whatever bytes either is called corrupt or makes a text within its limit; and
 * the patch that is made of two documents makes the one out of the other. Input: two texts
 * with a NUL between. */
#include "tests/fuzz/fuzz.h"

#include "core/ledger/patch.h"

enum { TEXT_MAX = 1 << 16 };

static const struct json_limits limits = {TEXT_MAX, 32};

static void there_and_back(struct bytes later_text, struct bytes earlier_text)
{
	scoped(json_finip) struct json later = {0}, earlier = {0};
	scoped(buf_finip) struct buf patch = {0}, made = {0};
	buf_init(&patch, TEXT_MAX);
	buf_init(&made, TEXT_MAX);
	if (json_parse(&later, later_text, &limits, NULL) ||
	    json_parse(&earlier, earlier_text, &limits, NULL))
		return;
	int rc = patch_make(&later, &earlier, &patch);
	fuzz_holds(rc == 0 || rc == SL_E_TOO_BIG);
	if (rc)
		return;
	fuzz_holds(patch_apply(buf_bytes(&patch), later_text, &made) == 0);
	fuzz_holds(bytes_eq(buf_bytes(&made), earlier_text));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(buf_finip) struct buf made = {0};
	const uint8_t *cut = len ? memchr(at, 0, len) : NULL;
	if (!cut)
		return 0;
	struct bytes first = bytes_of(at, (size_t)(cut - at));
	struct bytes second = bytes_of(cut + 1, len - first.len - 1);
	buf_init(&made, TEXT_MAX);
	int rc = patch_apply(second, first, &made);
	fuzz_holds(rc == 0 || rc == SL_E_CORRUPT || rc == SL_E_TOO_BIG || rc == SL_E_NO_MEMORY);
	there_and_back(first, second);
	return 0;
}
