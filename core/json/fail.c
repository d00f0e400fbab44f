#include "core/json/fail.h"

#include <stdio.h>

enum { PLACE_MAX = 16 * 1024, SHOWN_MAX = 300 };

int json_vfail(const struct json *j, json_at at, struct sl_error *err, enum sl_err code,
	       const char *fmt, va_list args)
{
	char words[400];
	vsnprintf(words, sizeof(words), fmt, args);
	scoped(buf_finip) struct buf place;
	buf_init(&place, PLACE_MAX);
	json_place(j, at, &place);
	if (!place.len)
		return sl_fail(err, code, "%s", words);
	return sl_fail(err, code, "%.*s: %s", place.len > SHOWN_MAX ? SHOWN_MAX : (int)place.len,
		       buf_str(&place), words);
}
