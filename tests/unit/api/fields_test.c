/* Reading a body by a table: which fault is told, and where. */
#include "api/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct point {
	int64_t x;
};

struct thing {
	struct bytes name, note;
	int64_t count;
	bool on;
	json_at header, points, any;
	size_t seen;
};

static const struct field point_fields[] = {
	{.name = "x",
	 .kind = FIELD_INT,
	 .flags = FIELD_REQUIRED,
	 .at = offsetof(struct point, x),
	 .min = 0,
	 .max = 9},
	{0},
};

static int check_points(const struct fields_in *in, json_at at, void *to, struct sl_error *err)
{
	struct thing *thing = to;
	for (json_at i = json_first(in->json, at); i != JSON_NONE; i = json_next(in->json, at, i)) {
		struct point point;
		int rc = fields_read(in, i, point_fields, &point, err);
		if (rc < 0)
			return rc;
		thing->seen++;
	}
	return 0;
}

#define AT(member) .at = offsetof(struct thing, member)
static const struct field fields[] = {
	{.name = "name",
	 .kind = FIELD_TEXT,
	 .flags = FIELD_REQUIRED | FIELD_FILLED,
	 AT(name),
	 .max = 8},
	{.name = "note", .kind = FIELD_TEXT, AT(note)},
	{.name = "count", .kind = FIELD_INT, AT(count), .min = 1, .max = 5},
	{.name = "on", .kind = FIELD_BOOL, AT(on)},
	{.name = "header", .kind = FIELD_OBJECT, .flags = FIELD_FILLED, AT(header)},
	{.name = "points", .kind = FIELD_ARRAY, AT(points), .max = 3, .check = check_points},
	{.name = "any", .kind = FIELD_ANY, AT(any)},
	{.name = "revision", .kind = FIELD_SHOWN},
	{0},
};

static struct json json;
static struct arena *arena;
static struct thing thing;
static struct sl_error err;

static int read_thing(const char *text)
{
	static const struct json_limits limits = {1 << 20, 64};
	const struct fields_in in = {&json, arena};
	thing = (struct thing){
		.count = 3, .header = JSON_NONE, .points = JSON_NONE, .any = JSON_NONE};
	memset(&err, 0, sizeof(err));
	assert_int_equal(json_parse(&json, bytes_str(text), &limits, &err), 0);
	return fields_read(&in, 0, fields, &thing, &err);
}

static void fails(const char *text, int code, const char *words)
{
	int rc = read_thing(text);
	if (rc != code || strcmp(err.text, words) != 0)
		fail_msg("%s: %s: \"%s\"", text, sl_err_name(rc), err.text);
}

static void fills_a_struct(void **state)
{
	(void)state;
	assert_int_equal(read_thing("{\"name\":\"a\\u00e4\",\"on\":true,\"header\":{\"k\":1},"
				    "\"points\":[{\"x\":1},{\"x\":2.0}],\"any\":null,"
				    "\"revision\":{\"what\":[\"ever\"]},\"note\":\"\"}"),
			 0);
	assert_true(bytes_is(thing.name, "a\xc3\xa4"));
	assert_true(thing.on);
	assert_int_equal(thing.count, 3); /* absent: stays */
	assert_true(bytes_is(json_raw(&json, thing.header), "{\"k\":1}"));
	assert_int_equal(thing.seen, 2);
	assert_int_equal(json_type(&json, thing.any), JSON_NULL);
	/* null is as good as absent where a field is optional */
	assert_int_equal(read_thing("{\"name\":\"a\",\"on\":null,\"header\":null,\"count\":null}"),
			 0);
	assert_int_equal(thing.header, JSON_NONE);
}

static void what_lacks_is_told(void **state)
{
	(void)state;
	fails("{}", SL_E_LACK, "name: is missing");
	fails("{\"name\":null}", SL_E_LACK, "name: must not be null");
	fails("{\"name\":\"\"}", SL_E_LACK, "name: must not be empty");
	fails("{\"name\":\"a\",\"header\":{}}", SL_E_LACK, "header: must not be empty");
	fails("{\"name\":\"a\",\"points\":[{\"x\":1},{}]}", SL_E_LACK, "points[1].x: is missing");
}

static void what_is_wrong_is_told(void **state)
{
	(void)state;
	fails("[]", SL_E_INVALID, "the body must be an object, not an array");
	fails("{\"name\":1}", SL_E_INVALID, "name: must be a string, not a number");
	fails("{\"name\":\"123456789\"}", SL_E_INVALID, "name: at most 8 bytes");
	fails("{\"name\":\"a\",\"count\":6}", SL_E_INVALID, "count: must be from 1 to 5");
	fails("{\"name\":\"a\",\"count\":1.5}", SL_E_INVALID, "count: must be a whole number");
	fails("{\"name\":\"a\",\"count\":1e99}", SL_E_INVALID, "count: must be a whole number");
	fails("{\"name\":\"a\",\"on\":\"true\"}", SL_E_INVALID,
	      "on: must be true or false, not a string");
	fails("{\"name\":\"a\",\"points\":[1,2,3,4]}", SL_E_INVALID, "points: at most 3 elements");
	fails("{\"name\":\"a\",\"points\":[1]}", SL_E_INVALID,
	      "points[0]: must be an object, not a number");
	fails("{\"name\":\"a\",\"Name\":\"b\"}", SL_E_INVALID, "Name: unknown field");
	fails("{\"name\":\"a\",\"points\":[{\"y\":1}]}", SL_E_INVALID,
	      "points[0].y: unknown field");
}

static void the_first_fault_of_the_document_is_told(void **state)
{
	(void)state;
	fails("{\"points\":[{\"x\":10}],\"count\":9,\"name\":\"\"}", SL_E_INVALID,
	      "points[0].x: must be from 0 to 9");
	fails("{\"name\":\"\",\"zzz\":1}", SL_E_LACK, "name: must not be empty");
	fails("{\"zzz\":1}", SL_E_INVALID, "zzz: unknown field");
}

static int start(void **state)
{
	(void)state;
	return arena_create(1 << 20, &arena);
}

static int stop(void **state)
{
	(void)state;
	arena = arena_free(arena);
	json_fini(&json);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_a_struct),
		cmocka_unit_test(what_lacks_is_told),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(the_first_fault_of_the_document_is_told),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
