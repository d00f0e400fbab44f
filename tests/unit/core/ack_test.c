/* What a subscriber's answer means, row by row. */
#include "core/hooks/ack.h"
#include "tests/unit/core/support.h"

struct row {
	unsigned status;
	const char *body;
	enum ack want;
	const char *words;
};

static const struct row rows[] = {
	{200, "OK", ACK_OK, ""},
	{200, "ok", ACK_OK, ""},
	{200, " \t\"Ok\"\r\n", ACK_OK, ""},
	{200, "'\" oK \"'", ACK_OK, ""},
	{204, "", ACK_OK, ""},
	{204, "EX", ACK_OK, ""},
	{200, "RE", ACK_AGAIN, "it answered RE"},
	{200, "\"re\"", ACK_AGAIN, "it answered RE"},
	{200, "EX", ACK_EXCEPTION, ""},
	{200, "ex", ACK_EXCEPTION, ""},
	{200, "EX no such mailbox", ACK_EXCEPTION, "no such mailbox"},
	{200, "\"EX: no such mailbox \"", ACK_EXCEPTION, "no such mailbox"},
	{200, "EX\nline one\nline two\n", ACK_EXCEPTION, "line one\nline two"},
	{200, "EX\"quoted\"", ACK_EXCEPTION, "\"quoted\""},
	{200, "EXPIRED", ACK_AGAIN, "it answered neither OK, RE nor EX but \"EXPIRED\""},
	{200, "OKAY", ACK_AGAIN, "it answered neither OK, RE nor EX but \"OKAY\""},
	{200, "OK done", ACK_AGAIN, "it answered neither OK, RE nor EX but \"OK done\""},
	{200, "", ACK_AGAIN, "it answered neither OK, RE nor EX but \"\""},
	{200, "\"", ACK_AGAIN, "it answered neither OK, RE nor EX but \"\"\""},
	{200, "{\"ok\": true}", ACK_AGAIN,
	 "it answered neither OK, RE nor EX but \"{\"ok\": true}\""},
	{201, "OK", ACK_AGAIN, "it answered with status 201"},
	{302, "OK", ACK_AGAIN, "it answered with status 302"},
	{400, "EX", ACK_AGAIN, "it answered with status 400"},
	{404, "", ACK_AGAIN, "it answered with status 404"},
	{410, "OK", ACK_GONE, "it answered with status 410"},
};

static void the_table(void **state SL_UNUSED)
{
	for (size_t i = 0; i < countof(rows); i++) {
		struct ask_result r = {.answered = true,
				       .status = rows[i].status,
				       .body = bytes_str(rows[i].body)};
		struct buf words;
		buf_init(&words, 4096);
		if (ack_read(&r, &words) != rows[i].want || strcmp(buf_str(&words), rows[i].words))
			fail_msg("%u %s: %s", rows[i].status, rows[i].body, buf_str(&words));
		buf_fini(&words);
	}
}

static void what_cannot_be_asked_is_asked_again(void **state SL_UNUSED)
{
	struct ask_result unreachable = {.why = "connection refused", .status = 503};
	struct ask_result long_one = {.answered = true, .rc = SL_E_TOO_BIG, .status = 200};
	struct buf words;
	buf_init(&words, 4096);
	assert_int_equal(ack_read(&unreachable, &words), ACK_AGAIN);
	assert_string_equal(buf_str(&words), "connection refused");
	buf_reset(&words);
	assert_int_equal(ack_read(&long_one, &words), ACK_AGAIN);
	assert_starts(buf_str(&words), "its answer is too long");
	buf_fini(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(what_cannot_be_asked_is_asked_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
