#include "tests/unit/base/unit.h"

#include "core/base/log.h"

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdlib.h>
#include <unistd.h>

/* A log into a pipe, read back line by line. */
struct tape {
	int fd[2];
	struct log *log;
	char text[20000];
};

static void tape_open(struct tape *t, enum log_format format, enum log_level level)
{
	assert_int_equal(pipe(t->fd), 0);
	assert_int_equal(log_create(t->fd[1], format, level, &t->log), 0);
}

/* Everything written so far; ends the tape. */
static const char *tape_close(struct tape *t)
{
	t->log = log_free(t->log);
	close(t->fd[1]);
	size_t len = 0;
	for (ssize_t n; (n = read(t->fd[0], t->text + len, sizeof(t->text) - 1 - len)) > 0;)
		len += (size_t)n;
	close(t->fd[0]);
	t->text[len] = '\0';
	return t->text;
}

static int lines(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void assert_holds(const char *text, const char *part)
{
	if (strstr(text, part))
		return;
	print_error("not in: %s", text);
	assert_string_equal("", part);
}

static void test_pairs(void **state SL_UNUSED)
{
	struct tape t;
	tape_open(&t, LOG_PAIRS, LOG_INFO);
	log_line(t.log, LOG_WARN, "store", "commit failed", "job", "a-1", "why", "no room left",
		 "absent", NULL, "empty", "", NULL);
	const char *text = tape_close(&t);
	assert_holds(text, "level=warn topic=store msg=\"commit failed\" job=a-1 "
			   "why=\"no room left\" empty=\"\"\n");
	assert_memory_equal(text, "time=20", 7);
	assert_null(strstr(text, "absent"));
}

static void test_json(void **state SL_UNUSED)
{
	struct tape t;
	tape_open(&t, LOG_JSON, LOG_INFO);
	log_line(t.log, LOG_ERROR, "api", "x", "k", "a\"b\\c", NULL);
	const char *text = tape_close(&t);
	assert_memory_equal(text, "{\"time\":\"20", 11);
	assert_holds(
		text,
		",\"level\":\"error\",\"topic\":\"api\",\"msg\":\"x\",\"k\":\"a\\\"b\\\\c\"}\n");
}

/* A text from outside can neither begin a line nor end a value. */
static void test_hostile_text_forges_nothing(void **state SL_UNUSED)
{
	static const char hostile[] = "x\ntime=1 level=error\r\t\x1b[31m\x7f job=\"1\\";
	for (int format = LOG_PAIRS; format <= LOG_JSON; format++) {
		struct tape t;
		tape_open(&t, (enum log_format)format, LOG_INFO);
		log_line(t.log, LOG_INFO, "api", "refused", "name", hostile, "next", "n", NULL);
		const char *text = tape_close(&t);
		assert_int_equal(lines(text), 1);
		assert_int_equal(text[strlen(text) - 1], '\n');
		assert_holds(text, "\"x\\u000atime=1 level=error\\u000d\\u0009\\u001b[31m\\u007f "
				   "job=\\\"1\\\\\"");
		for (const char *c = text; c[1]; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
}

static void test_values_that_look_like_pairs_are_quoted(void **state SL_UNUSED)
{
	struct tape t;
	tape_open(&t, LOG_PAIRS, LOG_INFO);
	log_line(t.log, LOG_INFO, "t", "m", "a", "x=y", "b", "x y", "c", "\xc3\xa9", "d",
		 "plain-1/2", "e",
		 "\xc2\x9b"
		 "1m\xc2\xa0",
		 NULL);
	assert_holds(tape_close(&t), " a=\"x=y\" b=\"x y\" c=\"\xc3\xa9\" d=plain-1/2 "
				     "e=\"\\u009b1m\xc2\xa0\"\n");
}

static void test_levels(void **state SL_UNUSED)
{
	struct tape t;
	tape_open(&t, LOG_PAIRS, LOG_WARN);
	assert_true(log_wants(t.log, LOG_ERROR, "t"));
	assert_true(log_wants(t.log, LOG_WARN, "t"));
	assert_false(log_wants(t.log, LOG_INFO, "t"));
	log_line(t.log, LOG_INFO, "t", "not-this", NULL);
	log_line(t.log, LOG_WARN, "t", "this", NULL);
	log_set(t.log, LOG_JSON, LOG_DEBUG, NULL, 0);
	log_line(t.log, LOG_DEBUG, "t", "this-too", NULL);
	const char *text = tape_close(&t);
	assert_int_equal(lines(text), 2);
	assert_null(strstr(text, "not-this"));
	assert_holds(text, "msg=this\n");
	assert_holds(text, "\"msg\":\"this-too\"");
}

static void test_no_log_at_all(void **state SL_UNUSED)
{
	assert_false(log_wants(NULL, LOG_ERROR, "t"));
	log_line(NULL, LOG_ERROR, "t", "m", NULL);
}

/* A value too long for a line is cut; the line stays whole. */
static void test_long_values(void **state SL_UNUSED)
{
	struct tape t;
	char *wide = calloc(1, 100001);
	memset(wide, 'w', 100000);
	tape_open(&t, LOG_PAIRS, LOG_INFO);
	log_line(t.log, LOG_INFO, "t", "m", "wide", wide, "after", "1", NULL);
	const char *text = tape_close(&t);
	assert_int_equal(lines(text), 1);
	assert_holds(text, "wide=\"wwww");
	assert_holds(text, "www...\" after=1\n");
	assert_true(strlen(text) < LOG_VALUE_MAX + 200);
	free(wide);
}

static void test_what_is_not_utf8_does_not_spoil_the_line(void **state SL_UNUSED)
{
	struct tape t;
	tape_open(&t, LOG_JSON, LOG_INFO);
	log_line(t.log, LOG_INFO, "t", "m", "a", "x\xff\xc3", "b", "\xe2\x82\xac \xed\xa0\x80",
		 NULL);
	assert_holds(tape_close(&t), "\"a\":\"x\\ufffd\\ufffd\",\"b\":\"\xe2\x82\xac "
				     "\\ufffd\\ufffd\\ufffd\"}\n");
}

static void test_topics_have_levels_of_their_own(void **state SL_UNUSED)
{
	static const char *const levels[] = {"driver=debug", "api=error", "nobody=debug", "api"};
	struct tape t;
	tape_open(&t, LOG_PAIRS, LOG_INFO);
	log_set(t.log, LOG_PAIRS, LOG_INFO, levels, countof(levels));
	log_line(t.log, LOG_DEBUG, "driver", "one", NULL);
	log_line(t.log, LOG_WARN, "api", "not-this", NULL);
	log_line(t.log, LOG_ERROR, "api", "two", NULL);
	log_line(t.log, LOG_DEBUG, "config", "not-this", NULL);
	log_set(t.log, LOG_PAIRS, LOG_INFO, NULL, 0);
	log_line(t.log, LOG_DEBUG, "driver", "not-this", NULL);
	const char *text = tape_close(&t);
	assert_int_equal(lines(text), 2);
	assert_null(strstr(text, "not-this"));
}

static void test_one_message_cannot_flood(void **state SL_UNUSED)
{
	struct tape t;
	scoped(buf_finip) struct buf metrics = {0};
	buf_init(&metrics, 4096);
	tape_open(&t, LOG_PAIRS, LOG_DEBUG);
	for (int i = 0; i < LOG_BURST + 50; i++)
		log_line(t.log, LOG_WARN, "t", "too many of these", NULL);
	log_line(t.log, LOG_WARN, "t", "another one", NULL);
	log_write_metrics(t.log, &metrics);
	const char *text = tape_close(&t);
	assert_int_equal(lines(text), LOG_BURST + 1);
	assert_holds(text, "msg=\"another one\"");
	assert_holds(buf_str(&metrics), "sluice_log_lines_suppressed_total 50\n");
	assert_holds(buf_str(&metrics), "sluice_log_lines_total{level=\"warn\"} 101\n");
}

static void test_debug_lines_are_all_there(void **state SL_UNUSED)
{
	struct tape t;
	tape_open(&t, LOG_PAIRS, LOG_DEBUG);
	for (int i = 0; i < LOG_BURST + 50; i++)
		log_line(t.log, LOG_DEBUG, "t", "one of many", NULL);
	assert_int_equal(lines(tape_close(&t)), LOG_BURST + 50);
}

static void test_level_names(void **state SL_UNUSED)
{
	for (int i = 0; i < LOG_LEVELS; i++) {
		enum log_level level = LOG_LEVELS;
		assert_int_equal(log_level_parse(log_level_name((enum log_level)i), &level), 0);
		assert_int_equal(level, i);
	}
	enum log_level level = LOG_INFO;
	assert_int_equal(log_level_parse("INFO", &level), SL_E_INVALID);
	assert_int_equal(log_level_parse("", &level), SL_E_INVALID);
	assert_int_equal(level, LOG_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_hostile_text_forges_nothing),
		cmocka_unit_test(test_values_that_look_like_pairs_are_quoted),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_no_log_at_all),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_what_is_not_utf8_does_not_spoil_the_line),
		cmocka_unit_test(test_topics_have_levels_of_their_own),
		cmocka_unit_test(test_one_message_cannot_flood),
		cmocka_unit_test(test_debug_lines_are_all_there),
		cmocka_unit_test(test_level_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
