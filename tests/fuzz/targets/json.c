/* Whatever the index takes can be walked, compared, decoded and written again. */
#include "tests/fuzz/fuzz.h"

#include "core/json/index.h"

static const struct json_limits limits = {1 << 20, 64};

static void look_at_each(const struct json *j, struct buf *to)
{
	for (json_at at = 0; at < j->n; at++) {
		const struct json_node *node = &j->node[at];
		fuzz_holds(node->len > 0 && node->off + node->len <= j->text.len);
		fuzz_holds(node->end > at && node->end <= j->n);
		buf_reset(to);
		struct bytes text;
		int64_t whole;
		if (node->type == JSON_STRING) {
			fuzz_holds(json_string(j, at, to, &text) == 0);
			fuzz_holds(json_string_is(j, at, text));
		} else if (node->type == JSON_NUMBER) {
			if (json_int64(j, at, &whole) == 0)
				fuzz_holds((double)whole == json_double(j, at));
			fuzz_holds(json_numbers_equal(json_raw(j, at), json_raw(j, at)));
		}
	}
}

static void write_and_read(const struct json *j, struct buf *to)
{
	scoped(json_finip) struct json again = {0};
	buf_reset(to);
	json_compact(j, 0, to);
	fuzz_holds(to->rc == 0 && to->len <= j->text.len);
	fuzz_holds(json_parse(&again, buf_bytes(to), &limits, NULL) == 0);
	fuzz_holds(again.n == j->n);
	fuzz_holds(json_equal(j, 0, &again, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(json_finip) struct json j = {0};
	scoped(buf_finip) struct buf to;
	struct sl_error err = {0};
	buf_init(&to, 1 << 22);
	int rc = json_parse(&j, bytes_of(at, len), &limits, &err);
	if (rc != 0) {
		fuzz_holds(err.code == rc && err.text[0] != '\0');
	} else {
		look_at_each(&j, &to);
		write_and_read(&j, &to);
		buf_reset(&to);
		json_place(&j, j.n - 1, &to);
		json_pointer(&j, j.n - 1, &to);
	}
	buf_reset(&to);
	json_quote(&to, bytes_of(at, len));
	fuzz_holds(json_parse(&j, buf_bytes(&to), &limits, NULL) == 0);
	return 0;
}
