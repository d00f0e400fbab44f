#include "core/base/clock.h"

#include "core/base/err.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t which)
{
	struct timespec ts;
	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t system_wall_ms(const struct clock *clock SL_UNUSED)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

static int64_t system_mono_us(const struct clock *clock SL_UNUSED)
{
	return read_us(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall_ms, system_mono_us};

const char *time_format(int64_t wall_ms, char out[TIME_TEXT_SIZE])
{
	time_t sec = (time_t)(wall_ms / 1000);
	struct tm tm;
	char date[24];
	gmtime_r(&sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, TIME_TEXT_SIZE, "%s.%03dZ", date, (int)(wall_ms % 1000));
	return out;
}

/* "Z", "+hh:mm" or "-hh:mm" and nothing behind it; minutes east of UTC. */
static bool read_zone(const char *at, int *ret_min)
{
	if ((*at == 'Z' || *at == 'z') && at[1] == '\0') {
		*ret_min = 0;
		return true;
	}
	int hour, min, end = 0;
	if ((*at != '+' && *at != '-') || !isdigit((unsigned char)at[1]) ||
	    sscanf(at + 1, "%2d:%2d%n", &hour, &min, &end) != 2 || end != 5 || at[6] != '\0' ||
	    hour > 23 || min < 0 || min > 59)
		return false;
	*ret_min = (*at == '-' ? -1 : 1) * (hour * 60 + min);
	return true;
}

int time_parse(struct bytes text, int64_t *ret_wall_ms)
{
	char copy[48];
	if (text.len < 20 || text.len >= sizeof(copy) || memchr(text.at, 0, text.len))
		return SL_E_INVALID;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (copy[10] == 't' || copy[10] == ' ')
		copy[10] = 'T';
	struct tm tm = {0};
	const char *at = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	if (at != copy + 19)
		return SL_E_INVALID;
	int ms = 0;
	if (*at == '.') {
		if (!isdigit((unsigned char)*++at))
			return SL_E_INVALID;
		for (int unit = 100; isdigit((unsigned char)*at); at++, unit /= 10)
			ms += unit * (*at - '0');
	}
	int east_min;
	if (!read_zone(at, &east_min))
		return SL_E_INVALID;
	*ret_wall_ms = ((int64_t)timegm(&tm) - east_min * 60) * 1000 + ms;
	return 0;
}
