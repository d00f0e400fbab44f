/* Whatever is registered as a selector either is refused in words or can be matched,
 * with the same verdict each time. Input: a document {"jobSelector", "plugin",
 * "header"}; any other bytes are an expression over three conditions. */
#include "tests/fuzz/fuzz.h"

#include "selector/selector.h"

static const struct json_limits json_limits = {1 << 16, 32};
static const struct selector_limits limits = {256, 2000};

static void explain(const struct selector *s, struct selector_scratch *scratch,
		    const struct json *header)
{
	scoped(buf_finip) struct buf value;
	buf_init(&value, 1 << 20);
	for (size_t i = 0; i < selector_condition_count(s); i++) {
		struct condition_view view = selector_condition(s, i);
		struct sl_error err = {0};
		bool present;
		buf_reset(&value);
		enum verdict v =
			selector_condition_match(s, i, scratch, header, &value, &present, &err);
		fuzz_holds(value.rc == 0);
		fuzz_holds(present || v == VERDICT_FALSE);
		fuzz_holds((v == VERDICT_UNKNOWN) == (err.code != 0));
		fuzz_holds(!view.used || selector_uses_key(s, view.key));
	}
}

static void match(const struct selector *s, const struct json *header)
{
	scoped(selector_scratch_freep) struct selector_scratch *scratch = NULL;
	fuzz_holds(selector_scratch_create(&limits, &scratch) == 0);
	struct sl_error err = {0};
	enum verdict v = selector_match(s, scratch, header, &err);
	fuzz_holds((v == VERDICT_UNKNOWN) == (err.code != 0 && err.text[0] != '\0'));
	explain(s, scratch, header);
	struct sl_error again = {0};
	enum verdict w = selector_match(s, scratch, header, &again);
	/* Only what the clock stopped may come out otherwise. */
	fuzz_holds(v == w || strstr(err.text, "too long") || strstr(again.text, "too long"));
}

static void compile(struct selector_source feature, struct selector_source own,
		    const struct json *header)
{
	scoped(selector_freep) struct selector *s = NULL;
	struct sl_error err = {0};
	int rc = selector_compile(feature, own, &s, &err);
	fuzz_holds((rc == 0) == (s != NULL));
	fuzz_holds(rc == 0 || (err.code == rc && err.text[0] != '\0'));
	if (s)
		match(s, header);
	err = (struct sl_error){0};
	rc = selector_check_feature(feature, &err);
	fuzz_holds(rc == err.code && (rc == 0) == (err.text[0] == '\0'));
}

/* `text` as the expression over a (true), b (false) and c (absent). */
static void compile_expression(struct bytes text)
{
	scoped(json_finip) struct json j = {0}, header = {0};
	scoped(buf_finip) struct buf doc;
	buf_init(&doc, 1 << 18);
	buf_add_str(&doc, "{\"conditions\":[{\"name\":\"a\",\"key\":\"k\",\"expect\":\"1\"},"
			  "{\"name\":\"b\",\"key\":\"k\",\"expect\":\"/^2/\"},"
			  "{\"name\":\"c\",\"key\":\"x.y\",\"expect\":\"3\"}],\"expression\":");
	json_quote(&doc, text);
	buf_add_char(&doc, '}');
	struct selector_source none = {NULL, JSON_NONE}, own = {&j, 0};
	if (json_parse(&j, buf_bytes(&doc), &json_limits, NULL) == 0 &&
	    json_parse(&header, BYTES("{\"k\":1}"), &json_limits, NULL) == 0) {
		compile(none, own, &header);
		compile(own, none, &header);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes text = bytes_of(at, len);
	scoped(json_finip) struct json j = {0}, header = {0};
	json_at object;
	if (json_parse(&j, text, &json_limits, NULL) != 0 || json_type(&j, 0) != JSON_OBJECT) {
		compile_expression(text);
		return 0;
	}
	object = json_get(&j, 0, BYTES("header"));
	struct bytes words = object != JSON_NONE && json_type(&j, object) == JSON_OBJECT
				     ? json_raw(&j, object)
				     : BYTES("{}");
	fuzz_holds(json_parse(&header, words, &json_limits, NULL) == 0);
	compile((struct selector_source){&j, json_get(&j, 0, BYTES("jobSelector"))},
		(struct selector_source){&j, json_get(&j, 0, BYTES("plugin"))}, &header);
	return 0;
}
