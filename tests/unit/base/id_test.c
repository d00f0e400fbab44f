#include "tests/unit/base/unit.h"

#include "core/base/crypt.h"
#include "core/base/id.h"

#include <ctype.h>

static const struct uuid nil = {{0}};

static void assert_after(struct uuid newer, struct uuid older)
{
	assert_true(memcmp(newer.at, older.at, sizeof(newer.at)) > 0);
}

static void test_form(void **state SL_UNUSED)
{
	struct id_source ids;
	char text[UUID_TEXT_SIZE];
	id_source_init(&ids, nil);
	struct uuid id = id_next(&ids, 1795291200123);
	uuid_format(id, text);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(text[14], '7');
	assert_non_null(strchr("89ab", text[19]));
	for (int i = 0; i < 36; i++)
		assert_true(i == 8 || i == 13 || i == 18 || i == 23
				    ? text[i] == '-'
				    : isxdigit(text[i]) && !isupper(text[i]));
	assert_int_equal(uuid_time_ms(id), 1795291200123);
	assert_false(uuid_is_nil(id));
	assert_true(uuid_is_nil(nil));
}

/* The example of RFC 9562, appendix A.6. */
static void test_the_rfcs_example(void **state SL_UNUSED)
{
	struct uuid id;
	char text[UUID_TEXT_SIZE];
	assert_int_equal(uuid_parse(BYTES("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &id), 0);
	assert_int_equal(uuid_time_ms(id), INT64_C(1645557742000));
	assert_string_equal(uuid_format(id, text), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void test_parse_refuses(void **state SL_UNUSED)
{
	static const char *const bad[] = {
		"",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
		"017f22e279b07cc398c4dc0c0c07398f",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398@",
		"017f22e2-79b0-7cc3-98c4_dc0c0c07398f",
		"017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
		" 17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	};
	for (size_t i = 0; i < countof(bad); i++) {
		struct uuid id = nil;
		if (uuid_parse(bytes_str(bad[i]), &id) != SL_E_INVALID || !uuid_is_nil(id))
			fail_msg("%s was taken", bad[i]);
	}
}

static void test_increasing_within_a_millisecond(void **state SL_UNUSED)
{
	struct id_source ids;
	id_source_init(&ids, nil);
	struct uuid last = id_next(&ids, 1000);
	/* More than the 12 bits of one millisecond hold. */
	for (int i = 0; i < 10000; i++) {
		struct uuid id = id_next(&ids, 1000);
		assert_after(id, last);
		assert_int_equal(id.at[6] >> 4, 7);
		assert_int_equal(id.at[8] >> 6, 2);
		last = id;
	}
	assert_in_range(uuid_time_ms(last), 1001, 1004);
}

static void test_increasing_over_clock_steps(void **state SL_UNUSED)
{
	static const int64_t clock[] = {5000, 4000, 1, 0, 5000, 5001, 4999, 90000, 5, 90000, 90001};
	struct id_source ids;
	id_source_init(&ids, nil);
	struct uuid last = nil;
	for (size_t i = 0; i < countof(clock); i++) {
		struct uuid id = id_next(&ids, clock[i]);
		assert_after(id, last);
		last = id;
	}
	/* Once the clock has caught up, ids tell its time again. */
	assert_int_equal(uuid_time_ms(last), 90001);
}

static void test_increasing_over_restarts(void **state SL_UNUSED)
{
	struct id_source before, after;
	id_source_init(&before, nil);
	struct uuid newest = id_next(&before, 7000);
	for (int i = 0; i < 5000; i++)
		newest = id_next(&before, 7000);
	id_source_init(&after, newest);
	struct uuid id = id_next(&after, 10);
	assert_after(id, newest);
	id_source_init(&after, newest);
	id = id_next(&after, 8000);
	assert_after(id, newest);
	assert_int_equal(uuid_time_ms(id), 8000);
}

static void test_ids_cannot_be_guessed(void **state SL_UNUSED)
{
	struct id_source a, b;
	id_source_init(&a, nil);
	id_source_init(&b, nil);
	struct uuid x = id_next(&a, 1000), y = id_next(&b, 1000);
	assert_memory_equal(x.at, y.at, 8);
	assert_memory_not_equal(x.at + 8, y.at + 8, 8);
}

int main(void)
{
	if (crypt_start() != 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_the_rfcs_example),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_increasing_within_a_millisecond),
		cmocka_unit_test(test_increasing_over_clock_steps),
		cmocka_unit_test(test_increasing_over_restarts),
		cmocka_unit_test(test_ids_cannot_be_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
