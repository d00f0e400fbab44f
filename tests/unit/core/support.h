/* What the tests of core share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/json/index.h"

static const struct json_limits test_limits = {4 << 20, 64};

/** An indexed text that must be JSON; free with json_fini(). */
static inline struct json test_json(const char *text)
{
	struct json json = {0};
	struct sl_error err = {0};
	if (json_parse(&json, bytes_str(text), &test_limits, &err))
		fail_msg("%s: %s", err.text, text);
	return json;
}

/** Whether `text` begins with `start`; prints both if not. */
static inline void assert_starts(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", text, start);
}
