/* A stored job, its TaskSet and its replicas put together for showing. A TaskSet that is
 * absent or not valid (yet) leaves `set` NULL. Borrows from the transaction. */
#pragma once

#include "core/ledger/ledger.h"
#include "core/policy/policy.h"

struct set_view {
	const struct job *job;
	struct bytes text; /**< The stored TaskSet, or empty. */
	struct json json;
	struct taskset *set;
	struct policy *policy; /**< Holds the replicas, and knows the states of the roles. */
};

enum { SET_VIEW_POD_SIZE = 256 };

SL_BEGIN_DECLS

/** `*v` may be given to set_view_fini() whatever is returned. */
SL_MUST_USE int set_view_load(struct store_txn *txn, const struct job *job, struct set_view *v);
void set_view_fini(struct set_view *v);

/** Its name at the engine, or TASKSET-ROLE-INDEX where that gives none. */
const char *set_view_pod_name(const struct set_view *v, uint32_t role, uint32_t index,
			      char out[SET_VIEW_POD_SIZE]);
const char *set_view_role_state(const struct set_view *v, uint32_t role);
const char *set_view_replica_state(const struct set_view *v, const struct replica *r);
/** Retries of the whole set, and of replicas beside them. */
uint64_t set_view_retries(const struct set_view *v);

SL_END_DECLS
