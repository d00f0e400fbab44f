#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 256 };

void buf_init(struct buf *b, size_t max) { *b = (struct buf){.max = max}; }

void buf_fini(struct buf *b)
{
	free(b->at);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->rc = 0;
}

/* One byte more than `len` is always kept free for the NUL of buf_str(). */
static bool grow(struct buf *b, size_t len)
{
	if (b->rc)
		return false;
	if (len > b->max - b->len) {
		b->rc = SL_E_TOO_BIG;
		return false;
	}
	size_t need = b->len + len + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : FIRST_SIZE;
	while (cap < need)
		cap *= 2;
	char *at = realloc(b->at, cap);
	if (!at) {
		b->rc = SL_E_NO_MEMORY;
		return false;
	}
	b->at = at;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *at, size_t len)
{
	if (len && grow(b, len)) {
		memcpy(b->at + b->len, at, len);
		b->len += len;
	}
}

void buf_add_bytes(struct buf *b, struct bytes bytes) { buf_add(b, bytes.at, bytes.len); }
void buf_add_str(struct buf *b, const char *text) { buf_add(b, text, strlen(text)); }
void buf_add_char(struct buf *b, char c) { buf_add(b, &c, 1); }

size_t number_format(uint64_t n, char out[NUMBER_TEXT_SIZE])
{
	char digit[NUMBER_TEXT_SIZE];
	size_t at = sizeof(digit);
	digit[--at] = '\0';
	do
		digit[--at] = (char)('0' + n % 10);
	while (n /= 10);
	memcpy(out, digit + at, sizeof(digit) - at);
	return sizeof(digit) - at - 1;
}

void buf_add_number(struct buf *b, uint64_t n)
{
	char text[NUMBER_TEXT_SIZE];
	buf_add(b, text, number_format(n, text));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && grow(b, (size_t)n)) {
		vsnprintf(b->at + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void *buf_room(struct buf *b, size_t len) { return grow(b, len) ? b->at + b->len : NULL; }

const char *buf_str(struct buf *b)
{
	if (!b->at)
		return "";
	b->at[b->len] = '\0';
	return b->at;
}

char *buf_steal(struct buf *b, size_t *ret_len)
{
	char *at = b->at;
	if (at)
		at[b->len] = '\0';
	if (ret_len)
		*ret_len = b->len;
	*b = (struct buf){.max = b->max};
	return at;
}
