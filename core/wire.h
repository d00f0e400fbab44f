/* Little-endian numbers and length-prefixed strings in our stored records.
 *
 * Writing appends to a buf; reading walks a struct wire whose first fault sticks: after
 * it every read gives zero, and the reader checks `bad` once at its end. Keys are
 * big-endian instead, so that they sort by number: wire_be32(), wire_be64(). */
#pragma once

#include "core/base/buf.h"

struct wire {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct wire wire_of(struct bytes b)
{
	const uint8_t *at = (const uint8_t *)b.at;
	struct wire w = {at, at + b.len, false};
	return w;
}

static inline void wire_put(struct buf *to, uint64_t value, unsigned size)
{
	uint8_t at[8];
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
	buf_add(to, at, size);
}

static inline void wire_put_bytes(struct buf *to, struct bytes text)
{
	wire_put(to, text.len, 4);
	buf_add_bytes(to, text);
}

/** In as few bytes as it takes, seven bits in each, the lowest first. */
static inline void wire_put_var(struct buf *to, uint64_t value)
{
	uint8_t at[10];
	unsigned n = 0;
	for (; value > 127; value >>= 7)
		at[n++] = (uint8_t)(value | 128);
	at[n++] = (uint8_t)value;
	buf_add(to, at, n);
}

static inline uint64_t wire_get(struct wire *w, unsigned size)
{
	if (w->bad || (size_t)(w->end - w->at) < size) {
		w->bad = true;
		return 0;
	}
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)w->at[i] << (8 * i);
	w->at += size;
	return value;
}

/** One over `most` is a fault. */
static inline uint64_t wire_get_var(struct wire *w, uint64_t most)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint64_t byte = wire_get(w, 1), bits = byte & 127;
		value |= bits << shift;
		if (shift && (bits << shift) >> shift != bits)
			break;
		if (byte < 128) {
			w->bad |= value > most;
			return w->bad ? 0 : value;
		}
	}
	w->bad = true;
	return 0;
}

/** The next `len` bytes. */
static inline struct bytes wire_get_some(struct wire *w, size_t len)
{
	if (w->bad || (size_t)(w->end - w->at) < len) {
		w->bad = true;
		return bytes_of("", 0);
	}
	struct bytes text = bytes_of(w->at, len);
	w->at += len;
	return text;
}

static inline struct bytes wire_get_bytes(struct wire *w)
{
	return wire_get_some(w, (size_t)wire_get(w, 4));
}

static inline void wire_be32(uint8_t to[4], uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void wire_be64(uint8_t to[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (56 - 8 * i));
}

static inline uint64_t wire_from_be(const uint8_t *from, unsigned size)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | from[i];
	return value;
}
