/* Whatever is read as YAML is either refused in words with a line, or becomes strict JSON
 * with a line for each of its nodes; and that JSON, written as YAML, is read as the same
 * value again. Input: a YAML document. */
#include "tests/fuzz/fuzz.h"

#include "cli/yaml_json.h"

enum { BYTES_MAX = 1 << 16, DEPTH_MAX = 32 };

static const struct yaml_limits limits = {BYTES_MAX, DEPTH_MAX};
/* Aliases put values together that are each within the limit, so this one is larger. */
static const struct json_limits json_limits = {16 * BYTES_MAX, 1024};

/* Out and in again, without the limits of the first reading: text may have grown. */
static void come_back(const struct json *json)
{
	static const struct yaml_limits wide = {64 * BYTES_MAX, 1024};
	static const struct json_limits wide_json = {64 * BYTES_MAX, 1024};
	scoped(buf_finip) struct buf yaml;
	scoped(buf_finip) struct buf text;
	scoped(json_finip) struct json again = {0};
	buf_init(&yaml, 64 * BYTES_MAX);
	buf_init(&text, 64 * BYTES_MAX);
	int rc = json_to_yaml(json, 0, &yaml);
	if (rc == SL_E_TOO_BIG)
		return;
	fuzz_holds(rc == 0);
	rc = yaml_to_json(buf_bytes(&yaml), &wide, &text, NULL, NULL);
	if (rc == SL_E_TOO_BIG)
		return;
	fuzz_holds(rc == 0);
	fuzz_holds(json_parse(&again, buf_bytes(&text), &wide_json, NULL) == 0);
	fuzz_holds(json_equal(json, 0, &again, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	scoped(buf_finip) struct buf text;
	scoped(yaml_lines_finip) struct yaml_lines lines = {0};
	scoped(json_finip) struct json json = {0};
	struct sl_error err = {0};
	buf_init(&text, BYTES_MAX);
	int rc = yaml_to_json(bytes_of(at, len), &limits, &text, &lines, &err);
	if (rc) {
		fuzz_holds(err.code == rc && err.text[0]);
		return 0;
	}
	fuzz_holds(json_parse(&json, buf_bytes(&text), &json_limits, &err) == 0);
	fuzz_holds(lines.n == json.n);
	come_back(&json);
	return 0;
}
