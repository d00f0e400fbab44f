/* Bytes that grow, up to a ceiling given at the start.
 *
 * The first failure (ceiling: SL_E_TOO_BIG, memory: SL_E_NO_MEMORY) sticks in `rc`;
 * later appends do nothing, so a writer checks once at its end. The owner frees with
 * buf_fini(); buf_steal() hands the memory on. Not for sharing between threads. */
#pragma once

#include "core/base/err.h"

enum { NUMBER_TEXT_SIZE = 21 }; /**< Of a number in decimal, with its NUL. */

struct buf {
	char *at;
	size_t len, cap, max;
	int rc;
};

SL_BEGIN_DECLS

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /**< Frees; the buf may be used again from buf_init(). */
void buf_reset(struct buf *b); /**< Empty, error forgotten, memory kept. */

void buf_add(struct buf *b, const void *at, size_t len);
void buf_add_bytes(struct buf *b, struct bytes bytes);
void buf_add_str(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_add_number(struct buf *b, uint64_t n); /**< In decimal, without printf's price. */
void buf_addf(struct buf *b, const char *fmt, ...) SL_PRINTF(2, 3);

/** `n` in decimal and a NUL; its length. */
size_t number_format(uint64_t n, char out[NUMBER_TEXT_SIZE]);

/** Room for `len` more bytes at the end, or NULL; advance `len` yourself. */
void *buf_room(struct buf *b, size_t len);

/** Always NUL-terminated behind `len` (not counted); "" when empty or failed. */
const char *buf_str(struct buf *b);

static inline struct bytes buf_bytes(const struct buf *b) { return bytes_of(b->at, b->len); }

/** The memory, now the caller's to free(); the buf is empty. NULL when nothing was written. */
char *buf_steal(struct buf *b, size_t *ret_len);

static inline void buf_finip(struct buf *b) { buf_fini(b); }

SL_END_DECLS
