/* What has to start together, and whether an engine can ever hold it.
 *
 * Replicas are weighed in the engine's own units (slots, CPUs). What starts at one moment
 * are the replicas of all roles whose dependencies have come to hold. Layer 2, pure. */
#pragma once

#include "core/engine_port.h"
#include "core/policy/taskset.h"

/** An engine's room as one TaskSet sees it. */
struct gang_room {
	uint32_t most;    /**< Units at one time; UINT32_MAX: no limit. */
	uint32_t *weight; /**< Of one replica, by role; NULL: 1 each. Owned. */
};

struct gang_need {
	uint64_t units;    /**< That have to be free at one time. */
	uint32_t replicas; /**< That take them. */
	struct bytes role; /**< Whose they are, or empty: of all roles that wait for none. */
};

SL_BEGIN_DECLS

/** Ask the engine. SL_E_NO_MEMORY. */
SL_MUST_USE int gang_room_of(struct engine *e, const struct json *json, const struct taskset *set,
			     struct gang_room *ret);
void gang_room_finip(struct gang_room *room);

/** The most that must ever start at one moment: the roles that wait for no other, or one
 * that does. Those that come to hold at the same time may start one role after another. */
struct gang_need gang_needs(const struct taskset *set, const struct gang_room *room);

SL_END_DECLS
