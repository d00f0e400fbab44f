#include "cli/sluicectl/ctl.h"

#include "core/base/clock.h"

#include <inttypes.h>

#define SECOND_MS INT64_C(1000)

static int64_t unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
	for (size_t i = 0; i < countof(units); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

int when_parse(const char *text, int64_t now_ms, int sign, int64_t *ret_ms)
{
	if (time_parse(bytes_str(text), ret_ms) == 0)
		return 0;
	char *end;
	if (*text < '0' || *text > '9')
		return SL_E_INVALID;
	intmax_t n = strtoimax(text, &end, 10);
	if (n > INT32_MAX * SECOND_MS) /* far beyond any date, and safe to multiply by a second */
		return SL_E_INVALID;
	while (*end == ' ')
		end++;
	if (!*end) {
		*ret_ms = n * SECOND_MS;
		return 0;
	}
	int64_t unit = unit_ms(end), span;
	if (!unit || __builtin_mul_overflow(sign * (int64_t)n, unit, &span) ||
	    __builtin_add_overflow(now_ms, span, ret_ms))
		return SL_E_INVALID;
	return 0;
}
