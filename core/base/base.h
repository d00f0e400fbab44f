/* The smallest shared vocabulary: attributes, borrowed bytes, scoped cleanup.
 *
 * Layer 0: includes nothing of ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define SL_BEGIN_DECLS extern "C" {
#define SL_END_DECLS   }
#else
#define SL_BEGIN_DECLS
#define SL_END_DECLS
#endif

#define SL_MUST_USE          __attribute__((warn_unused_result))
#define SL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SL_UNUSED            __attribute__((unused))

#define countof(array)                  (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/** Borrowed bytes: never freed through, valid only as long as the lender says.
 * `at` may be NULL when `len` is 0. */
struct bytes {
	const void *at;
	size_t len;
};

/** A string literal as bytes, without its final NUL. */
#define BYTES(literal) ((struct bytes){"" literal, sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *at, size_t len)
{
	struct bytes b = {at, len};
	return b;
}

/** A C string as bytes; NULL gives empty bytes. */
static inline struct bytes bytes_str(const char *text)
{
	return bytes_of(text, text ? strlen(text) : 0);
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
	return bytes_eq(a, bytes_str(text));
}

static inline bool bytes_starts(struct bytes a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.len >= n && memcmp(a.at, prefix, n) == 0;
}

/** memcmp order; a prefix sorts before what it begins. */
static inline int bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.at, b.at, n) : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

/** Cut `text` to at most `max` bytes without splitting a UTF-8 character. */
static inline struct bytes bytes_cut(struct bytes text, size_t max)
{
	const uint8_t *at = (const uint8_t *)text.at;
	if (text.len <= max)
		return text;
	while (max > 0 && (at[max] & 0xc0) == 0x80)
		max--;
	return bytes_of(at, max);
}

/** For printf's "%.*s". */
#define BYTES_FMT(b) (int)((b).len), (const char *)((b).at ? (b).at : "")

/** Run `fn(&var)` when `var` leaves its scope. */
#define scoped(fn) __attribute__((cleanup(fn)))

/** Define `name##p`, the scoped() form of a destructor that accepts NULL and returns NULL. */
#define SL_DEFINE_SCOPED(type, name)                                                               \
	static inline void name##p(type **p) { *p = name(*p); }

/** Hand a pointer on and forget it: `return take_ptr(&job);` */
#define take_ptr(p)                                                                                \
	__extension__({                                                                            \
		__typeof__(p) slot_ = (p);                                                         \
		__typeof__(*slot_) got_ = *slot_;                                                  \
		*slot_ = NULL;                                                                     \
		got_;                                                                              \
	})
