#include "core/base/id.h"

#include "core/base/crypt.h"

#include <stdio.h>

static uint64_t stamp_of(struct uuid id)
{
	uint64_t ms = (uint64_t)uuid_time_ms(id);
	return ms << 12 | (uint64_t)(id.at[6] & 0x0f) << 8 | id.at[7];
}

void id_source_init(struct id_source *ids, struct uuid newest)
{
	ids->last = uuid_is_nil(newest) ? 0 : stamp_of(newest);
}

struct uuid id_next(struct id_source *ids, int64_t wall_ms)
{
	uint64_t now = (uint64_t)wall_ms << 12;
	ids->last = now > ids->last ? now : ids->last + 1;

	struct uuid id;
	uint64_t ms = ids->last >> 12;
	for (int i = 0; i < 6; i++)
		id.at[i] = (uint8_t)(ms >> (40 - 8 * i));
	id.at[6] = (uint8_t)(0x70 | (ids->last >> 8 & 0x0f));
	id.at[7] = (uint8_t)ids->last;
	crypt_random(id.at + 8, 8);
	id.at[8] = (uint8_t)((id.at[8] & 0x3f) | 0x80);
	return id;
}

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
