/* The TaskSet: the common form of every job, read from JSON, checked, and given its
 * defaults. The document stays bytes; this is the part of it that the policies need.
 *
 * Strings are borrowed from the indexed text, which must outlive the taskset. Layer 2,
 * pure: any thread. */
#pragma once

#include "core/json/index.h"

struct arena;

enum { TASKSET_ROLES_MAX = 256, TASKSET_REPLICAS_MAX = 10000 };

enum dep_on { DEP_SUCCEEDED, DEP_FAILED, DEP_ENDED };
enum role_event { ROLE_FAILED, ROLE_SUCCEEDED, ROLE_COMPLETED, ROLE_EVENTS };
enum role_action { ACTION_NONE, ACTION_FAIL, ACTION_SUCCEED, ACTION_COMPLETE };
enum gang { GANG_AUTO, GANG_TOGETHER, GANG_SINGLE };

struct role_dep {
	uint32_t role;
	enum dep_on on;
};

struct retry_policy {
	bool on;
	uint32_t delay_s, max;
};

struct role {
	struct bytes name;
	json_at at, pod; /**< The role object; its `template`. */
	uint32_t replicas, min_succeeded, max_failed;
	struct retry_policy retry;
	enum role_action action[ROLE_EVENTS]; /**< What is looked up is resolved: ROLE_COMPLETED
					       * fills the specific ones that were not given. */
	struct role_dep *dep;
	uint32_t deps;
	uint32_t deadline_s;     /**< Role's, 0 for none. */
	uint32_t pod_deadline_s; /**< Of one replica. */
	int32_t priority;        /**< Of the pod. */
};

struct taskset {
	struct bytes name, engine; /**< Empty when absent. */
	enum gang gang;
	struct retry_policy retry;
	uint32_t deadline_s;
	struct arena *texts; /**< Names that had to be decoded. */
	struct role *role;
	uint32_t roles, replicas; /**< `replicas` in all roles together. */
};

SL_BEGIN_DECLS

/** Check and read. SL_E_LACK or SL_E_INVALID with the place in the document
 * ("spec.roles[1].replicas: ..."), put behind `place` ("job." for a submission, "" else). */
SL_MUST_USE int taskset_read(const struct json *json, json_at at, struct taskset **ret,
			     struct sl_error *err);
struct taskset *taskset_free(struct taskset *t);

/** Append the document with every default filled in (spec "Validation"); what is there
 * is copied as it stands. */
SL_MUST_USE int taskset_fill(const struct json *json, json_at at, struct buf *to,
			     struct sl_error *err);

SL_DEFINE_SCOPED(struct taskset, taskset_free)

SL_END_DECLS
