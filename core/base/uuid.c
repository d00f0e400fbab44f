#include "core/base/id.h"

int64_t uuid_time_ms(struct uuid id)
{
	int64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id.at[i];
	return ms;
}

static bool dash_at(int byte) { return byte == 4 || byte == 6 || byte == 8 || byte == 10; }

const char *uuid_format(struct uuid id, char out[UUID_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	char *to = out;
	for (int i = 0; i < 16; i++) {
		if (dash_at(i))
			*to++ = '-';
		*to++ = hex[id.at[i] >> 4];
		*to++ = hex[id.at[i] & 15];
	}
	*to = '\0';
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int uuid_parse(struct bytes text, struct uuid *ret)
{
	if (text.len != UUID_TEXT_SIZE - 1)
		return SL_E_INVALID;
	const char *from = text.at;
	struct uuid id;
	for (int i = 0; i < 16; i++) {
		if (dash_at(i) && *from++ != '-')
			return SL_E_INVALID;
		int high = hex_value(from[0]), low = hex_value(from[1]);
		if (high < 0 || low < 0)
			return SL_E_INVALID;
		id.at[i] = (uint8_t)(high << 4 | low);
		from += 2;
	}
	*ret = id;
	return 0;
}
