/* A base and two answers, with a byte 0xFF between them (which no JSON holds), behind one
 * byte of options. What the rule takes can be merged, alone always, and what comes out is
 * a document that holds the base. */
#include "tests/fuzz/fuzz.h"

#include "core/increment/merge.h"
#include "core/ledger/patch.h"

enum { TEXTS = 3 };

static const struct json_limits limits = {1 << 20, 64};

static bool split(const uint8_t *at, size_t len, struct json text[TEXTS])
{
	const uint8_t *end = at + len;
	for (int i = 0; i < TEXTS; i++) {
		const uint8_t *stop = at < end ? memchr(at, 0xff, (size_t)(end - at)) : NULL;
		stop = stop ? stop : end;
		if (json_parse(&text[i], bytes_of(at, (size_t)(stop - at)), &limits, NULL) != 0)
			return false;
		at = stop < end ? stop + 1 : end;
	}
	return true;
}

/* ---- a slow and obvious model, for documents without the TaskSet's special places ---- */

static bool is_plain(const struct json *j)
{
	static const char *const special[] = {"kind", "apiVersion", "metadata", "spec", "status"};
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (json_type(j, 0) != JSON_OBJECT ||
		    json_get(j, 0, bytes_str(special[i])) != JSON_NONE)
			return false;
	return true;
}

static json_at member_of(const struct json *j, json_at object, const struct json *other,
			 json_at key)
{
	for (json_at k = json_first(j, object); k != JSON_NONE; k = json_next(j, object, k))
		if (json_equal(j, k, other, key))
			return json_type(j, k + 1) == JSON_NULL ? JSON_NONE : k + 1;
	return JSON_NONE; /* a null is an absent member */
}

static bool holds(const struct json *b, json_at x, const struct json *a, json_at y, bool frozen,
		  bool typed);

static bool object_holds(const struct json *b, json_at x, const struct json *a, json_at y,
			 bool frozen, bool typed)
{
	for (json_at k = json_first(b, x); k != JSON_NONE; k = json_next(b, x, k)) {
		json_at now = member_of(a, y, b, k);
		if (json_type(b, k + 1) == JSON_NULL)
			continue;
		if (now == JSON_NONE ? !typed : !holds(b, k + 1, a, now, frozen, typed))
			return false;
	}
	for (json_at k = json_first(a, y); frozen && k != JSON_NONE; k = json_next(a, y, k))
		if (json_type(a, k + 1) != JSON_NULL && member_of(b, x, a, k) == JSON_NONE)
			return false;
	return true;
}

static bool list_holds(const struct json *b, json_at x, const struct json *a, json_at y,
		       bool frozen, bool typed)
{
	if (json_count(a, y) < json_count(b, x) || (frozen && json_count(a, y) > json_count(b, x)))
		return false;
	for (uint32_t i = 0; i < json_count(b, x); i++)
		if (!holds(b, json_element(b, x, i), a, json_element(a, y, i), true, typed))
			return false;
	return true;
}

/* Is what stands at `y` the old value at `x` and no more than additions? */
static bool holds(const struct json *b, json_at x, const struct json *a, json_at y, bool frozen,
		  bool typed)
{
	if (json_type(b, x) == JSON_OBJECT && json_type(a, y) == JSON_OBJECT)
		return object_holds(b, x, a, y, frozen, typed);
	if (json_type(b, x) == JSON_ARRAY && json_type(a, y) == JSON_ARRAY)
		return list_holds(b, x, a, y, frozen, typed);
	return json_type(b, x) < JSON_ARRAY && json_equal(b, x, a, y);
}

static void check_model(const struct json *base, const struct json *answer, bool typed, int rc)
{
	if (is_plain(base) && is_plain(answer))
		fuzz_holds(holds(base, 0, answer, 0, false, typed) == (rc == 0));
}

/* What was merged leads back to the base, byte for byte. */
static void check_back(const struct json *merged, const struct json *base)
{
	scoped(buf_finip) struct buf patch, back;
	buf_init(&patch, 1 << 24);
	buf_init(&back, 1 << 24);
	fuzz_holds(patch_make(merged, base, &patch) == 0);
	fuzz_holds(patch_apply(buf_bytes(&patch), merged->text, &back) == 0);
	fuzz_holds(bytes_eq(buf_bytes(&back), base->text));
}

/* ---- the rule and the merge ---- */

static int merge(const struct json *base, const struct increment *const *increment, size_t n,
		 struct buf *out)
{
	struct merge_part part[2];
	struct sl_error err = {0};
	for (size_t i = 0; i < n; i++)
		part[i] = (struct merge_part){BYTES("p"), increment[i]};
	buf_reset(out);
	int rc = merge_increments(base, part, n, out, NULL, &err);
	fuzz_holds(rc == 0 || (rc == SL_E_CONFLICT && err.text[0]));
	return rc;
}

/* The merge is an increment of the base, and merging it gives itself. */
static void check_alone(const struct json *base, const struct increment *increment,
			const struct increment_options *options, struct buf *out)
{
	scoped(json_finip) struct json merged = {0};
	scoped(increment_finip) struct increment again = {0};
	struct increment_options untyped = {options->rules, options->stage, false};
	fuzz_holds(merge(base, &increment, 1, out) == 0);
	fuzz_holds(json_parse(&merged, buf_bytes(out), &limits, NULL) == 0);
	fuzz_holds(increment_check(base, &merged, &untyped, &again, NULL, NULL) == 0);
	fuzz_holds(again.n == increment->n);
	check_back(&merged, base);
}

static void check_both(const struct json *base, const struct increment *a,
		       const struct increment *b, struct buf *out)
{
	scoped(json_finip) struct json merged = {0};
	const struct increment *one[] = {a, b}, *other[] = {b, a};
	int rc = merge(base, one, 2, out);
	if (rc == 0)
		fuzz_holds(json_parse(&merged, buf_bytes(out), &limits, NULL) == 0);
	fuzz_holds(merge(base, other, 2, out) == rc);
}

static void check(struct json text[TEXTS], const struct increment_options *options)
{
	struct increment increment[2] = {0};
	scoped(buf_finip) struct buf out;
	bool legal = true;
	buf_init(&out, 1 << 24);
	for (int i = 0; i < 2; i++) {
		struct sl_error err = {0};
		int rc =
			increment_check(&text[0], &text[i + 1], options, &increment[i], NULL, &err);
		fuzz_holds(rc == 0 || (rc == SL_E_CONFLICT && err.text[0]));
		check_model(&text[0], &text[i + 1], options->typed, rc);
		legal = legal && rc == 0;
		if (rc == 0)
			check_alone(&text[0], &increment[i], options, &out);
	}
	if (legal)
		check_both(&text[0], &increment[0], &increment[1], &out);
	increment_fini(&increment[0]);
	increment_fini(&increment[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(increment_rules_freep) struct increment_rules *rules = NULL;
	struct json text[TEXTS] = {0};
	if (len > 0 && split(at + 1, len - 1, text)) {
		fuzz_holds(increment_rules_create(NULL, &rules, NULL) == 0);
		struct increment_options options = {rules, INCREMENT_DECORATOR, at[0] & 1};
		if (at[0] & 2)
			options.stage = INCREMENT_BINDER;
		check(text, &options);
	}
	for (int i = 0; i < TEXTS; i++)
		json_fini(&text[i]);
	return 0;
}
