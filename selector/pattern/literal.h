/* Texts without which a pattern cannot be found: `admin-[0-9]+` needs "admin-",
 * `(foo|bar)x` needs one of "foo" and "bar".
 *
 * Read from the pattern's own text, and only from what is understood beyond doubt;
 * anything else gives no texts, which is always right. What they are for: a value that
 * holds none of them does not match, and need not be searched.
 *
 * Immutable once made; any thread. */
#pragma once

#include "core/base/err.h"

enum {
	LITERALS_MAX = 8,     /**< Of one pattern; more give none. */
	LITERAL_LEN_MAX = 64, /**< Longer ones are cut. */
};

struct literals {
	uint32_t n;    /**< At least 1. */
	bool caseless; /**< Then they are ASCII, in small letters. */
	struct bytes at[LITERALS_MAX];
};

SL_BEGIN_DECLS

/** `pattern` is one that PCRE2 has compiled. *ret is NULL when it needs nothing that could
 * be told. SL_E_NO_MEMORY. */
SL_MUST_USE int literals_create(struct bytes pattern, bool caseless, bool extended,
				struct literals **ret);
struct literals *literals_free(struct literals *l);

/** Does `value` hold one of them? May say yes for a value that does not. */
bool literals_in(const struct literals *l, struct bytes value);

SL_END_DECLS
