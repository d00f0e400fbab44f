/* What a plugin's answer says, in a line for the job's log: "priority 10 (user is admin)",
 * "3 roles: count, longest, 2x report", "adds 3x env COST_CENTER, labels {...}".
 *
 * For people; nothing reads it back. Only the first few things are named, the rest is
 * counted, so a line stays short whatever the answer. Without memory it stays empty.
 * Layer 2, pure: any thread. */
#pragma once

#include "core/increment/increment.h"

SL_BEGIN_DECLS

/** The advice of a legal answer of a FactorGenerator. */
void tell_factors(const struct json *answer, struct buf *to);
/** The roles of a TaskSet. */
void tell_roles(const struct json *taskset, struct buf *to);
/** What a decorator or the binder added. */
void tell_additions(const struct increment *increment, struct buf *to);
/** The `error` (or `reason`) of an answer that refuses; nothing if it holds none. */
void tell_refusal(struct bytes body, struct buf *to);

SL_END_DECLS
