/* How stores of older formats are moved forward: one step from each format to the next, all
 * of them in one transaction, after a copy was put beside (store/store.h).
 *
 *   1 -> 2   jobs that ended before there was an index by their end get into it, so that they
 *            are erased in their time, and what their stages were given is cut down
 *   2 -> 3   documents that are there stay as they lie, and are found so (core/ledger/docs.h)
 *
 * Layer 2. */
#pragma once

#include "store/store.h"

SL_BEGIN_DECLS

/** STORE_FORMAT - 1 of them. */
extern const store_step_fn ledger_steps[STORE_FORMAT - 1];

SL_END_DECLS
