#include "net/retry_after.h"

#include <curl/curl.h>

enum { VALUE_MAX = 64 };

static struct bytes strip(struct bytes value)
{
	static const char space[] = {' ', '\t', '\r', '\n'};
	const char *at = value.at, *end = at + value.len;
	while (at < end && memchr(space, *at, sizeof(space)))
		at++;
	while (at < end && memchr(space, end[-1], sizeof(space)))
		end--;
	return bytes_of(at, (size_t)(end - at));
}

/* False: something else than digits stands there. */
static bool read_seconds(struct bytes text, int64_t *ret)
{
	const char *at = text.at;
	*ret = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		*ret = *ret * 10 + (at[i] - '0');
		if (*ret > RETRY_AFTER_MAX_S)
			*ret = RETRY_AFTER_MAX_S;
	}
	return true;
}

int64_t retry_after_read(struct bytes value, int64_t now_ms)
{
	struct bytes text = strip(value);
	char date[VALUE_MAX];
	int64_t s;
	if (text.len == 0 || text.len >= sizeof(date) || memchr(text.at, '\0', text.len))
		return -1;
	if (!read_seconds(text, &s)) {
		memcpy(date, text.at, text.len);
		date[text.len] = '\0';
		time_t at = curl_getdate(date, NULL);
		if (at == -1)
			return -1;
		s = (int64_t)at - now_ms / 1000;
	}
	return (s < 0 ? 0 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s) * 1000;
}
