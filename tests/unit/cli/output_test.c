#include "cli/sluicectl/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void expect_cell(enum ctl_format format, const char *text, const struct column *column,
			const char *wanted)
{
	static const struct json_limits limits = {.bytes_max = 4096, .depth_max = 8};
	scoped(json_finip) struct json json = {0};
	scoped(buf_finip) struct buf cell;
	buf_init(&cell, 4096);
	struct ctl ctl = {.format = format};
	assert_int_equal(json_parse(&json, bytes_str(text), &limits, NULL), 0);
	output_cell(&ctl, &json, 0, column, &cell);
	assert_string_equal(buf_str(&cell), wanted);
}

static void paths_lead_inwards(void **state)
{
	(void)state;
	static const struct column deep = {"", "a.b.c", CELL_TEXT, false};
	static const struct column either = {"", "a.x|d", CELL_TEXT, false};
	expect_cell(FORMAT_TABLE, "{\"a\":{\"b\":{\"c\":\"found\"}}}", &deep, "found");
	expect_cell(FORMAT_TABLE, "{\"a\":{\"b\":\"c\"}}", &deep, "");
	expect_cell(FORMAT_TABLE, "{}", &deep, "");
	expect_cell(FORMAT_TABLE, "{\"a\":{\"x\":1},\"d\":2}", &either, "1");
	expect_cell(FORMAT_TABLE, "{\"a\":{},\"d\":2}", &either, "2");
}

static void values_become_text(void **state)
{
	(void)state;
	static const struct column text = {"", "v", CELL_TEXT, false};
	static const struct column words = {"", "v", CELL_WORDS, false};
	static const struct column onoff = {"", "v", CELL_SWITCH, false};
	expect_cell(FORMAT_TABLE, "{\"v\":null}", &text, "");
	expect_cell(FORMAT_TABLE, "{\"v\":1.50}", &text, "1.50");
	expect_cell(FORMAT_TABLE, "{\"v\":true}", &text, "true");
	expect_cell(FORMAT_TABLE, "{\"v\":{\"a\": [1, 2]}}", &text, "{\"a\":[1,2]}");
	expect_cell(FORMAT_TABLE, "{\"v\":[\"a\",\"b\",1]}", &words, "a,b,1");
	expect_cell(FORMAT_TABLE, "{\"v\":\"a\"}", &words, "a");
	expect_cell(FORMAT_TABLE, "{\"v\":true}", &onoff, "on");
	expect_cell(FORMAT_TABLE, "{\"v\":false}", &onoff, "off");
}

static void times_are_local_for_people_only(void **state)
{
	(void)state;
	static const struct column when = {"", "v", CELL_TIME, false};
	setenv("TZ", "UTC-02:00", 1);
	tzset();
	expect_cell(FORMAT_TABLE, "{\"v\":\"2026-11-21T20:00:00.123Z\"}", &when,
		    "2026-11-21 22:00:00");
	expect_cell(FORMAT_PLAIN, "{\"v\":\"2026-11-21T20:00:00.123Z\"}", &when,
		    "2026-11-21T20:00:00.123Z");
	expect_cell(FORMAT_TABLE, "{\"v\":\"soon\"}", &when, "soon");
}

static void nothing_plays_with_the_terminal(void **state)
{
	(void)state;
	static const struct column text = {"", "v", CELL_TEXT, false};
	expect_cell(FORMAT_PLAIN, "{\"v\":\"a\\tb\\nc\\u001b[2J\\u007f\\u009b\\u0000\"}", &text,
		    "a\\tb\\nc\\x1b[2J\\x7f\\x9b\\x00");
	expect_cell(FORMAT_PLAIN, "{\"v\":\"\\u00fc\\u00a0\\u4e2d\"}", &text, "\u00fc\u00a0\u4e2d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lead_inwards),
		cmocka_unit_test(values_become_text),
		cmocka_unit_test(times_are_local_for_people_only),
		cmocka_unit_test(nothing_plays_with_the_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
