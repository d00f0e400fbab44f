/* A base and two answers, with a byte 0xFF between them (which no JSON holds), behind one
 * byte of options. What the rule takes can be merged, alone always, and what comes out is
 * a document that holds the base. */
#include "tests/fuzz/fuzz.h"

#include "core/merge.h"

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
