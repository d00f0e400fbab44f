#include "cli/sluicectl/ctl.h"

#include "core/base/clock.h"

#include <inttypes.h>

enum { SECOND_MS = 1000 };

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
	if (n > INT64_MAX / 1000000 / 86400)
		return SL_E_INVALID;
	while (*end == ' ')
		end++;
	if (!*end) {
		*ret_ms = n * SECOND_MS;
		return 0;
	}
	int64_t ms = unit_ms(end);
	if (!ms)
		return SL_E_INVALID;
	*ret_ms = now_ms + sign * n * ms;
	return 0;
}
