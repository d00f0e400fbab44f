/* What makes a set of tables a Sluice store: a mark, a format number and an id in META.
 *
 * Written once, into a new store, and the number when it is moved forward; checked at each
 * open, before anything may write.
 * Private to store/. */
#pragma once

#include "store/store.h"

SL_BEGIN_DECLS

/** Put the marks into a new store. */
void format_write(struct store_txn *txn);
/** Only the number. */
void format_put(struct store_txn *txn);
/** The format, which may be an older one. SL_E_CORRUPT when the store is another program's or
 * newer; `path` is for the words. */
SL_MUST_USE int format_check(struct store_txn *txn, const char *path, long *ret,
			     struct sl_error *err);

SL_END_DECLS
