/* Admission held: which jobs are stored and not admitted, until it is released.
 *
 * A hold is for all jobs, those of a kind, those of a user, or those of a kind and a user;
 * a job is held while any hold fits it. Holds lie in the store, so they outlive restarts:
 * META "hold."+kind+0+user. A held job is preparing, its reason code is "held".
 *
 * Layer 2. Threads: reads in any read transaction; writes on the writer's thread. What is
 * read is borrowed until the next write or the end of the transaction. Times are wall
 * milliseconds. */
#pragma once

#include "core/job.h"
#include "store/store.h"

enum { HOLDS_MAX = 256 };

struct hold {
	struct bytes kind, user; /**< Empty: any. */
	struct bytes who;        /**< Id of the token that holds, or words. */
	struct bytes reason;     /**< Or empty. */
	int64_t since_ms;
};

SL_BEGIN_DECLS

/** Hold, or give an older hold of the same jobs a new reason; `since_ms` of that one stays.
 * SL_E_TOO_BIG: there are HOLDS_MAX. */
SL_MUST_USE int hold_put(struct store_txn *txn, const struct hold *hold);
/** SL_E_NOT_FOUND: exactly these jobs are not held. */
SL_MUST_USE int hold_remove(struct store_txn *txn, struct bytes kind, struct bytes user);
/** A hold that fits jobs of this kind and user, the widest; SL_E_NOT_FOUND: none does. */
SL_MUST_USE int hold_find(struct store_txn *txn, struct bytes kind, struct bytes user,
			  struct hold *ret);

typedef void (*hold_fn)(void *user, const struct hold *hold);
/** Each hold. */
SL_MUST_USE int hold_walk(struct store_txn *txn, hold_fn each, void *user);
SL_MUST_USE int hold_count(struct store_txn *txn, size_t *ret);

/** "admission is held", "admission of jobs of kind K of user U is held: why". */
void hold_tell(const struct hold *hold, struct buf *to);

SL_END_DECLS
