#include "tests/unit/base/unit.h"

#include "core/base/err.h"

static void test_table(void **state SL_UNUSED)
{
	static const struct {
		int code;
		const char *name, *api;
		unsigned http;
		bool retry;
	} want[] = {
		{0, "OK", "OPERATION_SUCCEEDED", 200, false},
		{SL_E_LACK, "LACK", "LACK_OF_PARAM", 400, false},
		{SL_E_INVALID, "INVALID", "WRONG_PARAM", 400, false},
		{SL_E_MISDIRECTED, "MISDIRECTED", "WRONG_PARAM", 421, false},
		{SL_E_PLUGIN_TYPE, "PLUGIN_TYPE", "UNSUPPORTED_PLUGIN_TYPE", 400, false},
		{SL_E_UNKNOWN_CALLER, "UNKNOWN_CALLER", "PERMISSION_DENIED", 401, false},
		{SL_E_DENIED, "DENIED", "PERMISSION_DENIED", 403, false},
		{SL_E_NOT_FOUND, "NOT_FOUND", "OPERATION_TARGET_NOT_FOUND", 404, false},
		{SL_E_GONE, "GONE", "OPERATION_TARGET_NOT_FOUND", 410, false},
		{SL_E_CONFLICT, "CONFLICT", "UNSUPPORTED_OPERATION", 409, false},
		{SL_E_METHOD, "METHOD", "UNSUPPORTED_OPERATION", 405, false},
		{SL_E_TOO_BIG, "TOO_BIG", "PAYLOAD_TOO_LARGE", 413, false},
		{SL_E_HEADERS_TOO_BIG, "HEADERS_TOO_BIG", "PAYLOAD_TOO_LARGE", 431, false},
		{SL_E_BUSY, "BUSY", "TOO_MANY_REQUESTS", 429, true},
		{SL_E_UNAVAILABLE, "UNAVAILABLE", "SERVICE_UNAVAILABLE", 503, true},
		{SL_E_INTERNAL, "INTERNAL", "INTERNAL_ERROR", 500, false},
	};
	for (size_t i = 0; i < countof(want); i++) {
		assert_string_equal(sl_err_name(want[i].code), want[i].name);
		assert_string_equal(sl_err_code(want[i].code), want[i].api);
		assert_int_equal(sl_err_http(want[i].code), want[i].http);
		assert_int_equal(sl_err_retryable(want[i].code), want[i].retry);
	}
}

static void test_every_code_has_its_row(void **state SL_UNUSED)
{
	for (int code = SL_ERR_MIN + 1; code < SL_ERR_END; code++) {
		assert_true(code < 0);
		assert_true(sl_err_text(code)[0] != '\0');
		assert_string_not_equal(sl_err_name(code), "UNKNOWN");
		assert_in_range(sl_err_http(code), 400, 599);
	}
}

static void test_foreign_codes_are_our_fault(void **state SL_UNUSED)
{
	static const int foreign[] = {1, SL_ERR_MIN, SL_ERR_END, -1, INT32_MIN, INT32_MAX};
	for (size_t i = 0; i < countof(foreign); i++) {
		assert_string_equal(sl_err_code(foreign[i]), "INTERNAL_ERROR");
		assert_int_equal(sl_err_http(foreign[i]), 500);
	}
}

static void test_words_come_outermost_first(void **state SL_UNUSED)
{
	struct sl_error err = {0};
	assert_int_equal(sl_fail(&err, SL_E_INVALID, "no %s at %d", "scheme", 3), SL_E_INVALID);
	assert_int_equal(err.code, SL_E_INVALID);
	assert_string_equal(err.text, "no scheme at 3");
	assert_int_equal(sl_wrap(&err, SL_E_LACK, "callAddress: "), SL_E_LACK);
	assert_int_equal(sl_wrap(&err, SL_E_LACK, "plugins[%d].", 2), SL_E_LACK);
	assert_string_equal(err.text, "plugins[2].callAddress: no scheme at 3");
	assert_int_equal(err.code, SL_E_LACK);
}

static void test_nobody_listens(void **state SL_UNUSED)
{
	struct sl_error err = {0};
	assert_int_equal(sl_fail(NULL, SL_E_IO, "x"), SL_E_IO);
	assert_int_equal(sl_wrap(NULL, SL_E_IO, "x"), SL_E_IO);
	assert_int_equal(sl_wrap(&err, 0, "x"), 0);
	assert_string_equal(err.text, "");
}

static void test_long_words_are_cut(void **state SL_UNUSED)
{
	struct sl_error err = {0};
	char wide[2 * sizeof(err.text)];
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	sl_fail(&err, SL_E_IO, "%s", wide);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	sl_wrap(&err, SL_E_IO, "front: ");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "front: www", 10);
	sl_wrap(&err, SL_E_IO, "%s", wide);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_code_has_its_row),
		cmocka_unit_test(test_foreign_codes_are_our_fault),
		cmocka_unit_test(test_words_come_outermost_first),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_long_words_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
