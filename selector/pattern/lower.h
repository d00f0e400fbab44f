/* Small letters for capital ones, of ASCII only: how texts are compared without regard to case
 * where all that is asked is whether a pattern could match. Eight bytes at a time. */
#pragma once

#include "core/base/base.h"

SL_BEGIN_DECLS

/** Does it hold a capital letter? */
bool lower_has_capitals(struct bytes text);
/** `to` has room for `from.len` bytes. */
void lower_text(char *to, struct bytes from);

SL_END_DECLS
