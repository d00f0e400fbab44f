/* A Retry-After of any bytes is a wait within the limits or nothing: the digits of a number say
 * the number, leading zeros and white space nothing, and a wait that is written as a date is read
 * as the same. Input: the value of the header. */
#include "tests/fuzz/fuzz.h"

#include <time.h>

#include "core/base/buf.h"
#include "net/retry_after.h"

enum { NOW_S = 1800000000, ROOM = 128 };

static const int64_t now_ms = NOW_S * INT64_C(1000);

static bool is_number(struct bytes value)
{
	const char *at = value.at;
	size_t digits = 0;
	while (digits < value.len && at[digits] >= '0' && at[digits] <= '9')
		digits++;
	return digits && digits == value.len;
}

static void more_around(struct bytes value, int64_t wait)
{
	scoped(buf_finip) struct buf text = {0};
	buf_init(&text, ROOM);
	buf_add_str(&text, " \t");
	if (is_number(value))
		buf_add_str(&text, "00");
	buf_add_bytes(&text, value);
	buf_add_str(&text, "\r\n");
	if (!text.rc && value.len < 60)
		fuzz_holds(retry_after_read(buf_bytes(&text), now_ms) == wait);
}

static void as_date(int64_t wait)
{
	char text[ROOM];
	time_t at = NOW_S + wait / 1000;
	struct tm tm;
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&at, &tm));
	fuzz_holds(retry_after_read(bytes_str(text), now_ms) == wait);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes value = bytes_of(at, len);
	int64_t wait = retry_after_read(value, now_ms);
	fuzz_holds(wait >= -1 && wait <= RETRY_AFTER_MAX_S * INT64_C(1000));
	if (is_number(value) && len < 10) {
		int64_t s = 0;
		for (size_t i = 0; i < len; i++)
			s = s * 10 + (at[i] - '0');
		fuzz_holds(wait == (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000);
	}
	more_around(value, wait);
	if (wait >= 0)
		as_date(wait);
	return 0;
}
