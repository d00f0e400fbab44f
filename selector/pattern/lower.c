#include "selector/pattern/lower.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t load_8(const char *at)
{
	uint64_t w;
	memcpy(&w, at, 8);
	return w;
}

/* The bit 0x20 of each byte that is a capital letter. */
static uint64_t capitals(uint64_t w)
{
	uint64_t low = w & EACH(0x7f);
	uint64_t from_a = low + EACH(0x80 - 'A'), beyond_z = low + EACH(0x7f - 'Z');
	return (from_a & ~beyond_z & ~w & EACH(0x80)) >> 2;
}

static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

bool lower_has_capitals(struct bytes text)
{
	const char *at = text.at;
	size_t i = 0;
	for (; i + 8 <= text.len; i += 8)
		if (capitals(load_8(at + i)))
			return true;
	for (; i < text.len; i++)
		if (is_capital(at[i]))
			return true;
	return false;
}

void lower_text(char *to, struct bytes from)
{
	const char *at = from.at;
	size_t i = 0;
	for (; i + 8 <= from.len; i += 8) {
		uint64_t w = load_8(at + i), small = w | capitals(w);
		memcpy(to + i, &small, 8);
	}
	for (; i < from.len; i++)
		to[i] = (char)(is_capital(at[i]) ? at[i] | 0x20 : at[i]);
}
