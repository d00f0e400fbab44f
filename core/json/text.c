#include "core/json/internal.h"

/* The decoded bytes of a string, one after another. */
struct reader {
	struct json_text from;
	uint8_t held[4];
	unsigned n, i;
};

static int next_byte(struct reader *r)
{
	if (r->i < r->n)
		return r->held[r->i++];
	if (r->from.at == r->from.end)
		return -1;
	if (*r->from.at != '\\' || !r->from.escaped)
		return *r->from.at++;
	r->n = json_unescape(&r->from.at, r->held);
	r->i = 1;
	return r->held[0];
}

int json_text_cmp(struct json_text a, struct json_text b)
{
	if (!a.escaped && !b.escaped)
		return bytes_cmp(bytes_of(a.at, (size_t)(a.end - a.at)),
				 bytes_of(b.at, (size_t)(b.end - b.at)));
	struct reader ra = {.from = a}, rb = {.from = b};
	for (;;) {
		int ca = next_byte(&ra), cb = next_byte(&rb);
		if (ca != cb)
			return ca < cb ? -1 : 1;
		if (ca < 0)
			return 0;
	}
}

bool json_text_eq_slow(struct json_text a, struct json_text b) { return json_text_cmp(a, b) == 0; }

/* FNV-1a. Only spreads: keys that were made to collide cost a comparison more, for the
 * tables that use it are sorted by content behind the hash. */
uint32_t json_text_hash(struct json_text text)
{
	uint64_t hash = 0xcbf29ce484222325u;
	if (text.escaped) {
		struct reader r = {.from = text};
		for (int c; (c = next_byte(&r)) >= 0;)
			hash = (hash ^ (uint64_t)c) * 0x100000001b3u;
	} else {
		for (const uint8_t *at = text.at; at < text.end; at++)
			hash = (hash ^ *at) * 0x100000001b3u;
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static unsigned hex4(const uint8_t *at)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++) {
		unsigned c = at[i];
		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20u) - 'a' + 10);
	}
	return value;
}

static unsigned encode(uint32_t c, uint8_t to[4])
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

unsigned json_unescape(const uint8_t **at, uint8_t to[4])
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const uint8_t *from = *at;
	if (from[1] != 'u') {
		const char *letter = strchr(letters, from[1]);
		to[0] = letter ? (uint8_t)meant[letter - letters] : from[1];
		*at = from + 2;
		return 1;
	}
	uint32_t c = hex4(from + 2);
	*at = from + 6;
	if (c >= 0xd800 && c < 0xdc00) {
		c = 0x10000 + ((c - 0xd800) << 10) + (hex4(from + 8) - 0xdc00);
		*at = from + 12;
	}
	return encode(c, to);
}

unsigned json_utf8_len(const uint8_t *at, const uint8_t *end)
{
	size_t left = (size_t)(end - at);
	uint8_t c = at[0];
	if (c < 0x80)
		return 1;
	unsigned len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (c < 0xc2 || c > 0xf4 || left < len)
		return 0;
	/* What may follow shuts out overlong forms, surrogates and all over U+10FFFF. */
	uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (at[1] < low || at[1] > high)
		return 0;
	for (unsigned i = 2; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return len;
}
