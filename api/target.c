#include "api/target.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that an escape stands for, or -1. */
static int escape(const char *at, size_t left)
{
	if (left < 3)
		return -1;
	int high = hex(at[1]), low = hex(at[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* RFC 3986: unreserved, sub-delims, ":" and "@". */
static bool stands_in_path(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~!$&'()*+,;=:@", c));
}

static bool segment_ok(struct bytes segment)
{
	const char *c = segment.at;
	size_t dots = 0, chars = 0;
	for (size_t i = 0; i < segment.len; chars++) {
		int byte = (unsigned char)c[i];
		if (c[i] == '%') {
			byte = escape(c + i, segment.len - i);
			if (byte <= 0 || byte == '/' || byte == '\\')
				return false;
			i += 3;
		} else {
			if (!stands_in_path(c[i]))
				return false;
			i++;
		}
		dots += byte == '.';
	}
	return chars > 0 && !(chars == dots && dots <= 2);
}

int target_read(struct bytes path, struct target *ret)
{
	const char *c = path.at;
	size_t at = 1;
	ret->segments = 0;
	if (path.len == 0 || c[0] != '/')
		return SL_E_NOT_FOUND;
	while (at < path.len) {
		const char *slash = memchr(c + at, '/', path.len - at);
		size_t end = slash ? (size_t)(slash - c) : path.len;
		struct bytes segment = bytes_of(c + at, end - at);
		if (ret->segments == TARGET_SEGMENTS_MAX || !segment_ok(segment))
			return SL_E_NOT_FOUND;
		ret->segment[ret->segments++] = segment;
		at = end + 1;
	}
	return 0;
}

/* Length of the UTF-8 sequence that begins here, or 0. */
static size_t utf8(const unsigned char *c, size_t left)
{
	if (c[0] < 0x80)
		return 1;
	size_t n = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
	if (c[0] < 0xc2 || c[0] > 0xf4 || left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return n;
}

static bool all_utf8(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8((const unsigned char *)text + i, len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

int target_decode(struct bytes from, bool plus, char *to, size_t *ret_len)
{
	const char *c = from.at;
	size_t len = 0;
	for (size_t i = 0; i < from.len;) {
		int byte = (unsigned char)c[i];
		if (c[i] == '%') {
			byte = escape(c + i, from.len - i);
			i += 3;
		} else {
			if (plus && c[i] == '+')
				byte = ' ';
			i++;
		}
		if (byte <= 0)
			return SL_E_INVALID;
		to[len++] = (char)byte;
	}
	if (!all_utf8(to, len))
		return SL_E_INVALID;
	*ret_len = len;
	return 0;
}

bool target_next_pair(struct bytes *rest, struct bytes *key, struct bytes *value)
{
	while (rest->len) {
		const char *at = rest->at;
		const char *amp = memchr(at, '&', rest->len);
		size_t len = amp ? (size_t)(amp - at) : rest->len;
		const char *eq = memchr(at, '=', len);
		*key = bytes_of(at, eq ? (size_t)(eq - at) : len);
		*value = eq ? bytes_of(eq + 1, len - key->len - 1) : bytes_of(at + len, 0);
		*rest = bytes_of(at + len + (amp != NULL), rest->len - len - (amp != NULL));
		if (len)
			return true;
	}
	return false;
}
