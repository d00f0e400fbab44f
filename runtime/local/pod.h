/* Looking at a PodTemplateSpec: the few fields this engine understands, by their names
 * in Kubernetes. Used by check (may it run?) and plan (how?).
 *
 * A pod owns its index and scratch memory; the text is borrowed. One thread at a time. */
#pragma once

#include "core/base/buf.h"
#include "core/json/index.h"
#include "runtime/local/cgroup.h"

struct pod {
	struct json json;
	json_at root; /**< The PodTemplateSpec. */
	json_at spec; /**< Its `spec`, or JSON_NONE. */
	struct buf scratch;
};

SL_BEGIN_DECLS

SL_MUST_USE int pod_parse(struct pod *pod, struct bytes text, struct sl_error *err);
void pod_finip(struct pod *pod);

/** The first element, or JSON_NONE also for what is no array. */
json_at pod_first(const struct pod *pod, json_at array);
/** A string, borrowed from the pod until the next call; SL_E_INVALID with words. */
SL_MUST_USE int pod_string(struct pod *pod, json_at at, struct bytes *ret, struct sl_error *err);
/** Put the place of `at` in front of the words. */
int pod_wrap(const struct pod *pod, json_at at, int code, struct sl_error *err);

uint32_t pod_grace_s(const struct pod *pod, uint32_t otherwise); /**< 0 to PLAN_GRACE_MAX_S. */

/** Whole CPUs its first container may use, rounded up; 1 where it does not say or not
 * understandably: "2", 2, "1500m", 0.5. `spec` is a pod's spec. */
uint32_t pod_cpus(const struct json *json, json_at spec);

/** What `resources.limits` of a container say: memory, cpu, pids, ephemeral-storage (of one
 * file). SL_E_INVALID with the place for what is no amount. */
SL_MUST_USE int pod_limits(const struct json *json, json_at container, struct limits *ret,
			   struct sl_error *err);

/** Its `priority`, or that of its priorityClassName among `classes` ("NAME=NUMBER",
 * NULL-ended; or NULL), or 0. SL_E_INVALID with words for a class that is not there. */
SL_MUST_USE int pod_priority(const struct json *json, json_at spec, const char *const *classes,
			     int32_t *ret, struct sl_error *err);

SL_END_DECLS
