/* One replica's record as it is stored, one by one, never as part of a large document. */
#pragma once

#include "core/policy/policy.h"
#include "store/store.h"

SL_BEGIN_DECLS

void replica_encode(const struct replica *r, struct buf *to);
SL_MUST_USE int replica_decode(struct bytes record, struct replica *ret);

void ledger_put_replica(struct store_txn *txn, struct uuid job, uint32_t role, uint32_t index,
			const struct replica *r);
typedef void (*ledger_replica_fn)(void *user, uint32_t role, uint32_t index,
				  const struct replica *r);
/** All stored replicas of a job in order; those never started have no record. */
SL_MUST_USE int ledger_replicas(struct store_txn *txn, struct uuid job, ledger_replica_fn each,
				void *user);

SL_END_DECLS
