#include "core/base/clock.h"

#include "core/base/err.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* Years of four digits. */
static const int64_t YEAR_0_S = -62167219200, YEAR_10000_S = 253402300800;

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

void clock_watch_begin(struct clock_watch *watch, const struct clock *clock)
{
	watch->ahead_ms = clock_wall_ms(clock) - clock_mono_ms(clock);
}

int64_t clock_watch_look(struct clock_watch *watch, const struct clock *clock)
{
	int64_t before_ms = watch->ahead_ms;
	clock_watch_begin(watch, clock);
	int64_t back_ms = before_ms - watch->ahead_ms;
	return back_ms > CLOCK_BACK_LEAST_MS ? back_ms : 0;
}

static char *put_two(char *to, int n)
{
	to[0] = (char)('0' + n / 10);
	to[1] = (char)('0' + n % 10);
	return to + 2;
}

/* By hand: it is done for each event and each delivery, and strftime() asks the locale. */
const char *time_format(int64_t wall_ms, char out[TIME_TEXT_SIZE])
{
	int ms = (int)((wall_ms % 1000 + 1000) % 1000);
	time_t sec = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0));
	struct tm tm = {0};
	gmtime_r(&sec, &tm);
	char *to = put_two(out, (tm.tm_year + 1900) / 100 % 100);
	to = put_two(to, (tm.tm_year + 1900) % 100);
	*to++ = '-';
	to = put_two(to, tm.tm_mon + 1);
	*to++ = '-';
	to = put_two(to, tm.tm_mday);
	*to++ = 'T';
	to = put_two(to, tm.tm_hour);
	*to++ = ':';
	to = put_two(to, tm.tm_min);
	*to++ = ':';
	to = put_two(to, tm.tm_sec);
	*to++ = '.';
	*to++ = (char)('0' + ms / 100);
	memcpy(put_two(to, ms % 100), "Z", 2);
	return out;
}

/* "Z", "+hh:mm" or "-hh:mm" and nothing behind it; minutes east of UTC. */
static bool read_zone(const char *at, int *ret_min)
{
	if ((*at == 'Z' || *at == 'z') && at[1] == '\0') {
		*ret_min = 0;
		return true;
	}
	static const char digits[] = "0123456789";
	if ((*at != '+' && *at != '-') || strspn(at + 1, digits) != 2 || at[3] != ':' ||
	    strspn(at + 4, digits) != 2 || at[6] != '\0')
		return false;
	int hour = (at[1] - '0') * 10 + at[2] - '0', min = (at[4] - '0') * 10 + at[5] - '0';
	if (hour > 23 || min > 59)
		return false;
	*ret_min = (*at == '-' ? -1 : 1) * (hour * 60 + min);
	return true;
}

/* Digits where they belong: strptime() would also take blanks and signs. */
static bool has_date_form(const char *text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	return true;
}

/* timegm() turns the 31st of November into the 1st of December; here it is no date. */
static bool seconds_of(struct tm *tm, int64_t *ret)
{
	int day = tm->tm_mday;
	int64_t leap = tm->tm_sec == 60;
	tm->tm_sec -= (int)leap;
	*ret = (int64_t)timegm(tm) + leap;
	return tm->tm_mday == day;
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
	int64_t sec;
	const char *at = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	if (at != copy + 19 || !has_date_form(copy) || tm.tm_sec > 60 || !seconds_of(&tm, &sec))
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
	sec -= east_min * 60;
	if (sec < YEAR_0_S || sec >= YEAR_10000_S)
		return SL_E_INVALID; /* its zone takes it to a year that cannot be written */
	*ret_wall_ms = sec * 1000 + ms;
	return 0;
}
